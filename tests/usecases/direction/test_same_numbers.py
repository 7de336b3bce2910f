"""Training gives the numbers it gave when `trained.json` was made.

``PYTHONPATH=. python tests/usecases/direction/test_same_numbers.py`` makes it anew, where a number
is meant to change.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.grid.series import random_walk
from brain.core.keys import Sha256
from brain.core.moment import Moment
from brain.learning.candidate import Candidate, ChampionSummary, DataReference
from brain.portable.heads import Blend
from brain.usecases.direction.catalogue import AssetSpec
from brain.usecases.direction.names import horizon_of
from brain.usecases.direction.peer_shares import PeerShares
from brain.usecases.direction.trainer import History, train_asset

KEPT = Path(__file__).with_name("trained.json")
HORIZONS = (1, 5, 20)
NOW = Moment(datetime(2024, 1, 2, tzinfo=UTC))
EXACT = 1e-12  # last bits may differ between processors
FAMILIES = ("logistic", "boosting")
PEERS = PeerShares({5: {2003: (500, 1000), 2005: (1500, 2200)}, 20: {2004: (900, 1600)}})


def _spec(family: str) -> AssetSpec:
    training = {"trials": 6, "classifiers": [family]}
    return AssetSpec.model_validate({"name": "WALK", "table": "walk", "horizons": HORIZONS, "training": training})


def _trained(
    spec: AssetSpec, rows: int, sha256: str, champions: dict[int, ChampionSummary], moment: Moment
) -> list[Candidate]:
    frame = random_walk(rows, 3, HORIZONS)
    frame.loc[:300, "momentum_60"] = np.nan
    frame.loc[500, "momentum_1"] = np.inf
    frame.loc[600:605, "RETURNS5"] = np.nan
    history = History(frame, DataReference(Sha256(sha256 * 64), date(2024, 1, 1), ("walk",)), PEERS)
    results = train_asset(history, spec, champions, moment=moment)
    candidates = [result for result in results if isinstance(result, Candidate)]
    assert len(candidates) == len(HORIZONS)
    return candidates


def _summary(found: Candidate) -> ChampionSummary:
    return ChampionSummary(
        1, found.parameters, found.features, found.searched_at, found.trained_at, found.data.data_sha256
    )


def _told(found: Candidate) -> dict[str, Any]:
    said = found.pipeline.predict_proba(found.check_rows)[:, 1]
    head = found.head
    assert isinstance(head, Blend)
    return {
        "decision": asdict(found.decision),
        "parameters": dict(found.parameters),
        "metrics": dict(found.metrics),
        "head": {"base_rate": head.base_rate, "slope": head.slope, "center": head.center},
        "base_rate": dict(found.extra["base_rate"]),
        "said": [float(said.mean()), float(said[0]), float(said[-1])],
    }


def what_training_gives(family: str) -> dict[str, Any]:
    """A search, then a refresh on more rows, as plain JSON."""
    searched = _trained(_spec(family), 1900, "a", {}, NOW)
    champions = {horizon_of(found.key.target): _summary(found) for found in searched}
    refreshed = _trained(_spec(family), 1930, "b", champions, Moment(NOW.at + timedelta(days=1)))
    return {"search": list(map(_told, searched)), "refresh": list(map(_told, refreshed))}


def _hexed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _hexed(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return list(map(_hexed, value))
    return float(value).hex() if isinstance(value, float) else value


def _flat(value: Any, place: str = "") -> dict[str, Any]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if isinstance(value, dict | list):
        return {name: leaf for key, inner in items for name, leaf in _flat(inner, f"{place}/{key}").items()}
    return {place: float.fromhex(value) if isinstance(value, str) and value.lstrip("-").startswith("0x") else value}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_numbers_come_out_of_a_search_and_a_refresh(family: str) -> None:
    kept, now = _flat(json.loads(KEPT.read_text(encoding="utf-8"))[family]), _flat(_hexed(what_training_gives(family)))
    numbers = {place: value for place, value in kept.items() if isinstance(value, float)}
    assert len(numbers) > 100
    assert {place: now.get(place) for place in numbers} == pytest.approx(numbers, rel=EXACT, abs=EXACT)
    others = {place: value for place, value in kept.items() if place not in numbers}
    assert {place: value for place, value in now.items() if place not in numbers} == others


if __name__ == "__main__":
    given = {family: _hexed(what_training_gives(family)) for family in FAMILIES}
    KEPT.write_text(json.dumps(given, indent=1) + "\n", encoding="utf-8")
