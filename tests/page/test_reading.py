"""What the page reads, without Airflow: an empty brain, one that is half there, tables of another release."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from pydantic import SecretStr

from brain.core.errors import ModelNotFound, QueryRefused, SettingsError
from brain.core.moment import Moment
from brain.core.signing_keys import new_pair
from brain.lake.lake import Lake
from brain.page.card import card
from brain.page.columns import described
from brain.page.data_docs import address_of, read_page
from brain.page.groups import member as groups_member
from brain.page.groups import overview as groups_overview
from brain.page.health import failed_expectations, health, warned_of
from brain.page.lists import member as lists_member
from brain.page.lists import overview as lists_overview
from brain.page.members import names as names_of
from brain.page.models import opened, training
from brain.page.overview import EMPTY, overview
from brain.page.reading import filled
from brain.page.settings import PageSettings
from brain.quality.docs import FOLDER
from brain.quality.gate import keep_result
from brain.quality.result import Finding, GateResult
from brain.usecases import USE_CASES
from brain.usecases.direction.names import NAME
from brain.usecases.direction.page import PAGE, closes
from brain.usecases.page import Grid, Groups, Lists, Timelines
from brain.warehouse.connection import transaction
from brain.warehouse.notices import Place, Problem, note

if TYPE_CHECKING:
    from brain.core.settings import Settings
    from brain.warehouse.tables import PublishedTable

AT = datetime(2024, 1, 8, 6, tzinfo=UTC)
VENDOR = Path(__file__).parents[2] / "include/orchestration/page/static/vendor"
UPLOT = {  # of the package uplot 1.6.32
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}


def execute(settings: Settings, *statements: str) -> None:
    with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def page_settings(connections: dict[str, str], home: Path) -> PageSettings:
    return PageSettings.load({"BRAIN_HOME": str(home)}, {**connections, "BRAIN_LAKE_URL": str(home / "lake")})


def test_an_empty_brain_has_nothing_to_show_and_no_error(page_settings: PageSettings) -> None:
    url = page_settings.warehouse_url
    assert json.loads(overview(url, PAGE)) == EMPTY
    told = health(url, NAME, PAGE)
    assert told.pop("words")
    assert told.pop("drift") is None
    assert set(map(bool, told.values())) == {False}
    assert training(opened(page_settings, NAME)) == {"actions": {}, "last": None, "failed": [], "waiting": []}
    with pytest.raises(ModelNotFound, match="no such cell"):
        card(url, NAME, PAGE, "GOLD", "5")
    assert closes(Lake(page_settings.lake_url), "GOLD", AT.date()) == ((), ())


def test_a_table_of_another_release_is_told(settings: Settings, page_settings: PageSettings) -> None:
    execute(settings, "CREATE TABLE probability_details (asset text)")
    with pytest.raises(QueryRefused, match=r"horizon.*Publish again"):
        overview(page_settings.warehouse_url, PAGE)


def test_reasons_and_drift_are_shown_where_they_are_measured(settings: Settings, page_settings: PageSettings) -> None:
    columns = ", ".join(f'"{column.name}" {column.type}' for column in PAGE.table.columns)
    execute(
        settings,
        f"CREATE TABLE probability_details ({columns})",
        "INSERT INTO probability_details (asset, horizon, stale, reason) VALUES ('GOLD', 5, true, 'no champion')",
        "CREATE TABLE probability_reasons (asset text, horizon integer, position integer, words text, part float8)",
        "INSERT INTO probability_reasons VALUES"
        " ('GOLD', 5, 2, 'then', -0.5), ('GOLD', 5, 1, 'first', 1), ('X', 5, 1, 'no', 1)",
        "CREATE TABLE feature_drift (use_case text, entity text, as_of date, feature text, statistic float8,"
        " quantile float8, drifted boolean)",
        "INSERT INTO feature_drift VALUES ('direction', 'GOLD', '2024-01-04', 'rsi', 0.5, 1, true),"
        " ('direction', 'GOLD', '2024-01-04', 'volume', 0.6, 1, true),"
        " ('direction', 'GOLD', '2024-01-05', 'volume', 0.1, 0.5, false),"
        " ('direction', 'VIX', '2024-01-04', 'rsi', 0.5, 0.5, false),"
        " ('direction', 'VIX', '2024-01-05', 'rsi', 0.5, NULL, false),"
        " ('other', 'OIL', '2024-01-05', 'rsi', 1, NULL, false),"
        " ('other', 'GOLD', '2024-01-05', 'rsi', 1, 1, true)",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO bi_reader",
    )
    found = json.loads(overview(page_settings.warehouse_url, PAGE))
    assert found["rows"][0]["mark"] == [4]
    assert set(found) == set(EMPTY)
    execute(settings, "DELETE FROM probability_details")
    assert json.loads(overview(page_settings.warehouse_url, PAGE)) == EMPTY
    execute(settings, "INSERT INTO probability_details (asset, horizon, stale) VALUES ('GOLD', 5, true)")
    found = card(page_settings.warehouse_url, NAME, PAGE, "GOLD", "5")
    assert found["value"] is None
    assert [(one["words"], one["part"]) for one in found["reasons"]] == [("first", 1), ("then", -0.5)]
    told = health(page_settings.warehouse_url, NAME, PAGE)
    assert [(one["unit"], one["feature"], one["statistic"]) for one in told["drift"]] == [("GOLD", "rsi", 0.5)]
    assert told["unmeasured"] == ["VIX"], "what cannot be judged is not as usual"


def test_the_newest_publication_is_told_though_it_changed_nothing(
    settings: Settings, page_settings: PageSettings
) -> None:
    columns = "asset text, horizon integer, probability float8, stale boolean, reason text, published_at timestamptz"
    execute(
        settings,
        f"CREATE TABLE probability_details ({columns})",
        f"CREATE TABLE probability_history ({columns})",
        "INSERT INTO probability_history (asset, published_at) VALUES"
        " ('GOLD', '2024-01-04'), ('GOLD', '2024-01-05'), ('GOLD', '2024-01-05'), ('VIX', '2024-01-05')",
        "INSERT INTO probability_details (asset, published_at) VALUES ('GOLD', '2024-01-08'), ('VIX', '2024-01-05')",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO bi_reader",
    )
    told = health(page_settings.warehouse_url, NAME, PAGE)["published"]
    assert [one["published_at"].day for one in told] == [8, 5, 4]
    assert [(one["changed"], one["units"]) for one in told] == [(0, 0), (3, 2), (1, 1)]
    execute(settings, "UPDATE probability_details SET published_at = '2024-01-05'")
    told = health(page_settings.warehouse_url, NAME, PAGE)["published"]
    assert [(one["changed"], one["units"]) for one in told] == [(3, 2), (1, 1)]


def test_what_lasts_and_what_was_solved_lately_is_told_with_when(
    settings: Settings, page_settings: PageSettings
) -> None:
    url, days = settings.warehouse_url, [Moment(AT + timedelta(days=number)) for number in (0, 1, 2, 30)]
    gold, vix, old = (
        Problem(Place(NAME, "extract", unit), "quarantined", "no Close", "all others", "correct it", "http://a/dags/x")
        for unit in ("GOLD", "VIX", "OLD")
    )
    note(url, days[0], [gold, vix, old, replace(gold, kind="alarm", lasting=False, place=Place(NAME, "evaluate", "x"))])
    note(url, days[1], [vix], [gold.place, old.place])
    note(url, days[2], [vix, gold])
    found = health(page_settings.warehouse_url, NAME, PAGE)["problems"]
    told = [(one["subject"], one["since"], one["solved_at"]) for one in found]
    assert told == [
        ("GOLD", days[2].at, None),
        ("VIX", days[0].at, None),
        ("GOLD", days[0].at, days[1].at),
        ("OLD", days[0].at, days[1].at),
    ]
    note(url, days[3], [vix, gold])
    found = health(page_settings.warehouse_url, NAME, PAGE)["problems"]
    assert [(one["subject"], one["solved_at"]) for one in found] == [("GOLD", None), ("VIX", None)]


def test_what_the_gate_only_warned_of_is_told_of_the_newest_publication(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    found = Finding("neighbouring_horizons", "warn", "1 probabilities further from the next (GOLD 5)")
    keep_result(lake, NAME, Moment(AT), GateResult("Probabilities", 4, ("neighbouring_horizons",), (found,)))
    published = [{"published_at": AT}, {"published_at": AT - timedelta(days=1)}]
    assert warned_of(lake, NAME, PAGE, published) == [{"rule": found.rule, "message": found.message}]
    assert warned_of(lake, NAME, PAGE, published[1:]) == warned_of(lake, NAME, PAGE, []) == []


def test_the_page_reads_as_the_reader_and_keeps_no_private_key(page_settings: PageSettings) -> None:
    assert "bi_reader" in page_settings.warehouse_url.get_secret_value()
    private, public = new_pair()
    pair = page_settings.model_copy(update={"given_keys": (SecretStr(private),)})
    assert not pair.verifier.signs
    given = pair.model_copy(update={"given_keys": (SecretStr(public),)})
    assert pair.verifier.shares_a_key_with(given.verifier)


def test_what_is_not_set_is_named(tmp_path: Path) -> None:
    bare = PageSettings.load({"BRAIN_HOME": str(tmp_path)})
    for name in ("warehouse_url", "mongo_url", "verifier"):
        with pytest.raises(SettingsError, match=r"nothing where Airflow's API server runs.*docs/page\.md"):
            getattr(bare, name)


@pytest.mark.parametrize("subject", ["GOLD", "../..", "a/b", "<b>%2F", "x" * 300])
def test_a_result_is_found_by_the_address_that_is_linked(tmp_path: Path, subject: str) -> None:
    lake = Lake(str(tmp_path))
    result = GateResult(subject, 3, ("rule",), (Finding("rule", "fail", "why"), Finding("other", "warn", "hm")))
    keep_result(lake, NAME, Moment(AT), result)
    refused = {"unit": subject, "interval_end": AT}
    assert failed_expectations(lake, NAME, refused) == [{"rule": "rule", "message": "why"}]
    address = unquote(address_of(NAME, subject, AT))
    lake.storage.write(f"{FOLDER}/{address}", b"<p>page")
    assert read_page(lake, address) == b"<p>page"


@pytest.mark.parametrize(
    "address",
    ["../secret.html", "20240108T060000Z/../../secret.html", "/etc/passwd", "a/b/c.html", "..", "x.json", "a\0.html"],
)
def test_no_address_leads_out_of_the_data_docs(tmp_path: Path, address: str) -> None:
    lake = Lake(str(tmp_path))
    for name in ("secret.html", "quality/secret.html", f"{FOLDER}/x.json"):
        lake.storage.write(name, b"secret")
    assert read_page(lake, address) is None


def test_every_page_declares_columns_that_its_tables_have() -> None:
    pages = [use_case.page for use_case in USE_CASES.values() if use_case.page is not None]
    assert {type(page) for page in pages} == {Grid, Lists, Groups, Timelines}
    for page in pages:
        needed = {page.unit}
        if isinstance(page, Grid):
            needed |= {page.target, page.base, page.claim, page.skill}
            assert page.table.model is not None
            assert {page.unit, page.target} == set(page.table.key)
        elif isinstance(page, Lists):
            needed |= {page.method, page.why, page.claim, page.size, *(column for _, column in page.scores)}
            assert {page.member, page.unit, page.rank, page.item, page.reason} <= names(page.lines)
        elif isinstance(page, Groups):
            needed |= {page.name, page.apart, page.came, page.left, page.fresh, page.claim, page.why}
            needed |= {*page.figures, *page.trust}
            of_members = {page.member, page.unit, page.name, page.as_of, page.before, page.moved}
            assert {*of_members, *(axis.column for axis in page.axes)} <= names(page.members)
        elif isinstance(page, Timelines):
            needed |= {page.as_of, *page.lacking, *of_timelines(page)}
        assert needed <= names(page.table)


def of_timelines(page: Timelines) -> set[str]:
    """What the page's own table needs for feedback; the other tables have all that they are asked for."""
    whose, marks, makers, band = {page.unit, page.member}, page.marks, page.makers, page.band
    assert marks is not None
    assert makers is not None
    assert marks.feedback is not None
    assert band is not None
    assert {*whose, page.at, band.low, band.high, *(column for _, column in page.lines)} <= names(page.points)
    told = {marks.key, marks.start, marks.end, marks.kind, marks.told, marks.degree, marks.status, marks.verdict}
    assert {*whose, *told, marks.note, *marks.found} <= names(marks.table)
    assert {*whose, makers.name, makers.claim, makers.why, makers.about, *makers.figures} <= names(makers.table)
    return {marks.feedback.table}


