"""Which models need no training, told without looking at a row: nothing that decides it has changed.

Importing it is cheap: on a day with nothing new neither scikit-learn nor a row of the lake is loaded.
"""

from __future__ import annotations

import json
import logging
from hashlib import sha256
from typing import TYPE_CHECKING

from brain.core.own_code import hash_of_code
from brain.learning.candidate import Skipped
from brain.learning.policy import decide
from brain.usecases.direction.column_leaks import corrected
from brain.usecases.direction.names import CLOSE, SPACE, model_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brain.core.keys import ModelKey, Sha256
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
    manifest = run.lake.manifest(SPACE, asset)
    versions = manifest.versions if manifest else ()
    return corrected((version for version in versions if version.moment.at <= run.moment.at), CLOSE)


def untouched(run: Run, units: Sequence[str]) -> dict[str, list[Skipped]]:
    """The assets none of whose models needs training, with a result for each horizon.

    Such an asset has champions that were all made of its newest snapshot, by this code and this catalogue: whoever
    looked at the rows would find the same features and the same drift, and skip them.
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
    now = made_from(snapshot.data_sha256, spec, corrected_columns(run, name))
    if any(champion.made_from != now for champion in champions.values()):
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
        )
        if decision.action != "skip":
            return []
        results.append(Skipped(key, decision))
    return results
