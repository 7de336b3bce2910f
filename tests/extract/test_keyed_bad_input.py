"""What extraction says to a keyed table that it cannot keep: a reason that names what is wrong and what to do."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
import sqlalchemy as sa

from brain.lake.lake import Lake
from tests.extract.conftest import Market
from tests.extract.customers import ROWS, TYPES, many, put, read, snapshot_rows

KEYED = "CREATE TABLE customers (customer text, country text, points bigint)"
BAD = [
    ("no key column", ["CREATE TABLE customers (id text, country text)"], ("no column 'customer'", "id, country")),
    ("a key of floats", ["CREATE TABLE customers (customer float8, country text)"], ("of kind number", "AS text")),
    (
        "a key of another type",
        ["CREATE TABLE customers (customer uuid, country text)"],
        ("of kind another type", "view"),
    ),
    ("no required column", ["CREATE TABLE customers (customer text)"], ("no column country",)),
    (
        "a required column of another type",
        ["CREATE TABLE customers (customer text, country text[])"],
        ("'country' of kind another type", 'CAST("country" AS text)'),
    ),
    ("an empty table", [KEYED], ("no row in table 'customers'", "Load the table")),
    (
        "a row without a key",
        [KEYED, "INSERT INTO customers VALUES ('a', 'SE', 1), (NULL, 'SE', 1)"],
        ("1 rows without 'customer' in table 'customers'", "Delete or complete"),
    ),
    (
        "a key twice",
        [KEYED, "INSERT INTO customers VALUES ('b', 'SE', 1), ('a', 'SE', 1), ('b', 'DK', 2)"],
        ("1 rows whose key another row has, the first customer = 'b',", "one row for each customer"),
    ),
    (
        "an infinite date",
        [
            "CREATE TABLE customers (customer text, country text, born date)",
            "INSERT INTO customers VALUES ('a', 'SE', 'infinity')",
        ],
        ("1 values of 'born' that are infinite", "nullif(\"born\", 'infinity')"),
    ),
    ("a missing table", [], ("no such table or view",)),
]


@pytest.mark.parametrize(("make", "says"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_input_is_refused_with_its_reason(
    postgres: Market, lake: Lake, make: list[str], says: tuple[str, ...]
) -> None:
    for statement in make:
        postgres.execute(statement)
    report = read(postgres, lake)
    assert (report.status, report.snapshot) == ("failed", None)
    assert [words for words in says if words not in report.reason] == [], report.reason


def test_a_column_that_changed_its_type_is_refused_until_a_person_says_so(market: Market, lake: Lake) -> None:
    put(market, many(50))
    before = read(market, lake)
    types = {**TYPES, "points": sa.Text()}
    put(market, [(*row[:2], str(row[2]), *row[3:]) for row in many(50)], types)
    report = read(market, lake, 1)
    assert (report.status, report.snapshot) == ("failed", before.snapshot)
    assert "found the column 'points' of type text in table 'customers'; expected int64" in report.reason
    assert "--full" in report.reason
    meant = read(market, lake, 1, full=True)
    assert (meant.status, meant.rows_changed) == ("rewritten", 0)


def test_a_key_that_changed_its_type_is_refused_always(market: Market, lake: Lake) -> None:
    put(market, many(50))
    read(market, lake)
    put(market, [(number, *row[1:]) for number, row in enumerate(many(50))], {**TYPES, "customer": sa.BigInteger()})
    report = read(market, lake, 1, full=True)
    assert report.status == "failed"
    assert "'customer' of type int64" in report.reason


def test_columns_that_cannot_be_kept_are_left_out_and_named(postgres: Market, lake: Lake) -> None:
    postgres.execute("CREATE TABLE customers (customer char(5), country varchar(2), tags jsonb, at timestamptz)")
    postgres.execute("INSERT INTO customers VALUES ('a', 'SE', '{}', '2024-01-01 01:00+01')")
    report = read(postgres, lake)
    assert report.left_out == ("tags",)
    assert snapshot_rows(lake, report) == [("a", "SE", dt.datetime(2024, 1, 1))]  # noqa: DTZ001


def test_a_number_of_another_type_in_a_lax_database_is_named(sqlite: Market, lake: Lake) -> None:
    put(sqlite, ROWS)
    sqlite.execute("UPDATE customers SET points = 'many' WHERE customer = 'Zoë'")
    report = read(sqlite, lake)
    assert report.status == "failed"
    assert "'many' in the column 'points' of kind whole number" in report.reason


def test_whole_numbers_beyond_64_bits_are_refused(duckdb: Market, lake: Lake) -> None:
    duckdb.execute("CREATE TABLE customers (customer text, country text, points hugeint)")
    duckdb.execute("INSERT INTO customers VALUES ('a', 'SE', 9223372036854775808)")
    report = read(duckdb, lake)
    assert "9223372036854775808 in the column 'points'" in report.reason


def test_floats_that_are_not_finite_are_kept_and_told_from_null(postgres: Market, lake: Lake) -> None:
    postgres.execute("CREATE TABLE customers (customer text, country text, spent float8)")
    postgres.execute("INSERT INTO customers VALUES ('a', '', 'NaN'), ('b', '', NULL), ('c', '', 'Infinity')")
    report = read(postgres, lake)
    found = [spent for _, _, spent in snapshot_rows(lake, report)]
    assert np.isnan(found[0])
    assert found[1:] == [None, np.inf]
    assert read(postgres, lake, 1).status == "unchanged"


def test_the_last_second_of_time_is_no_infinity(postgres: Market, lake: Lake) -> None:
    postgres.execute("CREATE TABLE customers (customer text, country text, until timestamp)")
    postgres.execute("INSERT INTO customers VALUES ('a', '', '9999-12-31 23:59:59.999999')")
    assert snapshot_rows(lake, read(postgres, lake)) == [("a", "", dt.datetime.max)]  # noqa: DTZ901
    postgres.execute("UPDATE customers SET until = 'infinity'")
    assert "1 values of 'until' that are infinite" in read(postgres, lake, 1).reason
