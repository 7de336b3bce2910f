"""The gate in front of the published tables refuses what is no probability, and says which cell."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from brain.core.moment import Moment
from brain.quality.result import GateResult
from brain.usecases.direction.published_check import check_probabilities

MOMENT = Moment(datetime(2024, 1, 9, 6, tzinfo=UTC))


def check(frame: pd.DataFrame) -> GateResult:
    return check_probabilities({"probability_details": frame}, MOMENT)


def cells(**changes: Any) -> pd.DataFrame:
    """Four good cells; `changes` replace the values of the first."""
    frame = pd.DataFrame(
        {
            "asset": ["GOLD", "GOLD", "SILVER", "SILVER"],
            "horizon": [5, 20, 5, 20],
            "as_of": [date(2024, 1, 8)] * 4,
            "probability": [0.6, 0.5, 0.4, 0.7],
            "base_rate": [0.55] * 4,
            "model_version": [1] * 4,
            "trained_at": [MOMENT.at] * 4,
            "reason": [None] * 4,
        }
    ).astype(object)
    for column, value in changes.items():
        frame.loc[0, column] = value
    return frame


def test_good_cells_pass() -> None:
    report = check(cells())
    assert report.passed
    assert report.findings == ()


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"probability": 1.2}, "probability"),
        ({"probability": -0.1}, "probability"),
        ({"probability": np.inf}, "probability"),
        ({"probability": "high"}, "probability"),
        ({"base_rate": 1.0}, "base_rate"),
        ({"base_rate": 0.0}, "base_rate"),
        ({"base_rate": None}, "provenance"),
        ({"model_version": None}, "provenance"),
        ({"as_of": None}, "provenance"),
        ({"as_of": date(2024, 1, 10)}, "not_from_the_future"),
        ({"trained_at": MOMENT.at + timedelta(seconds=1)}, "trained_by_then"),
    ],
)
def test_a_wrong_cell_is_refused(changes: dict[str, Any], rule: str) -> None:
    report = check(cells(**changes))
    assert not report.passed
    assert [finding.rule for finding in report.failures] == [rule]
    assert "GOLD" in report.reason


@pytest.mark.parametrize(
    "changes", [{"probability": 0.0}, {"probability": 1.0}, {"as_of": date(2024, 1, 9)}, {"base_rate": 1e-9}], ids=str
)
def test_the_limits_themselves_pass(changes: dict[str, Any]) -> None:
    report = check(cells(**changes))
    assert report.passed
    assert {finding.rule for finding in report.findings} <= {"neighbouring_horizons"}


def test_a_cell_without_a_probability_owes_no_provenance() -> None:
    assert check(cells(probability=None, model_version=None)).passed


def test_a_probability_that_is_no_number_is_refused_beside_one_that_is_missing() -> None:
    frame = cells(probability="high")
    frame.loc[1, "probability"] = None
    report = check(frame)
    assert [(finding.rule, finding.examples) for finding in report.failures] == [("probability", ("GOLD 5",))]


def test_an_unscored_cell_is_a_warning() -> None:
    nothing = {"probability": None, "base_rate": None, "as_of": None, "model_version": None, "reason": "no champion"}
    report = check(cells(**nothing))
    assert report.passed
    assert [finding.message for finding in report.findings] == [
        "1 cells were not scored; those that were published before keep their last value"
    ]


def test_cells_that_no_model_was_ever_trained_for_and_one_alone_may_be_published() -> None:
    frame = cells().assign(probability=None, base_rate=None, as_of=None, model_version=None, trained_at=None)
    assert [finding.rule for finding in check(frame).findings] == ["coverage"]
    assert check(cells().iloc[:1]).findings == ()


def test_nothing_to_publish_is_refused() -> None:
    report = check(cells().iloc[:0])
    assert report.reason == "0 rows to publish; expected at least one"


def neighbours(shorter: float, longer: float | None, **changes: Any) -> pd.DataFrame:
    """GOLD at 20 and 21 days; `changes` replace values of the second cell."""
    frame = cells().iloc[:2].assign(horizon=[20, 21], probability=pd.Series([shorter, longer], dtype=object))
    for column, value in changes.items():
        frame.loc[1, column] = value
    return frame


def test_neighbouring_horizons_that_cannot_both_be_right_are_reported() -> None:
    report = check(neighbours(0.60, 0.52))
    assert report.passed
    assert [(finding.rule, finding.severity) for finding in report.findings] == [("neighbouring_horizons", "warn")]
    assert "GOLD 21" in report.findings[0].message


def test_what_independent_moves_allow_is_the_arc_cosine_of_the_root_of_their_share() -> None:
    allowed = float(np.arccos(np.sqrt(20 / 21)) / np.pi)
    for apart, found in ((0.999 * allowed, []), (1.001 * allowed, ["neighbouring_horizons"])):
        for sign in (1, -1):
            report = check(neighbours(0.5, 0.5 + sign * apart))
            assert [finding.rule for finding in report.findings] == found


def test_a_cell_is_compared_with_the_next_shorter_horizon_of_its_own_asset_and_day() -> None:
    frame = cells(probability=0.9)
    frame["horizon"] = [20, 21, 20, 21]
    frame["probability"] = [0.9, 0.89, 0.1, 0.11]
    assert check(frame).findings == ()
    assert check(frame.iloc[[3, 1, 0, 2]]).findings == ()
    frame.loc[3, "probability"] = 0.3
    (finding,) = check(frame.iloc[[3, 1, 0, 2]]).findings
    assert finding.examples == ("SILVER 21",)


@pytest.mark.parametrize(
    "cells", [neighbours(0.57, 0.52), neighbours(0.9, 0.5, as_of=date(2024, 1, 5)), neighbours(0.9, None)]
)
def test_what_can_be_right_or_is_not_comparable_is_not(cells: pd.DataFrame) -> None:
    report = check(cells)
    assert "neighbouring_horizons" not in [finding.rule for finding in report.findings]
