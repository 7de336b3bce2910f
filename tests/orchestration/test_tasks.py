"""Chunks, their labels, and the retry rules."""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="brain-airflow-"))

import pytest

from brain.core.errors import BrainError, ServerUnreachable, SourceTableError
from orchestration.tasks import RETRY_BY_ERROR, chunk_label, chunks


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
