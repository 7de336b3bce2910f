"""What extraction says to bad input: one status a case, other assets go on, the previous snapshot stays readable.

Every case starts from two good assets, GOLD and SILVER, in PostgreSQL, extracted on two days; then GOLD is spoiled and
both are extracted again, GOLD through the real gate.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from brain.core.errors import QualityError, SourceTableError, Transient
from brain.extract.table import extract_table
from brain.lake.lake import Lake
from brain.source.postgres import PostgresSource
from brain.usecases.direction.asset_check import check_asset
from brain.usecases.direction.inputs import asset_table
from local.servers import Servers
from tests.extract.conftest import Market, asset_frame, extract, open_gate, quarantined, spec, table_of, until
from tests.extract.spoil import (
    DAYS,
    ROWS,
    TODAY,
    Bench,
    CutSource,
    DroppingSource,
    Spoil,
    backward,
    clairvoyant,
    flat,
    good,
    half_written_manifest,
    log_percent,
    many_columns,
    rows,
    sql,
    values,
    with_row,
)
from tests.lake.test_storage import full_disk

if TYPE_CHECKING:
    from brain.quality.gate import Gate
    from brain.usecases.direction.catalogue import AssetSpec

ODD = 'x"; DROP TABLE "SILVER"; --'


@dataclass
class Case:
    """One kind of bad input.

    Args:
        name: What is wrong.
        spoil: Makes it wrong.
        status: What the report must say.
        says: Words that its reason, findings or lists must contain.
        asset: Settings of GOLD in the catalogue.
        fresh: GOLD has no snapshot yet.
        day: Last day that may be seen.
        around: What goes on during the extraction.
        source: Makes the source; the real one unless the case is about what happens during a read.
    """

    name: str
    spoil: Callable[[Bench], None]
    status: str
    says: tuple[str, ...] = ()
    asset: dict[str, Any] = field(default_factory=dict)
    fresh: bool = False
    day: dt.date = TODAY
    around: Callable[[], AbstractContextManager[None]] = nullcontext
    source: Callable[[Bench], PostgresSource] | None = None


NOTHING: Spoil = lambda bench: None  # noqa: E731
TEXT_DATE = sql('ALTER TABLE "GOLD" ALTER "Date" TYPE text')
ZONED_DATE = sql('ALTER TABLE "GOLD" ALTER "Date" TYPE timestamptz')
NOON = sql(
    'ALTER TABLE "GOLD" ALTER "Date" TYPE timestamp', 'UPDATE "GOLD" SET "Date" = "Date" + interval \'12 hours\''
)
MIDNIGHT = sql('ALTER TABLE "GOLD" ALTER "Date" TYPE timestamp')
JOIN_DXY = {"sources": ["DXY"]}
STRICT = {"quality": {"stale": "fail", "max_stale": 3}}

CASES = [
    # the table
    Case("missing table", sql('DROP TABLE "GOLD"'), "failed", ("no such table or view", "Create it")),
    Case("empty table", sql('DELETE FROM "GOLD"'), "failed", ("no row up to 2020-08-11", "Load the table")),
    Case("nine tenths of the rows gone", rows(lambda f: f[:16]), "failed", ("144 of 160 known rows gone",)),
    Case(
        "too few rows",
        rows(lambda f: f[:50]),
        "quarantined",
        ("50 rows; expected at least 100",),
        fresh=True,
    ),
    Case("no right to read", sql('REVOKE ALL ON "GOLD" FROM brain_source'), "failed", ("Grant SELECT",)),
    Case(
        "view that fails while it is read",
        sql(
            'ALTER TABLE "GOLD" RENAME TO raw',
            'CREATE VIEW "GOLD" AS SELECT *, 1 / (CASE WHEN "Date" = \'2020-08-10\' THEN 0 ELSE 1 END) AS odd FROM raw',
        ),
        "failed",
        ("division by zero", "Correct the table or the view"),
    ),
    Case(
        "an SQL injection as the name",
        NOTHING,
        "failed",
        (ODD, "no such table"),
        {"name": ODD, "table": ODD},
    ),
    # the date
    Case("no Date", sql('ALTER TABLE "GOLD" DROP "Date"'), "failed", ("no column 'Date'",)),
    Case(
        "names in lower case",
        sql('ALTER TABLE "GOLD" RENAME "Date" TO date'),
        "failed",
        ("no column 'Date'", "date"),
    ),
    Case("dates as text", TEXT_DATE, "failed", ("'Date' of kind text", 'CAST("Date" AS date)')),
    Case("dates with a time zone", ZONED_DATE, "failed", ("timestamp with time zone",)),
    Case("dates with a time of day", NOON, "failed", ("dates with a time of day, the first 2020-",)),
    Case("timestamps at midnight", MIDNIGHT, "unchanged"),
    Case(
        "duplicate dates",
        rows(lambda f: pd.concat([f, f[-2:]]), key=None),
        "failed",
        ("2 duplicate dates", TODAY.isoformat()[:7]),
    ),
    Case(
        "a row without a date",
        sql(
            'ALTER TABLE "GOLD" DROP CONSTRAINT "GOLD_pkey", ALTER "Date" DROP NOT NULL',
            'INSERT INTO "GOLD" ("Close") VALUES (5)',
        ),
        "failed",
        ("1 rows without a Date",),
        fresh=True,
    ),
    Case("unordered rows", rows(lambda f: f.sample(frac=1, random_state=2)), "unchanged"),
    Case("a row dated infinity", with_row("infinity"), "unchanged"),
    Case(
        "a row before the year 1",
        with_row("0044-03-15 BC"),
        "failed",
        ("outside the years 1 to 9999",),
        fresh=True,
    ),
    Case("a row from the future", with_row("2999-01-01"), "unchanged"),
    Case("a clock that went back", NOTHING, "replayed", ("which the lake already knows",), day=DAYS[-3]),
    # columns and types
    Case("no Close", sql('ALTER TABLE "GOLD" DROP "Close"'), "failed", ("no column Close",)),
    Case(
        "no RETURNS20",
        sql('ALTER TABLE "GOLD" DROP "RETURNS20"'),
        "failed",
        ("no column RETURNS20", "take what needs them out of the catalogue"),
    ),
    Case(
        "Close as text",
        sql('ALTER TABLE "GOLD" ALTER "Close" TYPE text'),
        "failed",
        ("'Close' of kind text",),
    ),
    Case(
        "RETURNS5 as text",
        sql('ALTER TABLE "GOLD" ALTER "RETURNS5" TYPE text'),
        "failed",
        ("'RETURNS5' of kind text",),
    ),
    Case(
        "a feature that became text",
        sql('ALTER TABLE "GOLD" ALTER vola TYPE text'),
        "failed",
        ("'vola' of kind text",),
    ),
    Case(
        "a feature that became an array",
        sql('ALTER TABLE "GOLD" ALTER vola TYPE float8[] USING ARRAY[vola]'),
        "failed",
        ("'vola' of kind another type",),
    ),
    Case(
        "a feature that became an integer",
        sql('ALTER TABLE "GOLD" ALTER "Volume" TYPE bigint'),
        "unchanged",
    ),
    Case(
        "a new column that is no number",
        sql('ALTER TABLE "GOLD" ADD notes jsonb'),
        "unchanged",
        ("notes",),
    ),
    Case("a renamed column", sql('ALTER TABLE "GOLD" RENAME vola TO skew'), "rewritten", ("skew",)),
    Case(
        "names that differ in case only",
        sql('ALTER TABLE "GOLD" ADD close float8 DEFAULT 1'),
        "rewritten",
        ("close",),
    ),
    Case(
        "a name with quotes, spaces and semicolons",
        sql('ALTER TABLE "GOLD" ADD "é ""; -- %s" float8 DEFAULT 1'),
        "rewritten",
        ('é "; -- %s',),
    ),
    Case("1,600 columns", many_columns, "new", asset={"quality": {"forward_looking": "off"}}, fresh=True),
    # values
    Case(
        "Close missing on a row",
        values("Close", None),
        "quarantined",
        ("1 row without Close (2020-07-29)",),
    ),
    Case(
        "a feature that is all empty",
        values("vola", None, slice(None)),
        "corrected",
        ("more than 20% empty cells (vola)",),
    ),
    Case(
        "a target that is all empty",
        values("RETURNS5", None, slice(None)),
        "corrected",
        ("empty or only ever go one way (RETURNS5); such a horizon is not trained, the others are",),
    ),
    Case("an infinite price", values("Close", np.inf), "quarantined", ("infinite numbers (Close)",)),
    Case("an infinite feature", values("vola", -np.inf), "quarantined", ("infinite numbers (vola)",)),
    Case("a negative price", values("Close", -1.0), "quarantined", ("not above zero (2020-07-29)",)),
    Case("a price of zero", values("Low", 0.0), "quarantined", ("not above zero",)),
    Case(
        "a negative price where that is allowed",
        values("Low", -1.0),
        "corrected",
        asset={"quality": {"positive": "off"}},
    ),
    Case("High below Low", values("High", 1.0), "quarantined", ("1 row with High below Low",)),
    Case("Open outside the day's range", values("Open", 1.0), "corrected", ("outside Low to High",)),
    Case("a price that jumps", values("Close", 900.0), "corrected", ("beyond 25 robust standard deviations",)),
    Case("a price that never moves", rows(flat), "quarantined", ("only ever go one way",)),
    Case(
        "a return that looks back",
        rows(backward),
        "quarantined",
        ("not that of the coming change of Close (RETURNS5)",),
    ),
    Case(
        "returns in another unit",
        rows(log_percent),
        "corrected",
        ("not Close n rows ahead / Close - 1 (RETURNS5)",),
    ),
    Case("returns known before their time", rows(clairvoyant), "unchanged"),
    Case(
        "two weeks missing",
        rows(lambda f: f.drop(index=range(140, 150))),
        "corrected",
        ("gap of more than 5",),
    ),
    Case("no row for a month", NOTHING, "unchanged", ("22 trading days old",), day=dt.date(2020, 9, 11)),
    Case(
        "no row for a month, strictly",
        NOTHING,
        "quarantined",
        ("22 trading days old",),
        STRICT,
        day=dt.date(2020, 9, 11),
    ),
    # joined tables
    Case(
        "a joined column that is text",
        sql('CREATE TABLE "DXY" ("Date" date PRIMARY KEY, v text)'),
        "failed",
        ("'v' of kind text", "'DXY'"),
        {"sources": [{"table": "DXY", "columns": ["v"]}]},
    ),
    Case("a joined table that is missing", NOTHING, "failed", ("'DXY'", "no such table"), JOIN_DXY),
    Case(
        "a joined table without Date",
        sql('CREATE TABLE "DXY" (v float8)'),
        "failed",
        ("'DXY'", "no column 'Date'"),
        JOIN_DXY,
    ),
    Case(
        "a joined table with duplicate dates",
        sql(
            'CREATE TABLE "DXY" ("Date" date, v float8)',
            "INSERT INTO \"DXY\" VALUES ('2020-08-03', 1), ('2020-08-03', 2)",
        ),
        "failed",
        ("1 duplicate dates, the first 2020-08-03", "'DXY'"),
        JOIN_DXY,
    ),
    Case(
        "a joined column of the same name",
        sql('CREATE TABLE "DXY" ("Date" date PRIMARY KEY, vola float8)'),
        "failed",
        ("two columns named 'vola'", "prefix"),
        {"sources": [{"table": "DXY", "prefix": ""}]},
    ),
    # what happens meanwhile
    Case("a table dropped mid-read", NOTHING, "failed", ("does not exist", "GOLD"), source=DroppingSource),
    Case("a connection cut mid-read", NOTHING, "failed", ("a retry may help",), source=CutSource),
    Case(
        "a full disk for the lake",
        values("vola", 7.0),
        "failed",
        ("Free space",),
        around=partial(full_disk, 500),
    ),
    Case("a half-written manifest", half_written_manifest, "appended"),
]  # fmt: skip


@pytest.fixture
def bench(postgres: Market, lake: Lake, servers: Servers) -> Bench:
    return Bench(postgres, lake, servers)


def judging(asset: AssetSpec, day: dt.date) -> Gate:
    """The real gate, without its files in the lake."""
    return lambda frame, /, **about: check_asset(frame, asset, until(day), **about)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input(case: Case, bench: Bench) -> None:
    bench.market.put("SILVER", good())
    bench.market.put("GOLD", asset_frame(ROWS, known=ROWS - 1))
    before = None
    if not case.fresh:
        extract(bench.market, bench.lake, DAYS[-2])
        bench.put(good())
        before = extract(bench.market, bench.lake, TODAY).snapshot
    case.spoil(bench)
    gold = spec(**{"name": "GOLD", **case.asset})
    gate = judging(gold, case.day)
    source = case.source(bench) if case.source else bench.market.source()
    with closing(source):
        with case.around():
            report = extract_table(source, bench.lake, asset_table(gold), until(case.day), gate)
        other = extract_table(source, bench.lake, table_of("SILVER"), until(case.day), open_gate)

    assert report.status == case.status, report.reason
    told = " ".join([report.reason, *report.left_out, *report.added_columns, *(f["message"] for f in report.findings)])
    assert [words for words in case.says if words not in told] == [], told
    assert (report.error is None) == report.ok
    assert isinstance(report.error, QualityError) == (case.status == "quarantined")
    if report.error is not None:
        assert report.error.subject == gold.name or isinstance(report.error, Transient)
    assert other.status == "new"
    if before is not None:
        pd.testing.assert_frame_equal(bench.lake.read(before), good())
        if not report.ok and gold.name == "GOLD":
            assert bench.lake.latest("assets", "GOLD") == before == report.snapshot


def test_a_refused_asset_leaves_its_report_in_the_lake(bench: Bench) -> None:
    bench.put(flat(good()))
    gate = judging(spec(), TODAY)
    report = extract(bench.market, bench.lake, TODAY, gate=gate)
    (kept,) = quarantined(bench.lake, table_of())
    assert (kept["verdict"], kept["asset"], kept["reason"]) == ("quarantined", "GOLD", report.reason)
    assert [finding["rule"] for finding in kept["findings"] if finding["severity"] == "fail"] == ["constant_target"]
    assert bench.lake.latest("assets", "GOLD") is None
    assert isinstance(report.error, SourceTableError | QualityError)


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 40
    assert len({case.name for case in CASES}) == len(CASES)
