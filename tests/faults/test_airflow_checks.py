"""What the tests with a running Airflow look for is found where it is: each check on a case that is seeded."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from benchmarks.airflow_faults import aftermath, canaries
from benchmarks.airflow_faults.reader import Row, complaints_of

DAY, NEXT = datetime(2026, 11, 19, 6, tzinfo=UTC), datetime(2026, 11, 20, 6, tzinfo=UTC)
AMBER = Row("AMBER", DAY.date(), DAY, 0.5, False, DAY.date(), DAY, 0.5)
JADE = replace(AMBER, asset="JADE")
LATER: dict[str, Any] = {
    "as_of": NEXT.date(),
    "published_at": NEXT,
    "wide_as_of": NEXT.date(),
    "wide_published_at": NEXT,
}


def test_a_whole_publication_and_the_next_one_are_in_order() -> None:
    assert complaints_of([AMBER, JADE], {}) == []
    after = [replace(row, **LATER) for row in (AMBER, JADE)]
    assert complaints_of(after, {"AMBER": AMBER, "JADE": JADE}) == []


def test_tables_may_be_empty_until_the_first_publication_only() -> None:
    assert complaints_of([], {}) == []
    assert complaints_of([], {"AMBER": AMBER}) == ["rows of []"]


def test_a_stale_row_may_be_of_an_earlier_publication() -> None:
    assert complaints_of([replace(AMBER, **LATER), replace(JADE, stale=True)], {"JADE": JADE}) == []


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([AMBER], "rows of ['AMBER']"),
        ([AMBER, replace(JADE, wide_probability=0.6)], "the two tables differ"),
        ([AMBER, replace(JADE, wide_published_at=NEXT)], "the two tables differ"),
        ([AMBER, replace(JADE, **LATER)], "rows of several publications"),
        ([AMBER, replace(JADE, as_of=date(2026, 11, 1), wide_as_of=date(2026, 11, 1))], "back from"),
    ],
    ids=["missing", "other number", "other moment", "two publications", "back"],
)
def test_a_reader_tells(rows: list[Row], told: str) -> None:
    complaints = complaints_of(rows, {"JADE": JADE})
    assert len(complaints) == 1
    assert told in complaints[0]


def test_a_moment_that_no_publication_tells_of_is_lost() -> None:
    assert aftermath.silent([DAY, NEXT], told=[NEXT]) == [DAY]


@pytest.mark.parametrize("written", ["pass:word", "pass%3Aword", base64.b64encode(b"pass:word").decode()])
def test_a_secret_is_found_as_it_is_quoted_and_in_base64(written: str) -> None:
    places = [("table xcom", f"x {written} y".encode()), ("table log", b"nothing")]
    assert canaries.leaks({"password of jade": "pass:word"}, places) == ["password of jade in table xcom"]
