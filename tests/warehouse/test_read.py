"""Reading back what was published: the last row of a key and day, and the models behind what is shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from brain.core.errors import QueryRefused
from brain.doctor import _reader
from brain.warehouse.connection import transaction
from brain.warehouse.read import ask, last_published, referenced_versions
from tests.warehouse.conftest import MONDAY, SALES, TUESDAY, WEDNESDAY, execute, frame, show

if TYPE_CHECKING:
    from brain.core.moment import Moment
    from brain.core.settings import Settings

FRIDAY = date(2024, 1, 5)


def test_the_row_published_last_for_a_key_and_day_comes_back_whole(settings: Settings) -> None:
    for moment, pieces in ((MONDAY, 10), (TUESDAY, 12)):
        show(settings, SALES, frame(("Bern", 1, pieces, 2.5), ("Thun", 1, 7, 3.5)), moment)
    assert last_published(settings.warehouse_url, SALES, {"day": 1, "shop": "Bern"}, FRIDAY) == {
        "shop": "Bern",
        "day": 1,
        "as_of": FRIDAY,
        "published_at": TUESDAY.at,
        "pieces": 12,
        "Mean Price": 2.5,
        "version": 3,
    }
    assert last_published(settings.warehouse_url, SALES, {"shop": "Bern", "day": 1}, date(2024, 1, 4)) is None
    assert last_published(settings.warehouse_url, SALES, {"shop": "Chur", "day": 1}, FRIDAY) is None


def test_the_versions_behind_what_is_shown_or_was_published_lately_are_told(settings: Settings) -> None:
    url = settings.warehouse_url
    for moment, shop, version in ((MONDAY, "Bern", 1), (TUESDAY, "Bern", 2), (WEDNESDAY, "Thun", 3)):
        rows = frame((shop, 1, 5, 1.0), (shop, 2, 5, 1.0), ("Chur", 1, None, None))
        rows.loc[rows["pieces"].notna(), "version"] = version
        show(settings, SALES, rows, moment)
    shown = ({"shop": "Thun"}, 3)

    def since(moment: Moment) -> list[tuple[dict[str, Any], int]]:
        found = referenced_versions(url, [SALES], moment.at)
        assert found is not None
        return sorted(found, key=str)

    assert since(WEDNESDAY) == [shown]
    assert since(TUESDAY) == [({"shop": "Bern"}, 2), shown]
    assert len(since(MONDAY)) == 3
    assert referenced_versions(url, [replace(SALES, history=None)], MONDAY.at) == [shown]
    assert referenced_versions(url, [replace(SALES, model=None)], MONDAY.at) == []


def test_before_the_first_publication_no_version_is_declared_unused(settings: Settings) -> None:
    assert referenced_versions(settings.warehouse_url, [SALES], MONDAY.at) is None


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("COMMIT; DELETE FROM sales", "multi"),
        ("SELECT 1; COMMIT; DELETE FROM sales; --", "multi"),
        ("SELECT 1) TO STDOUT; COMMIT; DELETE FROM sales; --", "syntax error"),
        ("SELECT 1; SELECT 2", "multi"),
        ("COMMIT", "expected only SELECT"),
        ("DELETE FROM sales", "expected only SELECT"),
        ("DELETE FROM sales RETURNING shop", "read-only transaction"),
        ("WITH gone AS (DELETE FROM sales RETURNING shop) SELECT * FROM gone", "read-only transaction"),
        ("SELECT set_config('transaction_read_only', 'off', false)", "read-write mode"),
        ("SET TRANSACTION READ WRITE", "expected only SELECT"),
        ("DROP TABLE sales", "expected only SELECT"),
        ("SELECT 1 / 0", "division by zero"),
        ("SELECT 5_pieces_a_day FROM sales", 'Quote the name, which starts with a digit: "5_pieces_a_day"'),
        ("SELECT nonsense", 'column "nonsense" does not exist'),
        ("", "empty query"),
        ("SELECT 'a' || chr(0)", "null character"),
        ("SELECT '\x00'", "NUL"),
        ("SELECT '\ud800'", "surrogates"),
        ("SELECT '4713-01-01 BC'::date", "year"),
        ("SELECT '294276-12-31'::timestamp", "year"),
        ("SELECT query_to_xml('delete from sales', true, true, '')", "cannot open|not allowed|read-only|unsupported"),
    ],
)
def test_even_the_publisher_asks_one_question_and_changes_nothing(settings: Settings, query: str, told: str) -> None:
    show(settings, SALES, frame(("Bern", 1, 10, 2.5)))
    with pytest.raises(QueryRefused, match=told):
        ask(settings.warehouse_url, query)
    assert ask(settings.warehouse_url, "SELECT pieces FROM sales").rows == [(10,)]


@pytest.mark.parametrize(
    "query", ["SELECT 'it''s 100 % $$ ; sure'", "SELECT 'it''s 100 % $$ ; sure';", "SHOW timezone"]
)
def test_a_question_is_taken_as_it_is(settings: Settings, query: str) -> None:
    assert len(ask(settings.warehouse_url, query).rows) == 1


def test_a_question_that_takes_too_long_says_so(settings: Settings) -> None:
    database = make_url(settings.warehouse_url.get_secret_value()).database
    execute(settings, f"ALTER DATABASE {database} SET statement_timeout = '200ms'")
    with pytest.raises(QueryRefused, match="statement timeout"):
        ask(settings.warehouse_url, "SELECT pg_sleep(9)")


def test_a_plan_can_be_asked_for(settings: Settings) -> None:
    assert ask(settings.warehouse_url, "EXPLAIN SELECT 1").columns == ("QUERY PLAN",)


def test_what_the_login_has_set_for_itself_changes_no_number(settings: Settings, reader_url: str) -> None:
    """Everybody who shares a login may set its defaults for the others."""
    show(settings, SALES, frame(("Bern", 1, 10, 0.1234567890123456)))
    url = SecretStr(reader_url)
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ WRITE")
        cursor.execute("ALTER ROLE bi_reader SET extra_float_digits = -15")
        cursor.execute("ALTER ROLE bi_reader SET intervalstyle = sql_standard")
    try:
        answer = ask(url, "SELECT 0.1234567890123456::float8::text")
        assert answer.rows == [("0.1234567890123456",)]
        with pytest.raises(QueryRefused, match="rounds numbers by its own default"):
            _reader(settings)
    finally:
        with transaction(url) as connection, connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ WRITE")
            cursor.execute("ALTER ROLE bi_reader RESET extra_float_digits")
            cursor.execute("ALTER ROLE bi_reader RESET intervalstyle")
