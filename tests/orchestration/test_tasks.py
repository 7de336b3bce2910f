"""Chunks, their labels, the retry rules, and the moment a run is about."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="brain-airflow-"))

import pytest
from airflow.sdk.exceptions import AirflowFailException

from brain.core.errors import BrainError, MomentRefused, ServerUnreachable, SourceTableError
from orchestration import tasks
from orchestration.tasks import LABEL_LENGTH, RETRY_BY_ERROR, Dealing, chunk_label, chunks, current_moment, report


@pytest.mark.parametrize(
    ("names", "at_once", "dealing", "expected"),
    [
        (["A"], 4, Dealing(1, 1, 10), [["A"]]),
        (["A", "B", "C", "D", "E"], 2, Dealing(1, 1, 10), [["A", "C", "E"], ["B", "D"]]),
        (["A", "B", "C", "D", "E"], 1, Dealing(1, 1, 2), [["A", "D"], ["B", "E"], ["C"]]),
        (["A", "B", "C", "D"], 1, Dealing(2, 1, 10), [["A", "C"], ["B", "D"]]),
        (["A", "B", "C", "D", "E"], 8, Dealing(1, 2, 10), [["A", "C", "E"], ["B", "D"]]),
        (["A", "B", "C"], 8, Dealing(1, 100, 250), [["A", "B", "C"]]),
        ([], 3, Dealing(1, 1, 10), []),
    ],
)
def test_assets_are_dealt_evenly(names: list[str], at_once: int, dealing: Dealing, expected: list[list[str]]) -> None:
    assert chunks(names, at_once, dealing) == expected


@pytest.mark.parametrize(
    ("assets", "at_once", "counts"),
    [(26, 2, (2, 6, 1)), (1000, 2, (4, 20, 2)), (1000, 24, (24, 72, 10)), (3, 8, (3, 3, 1))],
)
def test_chunks_follow_from_assets_and_workers(assets: int, at_once: int, counts: tuple[int, int, int]) -> None:
    from orchestration import runs

    names = [f"A{number}" for number in range(assets)]
    steps = (runs.EXTRACT_CHUNKS, runs.TRAIN_CHUNKS, runs.SCORE_CHUNKS)
    assert tuple(len(chunks(names, at_once, dealing)) for dealing in steps) == counts


def test_a_chunk_is_named_after_all_its_units() -> None:
    assert chunk_label(["GOLD", "SILVER", "WTI"]) == "GOLD, SILVER, WTI"


def test_what_failed_comes_first_with_its_reason() -> None:
    label = chunk_label(["GOLD", "KO", "WTI"], {"KO": "3 rows without Close"})
    assert label == "✗ KO, GOLD, WTI — KO: 3 rows without Close"
    long = chunk_label(["GOLD", "KO"], {"KO": "x" * 400})
    assert (len(long), long[:9], long[-1]) == (LABEL_LENGTH, "✗ KO, GOL", "…")


@pytest.mark.parametrize("count", [1, 40, 62, 63, 250])
def test_a_name_never_exceeds_what_airflow_takes_and_hides_as_few_units_as_it_can(count: int) -> None:
    names = [f"A{number:02}" for number in range(count)]
    for failed in ({}, {names[-1]: "reason " * 50}):
        label = chunk_label(names, failed)
        assert len(label) <= LABEL_LENGTH
        hidden = [name for name in names if name not in label]
        assert len(hidden) == (0 if count <= 62 else int(label.rsplit(" and ")[1].split()[0]))
        assert names[-1] in label or not failed


@pytest.mark.parametrize("name", ["", " ", "\n", "\x00", "{{ 1 }}", "A\tB", "<b>", "名" * 400, "'", "\ud800"])
def test_an_odd_name_is_harmless(name: str) -> None:
    for label in (chunk_label([name]), chunk_label([name, "GOLD"], {name: name})):
        assert 0 < len(label) <= LABEL_LENGTH
        assert label.isprintable()


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
    result: dict[str, Any] = {"use_case": "direction", "unit": "VIX", "ok": True, "reason": "1 skip"}
    reported(planned, [[result]])
    with pytest.raises(AirflowFailException, match="VIX"):
        reported(planned, [[{**result, "ok": False}]])


@dataclass(frozen=True)
class Asked:
    """A DAG run, as far as its moment goes."""

    partition_key: str | None
    data_interval_end: datetime | None = None
    logical_date: datetime | None = None
    run_after: datetime = datetime(2026, 1, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("run", "moment"),
    [
        (Asked("2026-01-02T06:00:00+00:00", datetime(2026, 1, 3, tzinfo=UTC)), datetime(2026, 1, 2, 6, tzinfo=UTC)),
        (Asked(None, datetime(2026, 1, 3, tzinfo=UTC)), datetime(2026, 1, 3, tzinfo=UTC)),
        (Asked(None, None, datetime(2026, 1, 1, tzinfo=UTC)), datetime(2026, 1, 1, tzinfo=UTC)),
        (Asked(None), datetime(2026, 1, 4, tzinfo=UTC)),
    ],
    ids=["partition", "interval", "logical date", "when it was asked for"],
)
def test_a_run_is_about_its_partition_else_its_interval(
    run: Asked, moment: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "get_current_context", lambda: {"dag_run": run})
    assert current_moment().at == moment


@pytest.mark.parametrize("key", ["GOLD", "2026-01-02T06:00:00", "2999-01-01T00:00:00+00:00"])
def test_a_partition_key_that_is_no_moment_that_has_come_is_refused(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "get_current_context", lambda: {"dag_run": Asked(key)})
    with pytest.raises(MomentRefused):
        current_moment()
