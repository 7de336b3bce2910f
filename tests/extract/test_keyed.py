"""Keyed tables, read whole: every type exactly, what changed by key, and nothing written twice."""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sqlalchemy as sa

from brain.core.moment import Moment
from brain.core.source_table import KeyKind, SourceTable
from brain.core.table_settings import ExtractionSettings, RetentionSettings
from brain.extract.report import ExtractionReport
from brain.extract.table import extract_table
from brain.lake.lake import Lake
from brain.lake.retention import tidy_table
from brain.quality.result import Finding, GateResult
from tests.extract.conftest import Market, open_gate, quarantined

CUSTOMERS = SourceTable(
    use_case="segments",
    space="shop",
    name="customers",
    table="customers",
    key=("customer",),
    kind=KeyKind.NAMES,
    required=("country",),
)
ORDERS = replace(CUSTOMERS, name="orders", table="orders", key=("shop", "number"), required=("customer",))
DAY = dt.date(2024, 5, 1)
LARGE = 2**53 + 1
TYPES: dict[str, Any] = {
    "customer": sa.Text(),
    "country": sa.Text(),
    "points": sa.BigInteger(),
    "spent": sa.Double(),
    "member": sa.Boolean(),
    "born": sa.Date(),
    "seen": sa.DateTime(),
}
ROWS: list[tuple[Any, ...]] = [
    ("Zoë", "SE", LARGE, 12.5, True, dt.date(1970, 1, 2), dt.datetime(2024, 4, 30, 23, 59, 59, 999_999)),  # noqa: DTZ001
    ("anna", "", -LARGE, -0.0, False, dt.date(1899, 12, 31), dt.datetime(1999, 1, 1)),  # noqa: DTZ001
    ("Anna", None, None, None, None, None, None),
    ("金", "CN", 0, 1e300, True, dt.date(2024, 2, 29), dt.datetime(2024, 1, 1, 0, 0, 0, 1)),  # noqa: DTZ001
]
ORDER = ("Anna", "Zoë", "anna", "金")  # by the bytes of UTF-8, whatever the collation of the source


def put(
    market: Market, rows: list[tuple[Any, ...]], types: dict[str, Any] | None = None, name: str = "customers"
) -> None:
    """Create the table anew with these rows."""
    kinds = types or TYPES
    engine = sa.create_engine(market.url)
    table = sa.Table(name, sa.MetaData(), *(sa.Column(column, kind) for column, kind in kinds.items()))
    with engine.begin() as connection:
        connection.execute(sa.schema.DropTable(table, if_exists=True))
        connection.execute(sa.schema.CreateTable(table))
        if rows:
            connection.execute(sa.insert(table), [dict(zip(kinds, row, strict=True)) for row in rows])
    engine.dispose()


def many(count: int = 1000) -> list[tuple[Any, ...]]:
    """Customers with every column filled but some."""
    seen = dt.datetime(2024, 4, 1)  # noqa: DTZ001
    return [
        (f"c{i * 7919 % 100_003:06d}", "SE" if i % 3 else None, i, i / 4, i % 2 == 0, DAY, seen + dt.timedelta(hours=i))
        for i in range(count)
    ]


def on(day: int = 0) -> Moment:
    return Moment(dt.datetime.combine(DAY, dt.time(6), dt.UTC) + dt.timedelta(days=day))


def read(
    market: Market,
    lake: Lake,
    day: int = 0,
    table: SourceTable = CUSTOMERS,
    *,
    full: bool = False,
    gate: Any = open_gate,
) -> ExtractionReport:
    with contextlib.closing(market.source()) as source:
        return extract_table(source, lake, table, on(day), gate, full=full)


def snapshot_rows(lake: Lake, report: ExtractionReport) -> list[tuple[Any, ...]]:
    assert report.snapshot is not None, report.reason
    table = lake.read_table(report.snapshot)
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def test_every_type_comes_back_exactly(market: Market, lake: Lake) -> None:
    put(market, ROWS)
    report = read(market, lake)
    assert (report.status, report.rows_read, report.rows_new) == ("new", 4, 4), report.reason
    expected = sorted(ROWS, key=lambda row: ORDER.index(row[0]))
    assert snapshot_rows(lake, report) == expected
    assert report.snapshot is not None
    assert [str(column.type) for column in report.snapshot.columns.values()] == [
        *("text", "text", "int64", "float64", "bool", "date", "timestamp")
    ]
    assert (report.snapshot.kind, report.snapshot.key, report.watermark) == (KeyKind.NAMES, ("customer",), DAY)


