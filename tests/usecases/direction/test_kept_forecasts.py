"""What is kept of the past saves fits and changes no bit of a number; where it does not hold, all is fitted again."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.grid.series import random_walk
from brain.core.keys import Sha256
from brain.core.moment import Moment
from brain.lake.lake import Lake
from brain.learning import fitting, kept
from brain.learning.candidate import Candidate, ChampionSummary, DataReference
from brain.learning.kept import KeptForecasts, Said, Stretch, from_bytes, to_bytes
from brain.usecases.direction.catalogue import AssetSpec
from brain.usecases.direction.keeping import FOLDER, keep_forecasts, kept_forecasts
from brain.usecases.direction.trainer import History, train_asset

HORIZONS = (1, 20)
ROWS = 900
MODELS = {
    "classifier": "boosting + quadratic + logistic",
    "recipes": [
        {"classifier": "boosting", "select": "none", "trees": 5, "rate": 0.1, "leaves": 4, "leaf": 0.05}
        | {"features": 1.0, "ridge": 10.0, "seed": 7},
        {"classifier": "quadratic", "C": 0.01, "terms": 10, "seed": 7},
        {"classifier": "logistic", "scale": "standard", "select": "k_best", "share": 0.5, "C": 0.1, "penalty": "l1"}
        | {"seed": 7},
    ],
}
MONDAY = Moment(datetime(2024, 1, 1, tzinfo=UTC))
SPEC = AssetSpec.model_validate({"name": "WALK", "table": "walk", "horizons": HORIZONS})
WHOLE = random_walk(ROWS + 20, 3, HORIZONS)


def known(rows: int) -> pd.DataFrame:
    """The table when it had so many rows."""
    frame = WHOLE[:rows].copy()
    for horizon in HORIZONS:
        frame.loc[rows - horizon :, f"RETURNS{horizon}"] = np.nan
    return frame


def refreshed(frame: pd.DataFrame, found: dict[int, KeptForecasts]) -> list[Candidate]:
    """The models refitted to all of `frame`."""
    at = Moment(MONDAY.at + timedelta(days=len(frame)))
    features = tuple(str(name) for name in frame if str(name) not in ("Date", "Close") and "RETURNS" not in str(name))
    champion = ChampionSummary(1, MODELS, features, at.at, MONDAY.at, Sha256("a" * 64))
    history = History(frame, DataReference(Sha256("b" * 64), date(2024, 1, 1), ("walk",)), kept=found)
    results = train_asset(history, SPEC, dict.fromkeys(HORIZONS, champion), moment=at)
    assert all(isinstance(one, Candidate) and one.decision.action == "refresh" for one in results), results
    return [one for one in results if isinstance(one, Candidate)]


def bits(candidates: list[Candidate]) -> list[Any]:
    """Every number of the models, to the last bit."""
    return [
        (one.metrics, one.head.to_json(), one.extra["base_rate"], one.pipeline.predict_proba(one.check_rows).tobytes())
        for one in candidates
    ]


def anew(frame: pd.DataFrame) -> list[Any]:
    return bits(refreshed(frame, {}))


def trained(lake: Lake, frame: pd.DataFrame) -> tuple[list[Any], int]:
    """The numbers, with what the lake keeps, and how many forecasts were found there."""
    found = kept_forecasts(lake, "WALK", HORIZONS)
    numbers = bits(refreshed(frame, found))
    keep_forecasts(lake, "WALK", found)
    return numbers, sum(one.found for one in found.values())


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


FOLDS = 7 * len(HORIZONS) * 3


def test_every_day_has_the_bits_of_a_fit_from_nothing(lake: Lake) -> None:
    """New rows one by one, and several at once after a day that was missed."""
    found = []
    for rows in (ROWS, ROWS + 1, ROWS + 2, ROWS + 5):
        numbers, count = trained(lake, known(rows))
        assert numbers == anew(known(rows))
        found.append(count)
    assert found[0] == 0
    assert all(FOLDS / 4 < count < FOLDS for count in found[1:3]), found
    assert 0 < found[3] < found[2], found


def test_a_corrected_row_is_found_in_what_it_touches(lake: Lake) -> None:
    trained(lake, known(ROWS))
    for row, least, most in ((ROWS - 200, 1, FOLDS - 6), (5, 0, 0)):
        frame = known(ROWS)
        frame["momentum_1"] = frame["momentum_1"].where(frame.index != row, 0.001)
        found = kept_forecasts(lake, "WALK", HORIZONS)
        numbers = bits(refreshed(frame, found))
        assert numbers == anew(frame)
        assert least <= sum(one.found for one in found.values()) <= most


@pytest.mark.parametrize("changed", ["another release", "another library"])
def test_other_code_or_libraries_find_nothing_and_say_so(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, changed: str
) -> None:
    trained(lake, known(ROWS))
    monkeypatch.setattr(kept, "hash_of_code", lambda *_: changed)
    with caplog.at_level(logging.INFO):
        numbers, found = trained(lake, known(ROWS))
    assert (numbers, found) == (anew(known(ROWS)), 0)
    assert "WALK: all folds are fitted again: another release or other libraries" in caplog.text
    assert trained(lake, known(ROWS))[1] == FOLDS


@pytest.mark.parametrize("spoilt", [b"", b"null\nnull", b'{"made_by": 1}', b'""\n{"said": []}'])
def test_what_was_altered_is_not_used_and_that_is_said(
    lake: Lake, caplog: pytest.LogCaptureFixture, spoilt: bytes
) -> None:
    lake.write_signed(f"{FOLDER}/WALK", spoilt)
    with caplog.at_level(logging.INFO):
        found = kept_forecasts(lake, "WALK", HORIZONS)
    assert not any(one.known for one in found.values())
    assert "WALK: all folds are fitted again" in caplog.text


def test_models_that_are_not_trained_now_keep_theirs(lake: Lake) -> None:
    said, other = Said("a", 0.1, np.array([1.0, 2.0])), Said("b", -0.0, np.array([np.pi]))
    keep_forecasts(lake, "WALK", {1: KeptForecasts({}, {"x": said}), 5: KeptForecasts({}, {"y": other})})
    found = kept_forecasts(lake, "WALK", (1, 5, 20))
    assert [list(one.known) for one in found.values()] == [["x"], ["y"], []]
    keep_forecasts(lake, "WALK", {**found, 1: KeptForecasts(found[1].known, {"z": said})})
    assert [list(one.known) for one in kept_forecasts(lake, "WALK", (1, 5)).values()] == [["z"], ["y"]]


def test_numbers_come_back_bit_for_bit() -> None:
    odds = np.random.default_rng(1).normal(size=9)
    found = from_bytes(to_bytes({"5": {"x": Said("a", 0.1 + 0.2, odds)}, "1": {}}))
    assert found is not None
    assert list(found) == ["5"]
    assert (found["5"]["x"].center, found["5"]["x"].odds.tobytes()) == (0.1 + 0.2, odds.tobytes())
    with pytest.raises(ValueError, match="9 log-odds; expected 8"):
        from_bytes(to_bytes({"5": {"x": Said("a", 0.0, odds)}}).replace(b"0.0, 9]", b"0.0, 8]"))


def test_a_stretch_does_not_move_with_the_rows_that_are_known() -> None:
    X = np.arange(100.0)[:, None]
    stretch = Stretch.covering(30, 93)
    assert (stretch, Stretch.covering(30, 30)) == (Stretch(30, 64), Stretch(30, 64))
    assert Stretch.covering(30, 94).length == 128
    assert stretch.known(X).ravel().tolist() == list(range(30, 94))
    assert Stretch(90, 64).known(X).ravel().tolist() == list(range(90, 100))
    assert Stretch(90, 64).filled(X).ravel().tolist() == [*range(90, 100), *[99] * 54]


def test_a_fit_that_is_known_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {horizon: KeptForecasts() for horizon in HORIZONS}
    refreshed(known(ROWS), found)
    again = {horizon: KeptForecasts(one.said) for horizon, one in found.items()}
    made: list[int] = []
    fit = fitting._fit

    def counted(training: Any, parameters: Any, rows: Any) -> Any:
        made.append(len(rows))
        return fit(training, parameters, rows)

    monkeypatch.setattr(fitting, "_fit", counted)
    refreshed(known(ROWS), again)
    assert len(made) == 3 * len(HORIZONS), "only those to all rows, which are stored"
