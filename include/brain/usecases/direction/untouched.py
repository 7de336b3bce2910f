"""Which models need no training, told without looking at a row: nothing that decides it has changed.

Importing it is cheap: on a day with nothing new neither scikit-learn nor a row of the lake is loaded.
"""

from __future__ import annotations

import json
import logging
from hashlib import sha256
from typing import TYPE_CHECKING
from zlib import crc32

from brain.core.own_code import hash_of_code
from brain.learning.candidate import Skipped
from brain.learning.policy import decide
from brain.usecases.direction.column_leaks import corrected
from brain.usecases.direction.names import CLOSE, SPACE, model_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from brain.core.keys import ModelKey, Sha256
    from brain.lake.manifest import Version
    from brain.learning.candidate import ChampionSummary
    from brain.usecases.direction.catalogue import AssetSpec
    from brain.usecases.protocol import Run

log = logging.getLogger(__name__)

_CODE = ("usecases/direction", "learning", "portable")
_LIBRARIES = ("numpy", "pandas", "scikit-learn", "lightgbm", "scipy")


def made_from(data_sha256: Sha256, spec: AssetSpec, refused: Mapping[str, str]) -> str:
    """A hash of all that decides which features a snapshot has, and whether they have drifted.

    Args:
        refused: Columns that were corrected again and again, each with the evidence.
    """
    told = [data_sha256, spec.model_dump(mode="json"), dict(sorted(refused.items())), hash_of_code(_CODE, _LIBRARIES)]
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def corrected_columns(run: Run, asset: str) -> Mapping[str, str]:
    """Columns that were corrected again and again in the extractions known at the moment of the run."""
    return corrected(_known_versions(run, asset), CLOSE)


def _known_versions(run: Run, asset: str) -> list[Version]:
    """The versions of an asset's rows known at the moment of the run, oldest first."""
    manifest = run.lake.manifest(SPACE, asset)
    versions = manifest.versions if manifest else ()
    return [version for version in versions if version.moment.at <= run.moment.at]


def waiting(run: Run, spec: AssetSpec, champions: Iterable[ChampionSummary]) -> dict[Sha256, str]:
    """By the snapshot they were trained on, why some champions are served as they are, although rows are new.

    Models are refitted every `training.refresh_after_rows` rows, assets in turn, so that every day has its share of
    them. Those of another catalogue or code, or of rows that were corrected or are not known any more, never wait.
    """
    every = spec.training.refresh_after_rows
    if every == 1:
        return {}
    versions, refused = _known_versions(run, spec.name), corrected_columns(run, spec.name)
    places = {version.data_sha256: place for place, version in enumerate(versions[:-1])}
    offset = crc32(spec.name.encode()) % every
    told = {}
    for champion in champions:
        place = places.get(champion.data_sha256)
        if place is None or champion.made_from != made_from(champion.data_sha256, spec, refused):
            continue
        before, now = versions[place].rows, versions[-1].rows
        same_turn = (before + offset) // every == (now + offset) // every
        if same_turn and all(version.status == "appended" for version in versions[place + 1 :]):
            new = f"{now - before} new {'row' if now - before == 1 else 'rows'}"
            told[champion.data_sha256] = f"{new}; refitted every {every} rows"
    return told


def untouched(run: Run, units: Sequence[str]) -> dict[str, list[Skipped]]:
    """The assets none of whose models needs training, with a result for each horizon.

    Such an asset has champions that were all made by this code and this catalogue, and of its newest snapshot, or of
    one before it while they wait for their turn: whoever looked at the rows would find the same features and the same
    drift, and skip them.
    """
    found: dict[str, dict[ModelKey, ChampionSummary]] = {name: {} for name in units}
    for key, champion in run.store.champion_summaries(list(units)).items():
        found[key.entity][key] = champion.basis
    told = {name: _looked_up(run, name, champions) for name, champions in found.items() if champions}
    return {name: skipped for name, skipped in told.items() if skipped}


def _looked_up(run: Run, name: str, champions: Mapping[ModelKey, ChampionSummary]) -> list[Skipped]:
    """As `_skipped`; of an asset of which something cannot be read training says so."""
    try:
        return _skipped(run, name, champions)
    except Exception as error:
        log.info("%s is looked at: %s", name, error)
        return []


def _skipped(run: Run, name: str, champions: Mapping[ModelKey, ChampionSummary]) -> list[Skipped]:
    """A result for each horizon of an asset; empty where one of its models may need training."""
    spec = run.section.asset(name)
    snapshot = run.lake.as_of(SPACE, name, run.moment)
    if snapshot is None:
        return []
    refused, few = corrected_columns(run, name), waiting(run, spec, champions.values())
    if any(one.made_from != made_from(one.data_sha256, spec, refused) for one in champions.values()):
        return []
    results = []
    for key in (model_key(name, horizon) for horizon in spec.horizons):
        champion = champions.get(key)
        if champion is None:
            return []
        decision = decide(
            champion,
            features=champion.features,
            data_sha256=snapshot.data_sha256,
            now=run.moment.at,
            settings=spec.training,
            alarm=run.alarm(key),
            waiting=few.get(champion.data_sha256, ""),
        )
        if decision.action != "skip":
            return []
        results.append(Skipped(key, decision))
    return results