def test_three_databases_give_one_hash(
    postgres: Market, sqlite: Market, duckdb: Market, lake: Lake, tmp_path: Path
) -> None:
    found = set()
    for number, market in enumerate((postgres, sqlite, duckdb)):
        put(market, ROWS[number:] + ROWS[:number])
        snapshot = read(market, Lake(str(tmp_path / str(number)))).snapshot
        assert snapshot is not None
        found.add(snapshot.data_sha256)
    assert len(found) == 1


def test_a_frame_has_types_that_hold_a_missing_value(market: Market, lake: Lake) -> None:
    put(market, ROWS)
    snapshot = read(market, lake).snapshot
    assert snapshot is not None
    frame = lake.read(snapshot)
    assert {str(name): str(dtype) for name, dtype in frame.dtypes.items()} == {
        "customer": "str",
        "country": "str",
        "points": "Int64",
        "spent": "float64",
        "member": "boolean",
        "born": "datetime64[us]",
        "seen": "datetime64[us]",
    }
    assert frame["points"].tolist() == [pd.NA, LARGE, -LARGE, 0]
    assert frame["born"].iloc[2] == pd.Timestamp("1899-12-31")
    assert lake.read(snapshot, ["spent"]).columns.tolist() == ["customer", "spent"]
    full = lake.read(replace(snapshot, segments=()))
    assert full.dtypes.equals(frame.dtypes)


def test_a_key_may_have_several_columns(market: Market, lake: Lake) -> None:
    types = {"number": sa.BigInteger(), "shop": sa.Text(), "customer": sa.Text()}
    put(market, [(2, "b", "x"), (10, "a", "y"), (1, "b", None), (2, "a", "x")], types, "orders")
    report = read(market, lake, table=ORDERS)
    assert snapshot_rows(lake, report) == [(2, "a", "x"), (10, "a", "y"), (1, "b", None), (2, "b", "x")]


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        (sa.BigInteger(), [LARGE, LARGE + 1, -5]),
        (sa.Date(), [dt.date(2024, 1, 2), dt.date(1950, 1, 1)]),
        (sa.DateTime(), [dt.datetime(2024, 1, 2, 3, 4, 5, 6), dt.datetime(2024, 1, 2, 3, 4, 5, 5)]),  # noqa: DTZ001
        (sa.Boolean(), [True, False]),
    ],
    ids=["whole", "date", "time", "boolean"],
)
def test_a_key_may_be_of_any_exact_type(market: Market, lake: Lake, kind: Any, keys: list[Any]) -> None:
    types = {"customer": kind, "country": sa.Text()}
    put(market, [(key, "SE") for key in keys], types)
    assert [key for key, _ in snapshot_rows(lake, read(market, lake))] == sorted(keys)
    put(market, [(key, "SE" if key == keys[0] else "DK") for key in keys], types)
    report = read(market, lake, 1)
    assert (report.status, report.rows_changed, report.rows_vanished) == ("corrected", len(keys) - 1, 0)


def test_the_order_of_rows_and_columns_does_not_matter(market: Market, lake: Lake) -> None:
    put(market, ROWS)
    first = read(market, lake)
    names = [*reversed(TYPES)]
    put(market, [tuple(reversed(row)) for row in reversed(ROWS)], {name: TYPES[name] for name in names})
    again = read(market, lake, 1)
    assert (again.status, again.rows_read, again.snapshot) == ("unchanged", 4, first.snapshot)


CHANGES = [
    ("appended", lambda rows: [*rows, ("new", *rows[0][1:])], (1, 0, 0), ()),
    (
        "corrected",
        lambda rows: [(*rows[5][:3], 99.0, *rows[5][4:]) if r is rows[5] else r for r in rows],
        (0, 1, 0),
        ("spent",),
    ),
    ("corrected", lambda rows: [(r[0], None, *r[2:]) if r is rows[5] else r for r in rows], (0, 1, 0), ("country",)),
    ("corrected", lambda rows: rows[3:], (0, 0, 3), ()),
    ("corrected", lambda rows: [("other", *rows[0][1:]), *rows[1:]], (1, 0, 1), ()),
    ("unchanged", lambda rows: rows[::-1], (0, 0, 0), ()),
]


