"""Chunks, their labels, and the retry rules."""

from __future__ import annotations

import os
import tempfile
from typing import Any

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="brain-airflow-"))

import pytest
from airflow.sdk.exceptions import AirflowFailException

from brain.core.errors import BrainError, ServerUnreachable, SourceTableError
from orchestration.tasks import RETRY_BY_ERROR, chunk_label, chunks, report


@pytest.mark.parametrize(
    ("names", "count", "largest", "expected"),
    [
        (["A"], 4, 10, [["A"]]),
        (["A", "B", "C", "D", "E"], 2, 10, [["A", "C", "E"], ["B", "D"]]),
        (["A", "B", "C", "D", "E"], 1, 2, [["A", "D"], ["B", "E"], ["C"]]),
        ([], 3, 10, []),
    ],
)
def test_assets_are_dealt_evenly(names: list[str], count: int, largest: int, expected: list[list[str]]) -> None:
    assert chunks(names, count, largest) == expected


def test_a_chunk_is_named_after_its_assets() -> None:
    assert chunk_label(["GOLD", "SILVER"]) == "GOLD, SILVER"
    assert chunk_label(["GOLD", "SILVER", "WTI"]) == "GOLD … WTI (3)"


@pytest.mark.parametrize(("error", "action"), [(ServerUnreachable, "retry"), (SourceTableError, "fail")])
def test_errors_decide_whether_a_task_is_tried_again(error: type[BrainError], action: str) -> None:
    raised = error("GOLD", found="a", expected="b", remedy="C.")
    assert RETRY_BY_ERROR.evaluate(raised, 1, 3).action.value == action


def test_an_error_nobody_foresaw_is_left_to_the_tasks_own_retries() -> None:
    assert RETRY_BY_ERROR.evaluate(ZeroDivisionError(), 1, 3).action.value == "default"


def reported(planned: list[dict[str, Any]] | None, results: list[list[dict[str, Any]]] | None) -> None:
    report.function(planned, results, {"tolerated_share": 0.0})


@pytest.mark.parametrize(("planned", "results"), [(None, None), (None, []), ([], None)])
def test_a_report_behind_a_task_that_failed_says_so(
    planned: list[dict[str, Any]] | None, results: list[list[dict[str, Any]]] | None
) -> None:
    with pytest.raises(AirflowFailException, match="nothing was done; its log says why"):
        reported(planned, results)


@pytest.mark.parametrize("results", [None, []])
def test_a_report_names_the_units_of_chunks_that_died(results: list[list[dict[str, Any]]] | None) -> None:
    with pytest.raises(AirflowFailException, match=r"2 of 2 units failed \(GOLD, VIX\)"):
        reported([{"use_case": "direction", "units": ["VIX", "GOLD"]}], results)


def test_a_report_fails_only_where_a_unit_did_not_go_through() -> None:
    planned = [{"use_case": "direction", "units": ["VIX"]}]
    result = {"use_case": "direction", "unit": "VIX", "ok": True, "reason": "1 skip"}
    reported(planned, [[result]])
    with pytest.raises(AirflowFailException, match="VIX"):
        reported(planned, [[{**result, "ok": False}]])