def names(table: PublishedTable) -> set[str]:
    return {column.name for column in table.columns}


def test_where_nothing_is_published_a_page_says_so_and_none_is_offered(page_settings: PageSettings) -> None:
    url = page_settings.warehouse_url
    assert filled(url, [one.page.table.layout for one in USE_CASES.values() if one.page]) == frozenset()
    lists, segments = USE_CASES["recommendations"].page, USE_CASES["segments"].page
    assert isinstance(lists, Lists)
    assert isinstance(segments, Groups)
    assert lists_overview(url, lists)["lists"] == []
    told = groups_overview(url, segments)
    assert [told[name] for name in ("groups", "points", "moves", "runs", "published_at")] == [[], [], [], [], None]
    assert names_of(url, lists, "c") == names_of(url, segments, "") == []
    with pytest.raises(ModelNotFound, match="nothing that is published"):
        lists_member(url, lists, "c0001")
    with pytest.raises(ModelNotFound, match="nothing that is published"):
        groups_member(url, segments, "c0001")


def test_a_value_reads_by_the_kind_of_its_column() -> None:
    segments = USE_CASES["segments"].page
    assert isinstance(segments, Groups)
    kinds = {one["name"]: one["kind"] for one in described(segments.members)}
    assert kinds["alive_probability"] == "share"
    assert (kinds["expected_spend"], kinds["orders"], kinds["moved"]) == ("number", "count", "flag")
    assert (kinds["last_purchase"], kinds["published_at"], kinds["name"]) == ("day", "moment", "text")


def test_the_charting_library_is_the_published_one() -> None:
    assert {name: hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() for name in UPLOT} == UPLOT