@pytest.mark.parametrize(
    ("status", "change", "counts", "columns"),
    CHANGES,
    ids=["a new key", "another value", "a value gone", "rows gone", "another key", "another order"],
)
def test_what_changed_is_counted_by_key(
    market: Market, lake: Lake, status: str, change: Any, counts: tuple[int, int, int], columns: tuple[str, ...]
) -> None:
    put(market, many())
    read(market, lake)
    put(market, change(many()))
    report = read(market, lake, 1)
    assert (report.status, report.corrected_columns) == (status, columns), report.reason
    assert (report.rows_new, report.rows_changed, report.rows_vanished) == counts
    assert report.record()["corrected"] == counts[1] + counts[2]
    assert report.snapshot is not None
    assert sorted(snapshot_rows(lake, report), key=str) == sorted(change(many()), key=str)


def test_a_column_that_came_or_went_is_a_rewrite(market: Market, lake: Lake) -> None:
    put(market, many())
    read(market, lake)
    types = {**{name: kind for name, kind in TYPES.items() if name != "born"}, "tier": sa.BigInteger()}
    put(market, [(*row[:5], row[6], 1) for row in many()], types)
    report = read(market, lake, 1)
    assert (report.status, report.added_columns, report.removed_columns) == ("rewritten", ("tier",), ("born",))
    assert (report.rows_new, report.rows_changed, report.rows_vanished) == (0, 0, 0)


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brain.lake.keyed.CUT_ROWS", 64)
    monkeypatch.setattr("brain.lake.keyed.MIN_ROWS", 16)
    monkeypatch.setattr("brain.lake.keyed.MAX_ROWS", 256)


def test_a_row_in_the_middle_rewrites_its_own_segment(small_segments: None, sqlite: Market, lake: Lake) -> None:
    put(sqlite, many())
    first = read(sqlite, lake).snapshot
    put(sqlite, [("c050000x", *row[1:]) if number == 0 else row for number, row in enumerate([many()[0], *many()])])
    report = read(sqlite, lake, 1)
    assert (report.status, report.rows_new) == ("appended", 1)
    assert first is not None
    assert report.snapshot is not None
    assert len(first.segments) > 6
    assert max(segment.rows for segment in first.segments) <= 256
    assert len(set(report.snapshot.segments) - set(first.segments)) <= 2
    folder = Path(lake.storage.root) / "shop" / "customers" / "segments"
    assert len(list(folder.iterdir())) == len({*first.segments, *report.snapshot.segments})
    assert lake.read(first).shape == (1000, 7)


def test_only_files_that_changed_are_opened_for_the_comparison(
    small_segments: None, sqlite: Market, lake: Lake
) -> None:
    put(sqlite, many())
    first = read(sqlite, lake).snapshot
    assert first is not None
    changed = sorted(many())[-1][0]
    folder = Path(lake.storage.root) / "shop" / "customers" / "segments"
    for segment in first.segments[:-1]:
        (folder / segment.name).unlink()
    put(sqlite, [(*row[:2], -1, *row[3:]) if row[0] == changed else row for row in many()])
    report = read(sqlite, lake, 1)
    assert (report.status, report.rows_changed, report.corrected_columns) == ("corrected", 1, ("points",))


def test_a_table_that_lost_too_much_is_refused(market: Market, lake: Lake) -> None:
    put(market, many())
    before = read(market, lake)
    put(market, many(850))
    report = read(market, lake, 1)
    assert (report.status, report.snapshot) == ("failed", before.snapshot)
    assert "150 of 1000 known rows gone from table 'customers'" in report.reason
    allowed = replace(CUSTOMERS, extraction=ExtractionSettings(max_loss=0.2))
    assert read(market, lake, 1, allowed).rows_vanished == 150


def test_a_past_moment_is_served_by_the_newest_version_known_then(sqlite: Market, lake: Lake) -> None:
    snapshots = []
    for day in range(3):
        put(sqlite, many(100 + day))
        snapshots.append(read(sqlite, lake, 2 * day).snapshot)
    assert [lake.as_of("shop", "customers", on(day)) for day in range(5)] == [
        snapshots[0],
        snapshots[0],
        snapshots[1],
        snapshots[1],
        snapshots[2],
    ]
    assert lake.as_of("shop", "customers", Moment(on().at - dt.timedelta(seconds=1))) is None
    assert lake.as_of("shop", "customers", on().day) == snapshots[0]
    replayed = read(sqlite, lake, 3)
    assert (replayed.status, replayed.snapshot) == ("replayed", snapshots[1])
    early = read(sqlite, lake, -1)
    assert early.status == "failed"
    assert "no row up to 2024-04-30; the lake starts on 2024-05-01" in early.reason


def test_old_versions_thin_out_although_every_day_corrects(sqlite: Market, lake: Lake) -> None:
    table = replace(CUSTOMERS, retention=RetentionSettings(snapshot_days=2))
    for day in range(10):
        put(sqlite, [(*row[:3], float(day), *row[4:]) for row in many(50)])
        assert read(sqlite, lake, day, table).ok
    tidied = tidy_table(lake, table, on(10), {})
    assert tidied.versions == tuple(range(1, 9))
    assert tidied.files == 8
    latest = lake.latest("shop", "customers")
    assert latest is not None
    assert lake.read(latest)["spent"].unique().tolist() == [9.0]
    kept = lake.as_of("shop", "customers", on(8))
    assert kept is not None
    assert kept.version == 9


def test_the_gate_sees_the_whole_table(sqlite: Market, lake: Lake) -> None:
    seen: list[pd.DataFrame] = []

    def gate(frame: pd.DataFrame, /, *, total_rows: int, unchanged: bool) -> GateResult:
        seen.append(frame)
        assert (total_rows, unchanged) == (4, len(seen) == 3)
        refused = (Finding("country", "fail", "a customer without a country"),) if len(seen) == 1 else ()
        return GateResult("customers", len(frame), ("country",), refused)

    put(sqlite, ROWS)
    report = read(sqlite, lake, gate=gate)
    assert (report.status, report.reason) == ("quarantined", "a customer without a country")
    assert lake.latest("shop", "customers") is None
    assert quarantined(lake, CUSTOMERS)[0]["use_case"] == "segments"
    assert read(sqlite, lake, gate=gate).status == "new"
    assert read(sqlite, lake, 1, gate=gate).status == "unchanged"
    assert seen[0]["customer"].tolist() == list(ORDER)


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


def test_two_use_cases_may_use_one_name(sqlite: Market, lake: Lake) -> None:
    put(sqlite, ROWS)
    other = replace(CUSTOMERS, use_case="recommendations", space="baskets")
    read(sqlite, lake)
    read(sqlite, lake, table=other)
    assert lake.names("shop") == lake.names("baskets") == ["customers"]
    assert {path.name for path in Path(lake.storage.root).iterdir()} == {"shop", "baskets"}


def test_duckdb_reads_the_files_without_us(sqlite: Market, lake: Lake) -> None:
    import duckdb

    put(sqlite, ROWS)
    snapshot = read(sqlite, lake).snapshot
    assert snapshot is not None
    files = [str(Path(lake.storage.root) / "shop" / "customers" / "segments" / s.name) for s in snapshot.segments]
    with duckdb.connect() as connection:
        found = connection.execute("SELECT customer, points FROM read_parquet($1) ORDER BY points", [files]).fetchall()
    assert found == [("anna", -LARGE), ("金", 0), ("Zoë", LARGE), ("Anna", None)]


def test_a_comparison_takes_null_for_equal_to_null() -> None:
    from brain.extract.whole import KeyedChanges, compare

    old = pa.table({"k": [1, 2, 3], "v": pa.array([None, 1.0, np.nan]), "w": ["a", None, "c"]})
    assert compare(old, old, ["k"]) == KeyedChanges()
    new = pa.table({"k": [1, 2, 4], "v": pa.array([0.0, 1.0, np.nan]), "w": ["a", "", "c"]})
    assert compare(old, new, ["k"]) == KeyedChanges(new=1, changed=2, vanished=1, columns=("v", "w"))
