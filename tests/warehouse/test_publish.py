"""The published tables on a real PostgreSQL: shape, idempotence, staleness, departures, atomicity."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import psycopg2
import pytest

from brain.core.errors import PublishError, QueryRefused
from brain.core.moment import Moment
from brain.demo.questions import FALL_ANSWER, GOLD_ANSWER
from brain.usecases.direction.catalogue import Assets, parse_assets
from brain.usecases.direction.tables import PROBABILITY_DETAILS, probabilities
from brain.warehouse.connection import transaction
from brain.warehouse.grid import complete
from brain.warehouse.publish import Publication, TableCounts, TableRows, publish
from brain.warehouse.read import ask

if TYPE_CHECKING:
    from brain.core.settings import Settings

MONDAY, TUESDAY, WEDNESDAY = (Moment(datetime(2024, 1, day, 6, tzinfo=UTC)) for day in (8, 9, 10))
TABLES = (
    "SELECT * FROM Probabilities ORDER BY 1",
    "SELECT * FROM probability_details ORDER BY 1, 2",
    "SELECT * FROM probability_history ORDER BY 1, 2, 3, 4",
)


def catalogue(assets: str = "GOLD, SILVER", horizons: str = "5, 20, 21, 161") -> Assets:
    return parse_assets(f"defaults: {{horizons: [{horizons}]}}\nassets: [{assets}]")


def cells(shown: Assets, probability: float = 0.6, as_of: str = "2024-01-05") -> pd.DataFrame:
    rows = [
        (asset.name, horizon, as_of, probability, 0.55, 0.01, True, 1, MONDAY.at.isoformat(), "", "ab" * 32, None)
        for asset in shown.assets
        for horizon in asset.horizons
    ]
    return pd.DataFrame(rows, columns=list(PROBABILITY_DETAILS.row_names))


def show(settings: Settings, shown: Assets, frame: pd.DataFrame, moment: Moment) -> Publication:
    grid = [(asset.name, horizon) for asset in shown.assets for horizon in asset.horizons]
    whole = complete(PROBABILITY_DETAILS, frame, pd.DataFrame(grid, columns=["asset", "horizon"]))
    given = [TableRows(PROBABILITY_DETAILS, whole)]
    return publish(settings.warehouse_url, "direction", given, [probabilities(shown.horizons)], moment)


def rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    return ask(settings.warehouse_url, query).rows


def test_both_questions_of_the_mission_run_as_written_by_the_reader(settings: Settings) -> None:
    shown = catalogue()
    frame = cells(shown)
    frame.loc[frame["asset"] == "SILVER", "probability"] = 0.4
    show(settings, shown, frame, MONDAY)
    assert settings.reader_url is not None
    assert ask(settings.reader_url, GOLD_ANSWER).rows == [(0.6, 0.6, 0.6)]
    assert ask(settings.reader_url, FALL_ANSWER).rows == [("SILVER", 0.4), ("GOLD", 0.6)]


def test_the_wide_table_has_the_customary_columns(settings: Settings) -> None:
    show(settings, catalogue(), cells(catalogue()), MONDAY)
    answer = ask(settings.warehouse_url, "SELECT * FROM Probabilities")
    horizons = ("5_Day_Probability", "20_Day_Probability", "21_Day_Probability", "161_Day_Probability")
    assert answer.columns == ("assetname", *horizons, "as_of", "published_at")


def test_a_rerun_of_the_same_interval_gives_the_same_rows(settings: Settings) -> None:
    shown = catalogue()
    show(settings, shown, cells(shown), MONDAY)
    before = [rows(settings, query) for query in TABLES]
    show(settings, shown, cells(shown), MONDAY)
    assert [rows(settings, query) for query in TABLES] == before


def test_history_grows_only_where_something_changed(settings: Settings) -> None:
    shown = catalogue()
    show(settings, shown, cells(shown), MONDAY)
    show(settings, shown, cells(shown), TUESDAY)
    assert rows(settings, "SELECT count(*) FROM probability_history") == [(8,)]
    changed = cells(shown)
    changed.loc[0, "model_version"] = 2
    show(settings, shown, changed, TUESDAY)
    assert rows(settings, "SELECT count(*), max(model_version) FROM probability_history") == [(9, 2)]


def test_a_publication_in_a_line_says_what_is_new_in_the_ledger_where_something_is() -> None:
    told = Publication(MONDAY.at, {"probability_details": TableCounts(3, 2, 1, 6)})
    assert told.line() == "3 rows are fresh, 2 stale, 1 removed"
    assert replace(told, noted=4).line() == "3 rows are fresh, 2 stale, 1 removed, 4 new in the ledger"


def test_history_tells_what_was_shown_last_when_a_number_comes_back(settings: Settings) -> None:
    shown = catalogue("GOLD", "5")
    for moment, probability in ((MONDAY, 0.6), (TUESDAY, 0.7), (WEDNESDAY, 0.6)):
        show(settings, shown, cells(shown, probability), moment)
    lines = rows(settings, "SELECT probability FROM probability_history ORDER BY published_at")
    assert lines == [(0.6,), (0.7,), (0.6,)]


def test_a_rerun_that_says_something_else_replaces_the_line_of_its_moment(settings: Settings) -> None:
    shown = catalogue("GOLD", "5")
    for moment, probability in ((MONDAY, 0.6), (TUESDAY, 0.7), (TUESDAY, 0.8)):
        show(settings, shown, cells(shown, probability), moment)
    lines = rows(settings, "SELECT probability FROM probability_history ORDER BY published_at")
    assert lines == [(0.6,), (0.8,)]


def test_a_rerun_that_says_again_what_was_said_before_replaces_the_line_of_its_moment(settings: Settings) -> None:
    shown = catalogue("GOLD", "5")
    for moment, probability in ((MONDAY, 0.6), (TUESDAY, 0.7), (TUESDAY, 0.6)):
        show(settings, shown, cells(shown, probability), moment)
    lines = rows(settings, "SELECT probability FROM probability_history ORDER BY published_at")
    assert lines == [(0.6,), (0.6,)]


def test_a_probability_survives_the_trip_bit_for_bit(settings: Settings) -> None:
    shown = catalogue("GOLD", "5")
    odd = float(np.nextafter(1 / 3, 1))
    show(settings, shown, cells(shown, odd), MONDAY)
    assert rows(settings, 'SELECT "5_Day_Probability" FROM Probabilities') == [(odd,)]


def test_a_cell_that_could_not_be_scored_keeps_its_last_value_marked_stale(settings: Settings) -> None:
    shown = catalogue("GOLD", "5, 20")
    show(settings, shown, cells(shown, 0.6, "2024-01-05"), MONDAY)
    frame = cells(shown, 0.7, "2024-01-08")
    frame.loc[frame["horizon"] == 20, "probability"] = np.nan
    frame.loc[frame["horizon"] == 20, "reason"] = "artifact rejected"
    done = show(settings, shown, frame, TUESDAY)
    assert (done.fresh, done.stale) == (1, 1)
    details = "SELECT horizon, probability, stale, reason, as_of::text FROM probability_details ORDER BY horizon"
    assert rows(settings, details) == [
        (5, 0.7, False, None, "2024-01-08"),
        (20, 0.6, True, "artifact rejected", "2024-01-05"),
    ]
    wide = 'SELECT "5_Day_Probability", "20_Day_Probability", As_Of::text FROM Probabilities'
    assert rows(settings, wide) == [(0.7, 0.6, "2024-01-05")]


def test_a_cell_never_scored_is_listed_without_a_number(settings: Settings) -> None:
    shown = catalogue("GOLD", "5")
    frame = cells(shown)
    frame[["probability", "as_of", "model_version", "reason"]] = [[np.nan, None, None, "no champion"]]
    show(settings, shown, frame, MONDAY)
    assert rows(settings, "SELECT probability, stale, reason FROM probability_details") == [(None, True, "no champion")]
    assert rows(settings, "SELECT count(*) FROM probability_history") == [(0,)]


def test_a_new_horizon_adds_its_column_and_views_survive(settings: Settings) -> None:
    show(settings, catalogue(horizons="5"), cells(catalogue(horizons="5")), MONDAY)
    with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            'CREATE VIEW gold AS SELECT "5_Day_Probability" FROM Probabilities WHERE AssetName = %s', ("GOLD",)
        )
    show(settings, catalogue(horizons="5, 33"), cells(catalogue(horizons="5, 33"), 0.8), TUESDAY)
    assert rows(settings, 'SELECT "5_Day_Probability", "33_Day_Probability" FROM Probabilities') == [(0.8, 0.8)] * 2
    assert rows(settings, "SELECT * FROM gold") == [(0.8,)]


def test_what_leaves_the_catalogue_leaves_the_tables(settings: Settings) -> None:
    show(settings, catalogue(), cells(catalogue()), MONDAY)
    smaller = catalogue("GOLD", "5")
    done = show(settings, smaller, cells(smaller), TUESDAY)
    assert done.departed == 7
    assert done.gone == ["SILVER"], "GOLD has lost a horizon only"
    wide = 'SELECT AssetName, "5_Day_Probability", "20_Day_Probability" FROM Probabilities'
    assert rows(settings, wide) == [("GOLD", 0.6, None)]
    assert rows(settings, "SELECT asset, horizon FROM probability_details") == [("GOLD", 5)]


def test_a_failing_publication_changes_nothing(settings: Settings) -> None:
    shown = catalogue()
    show(settings, shown, cells(shown), MONDAY)
    before = [rows(settings, query) for query in TABLES]
    impossible = cells(shown, 0.9)
    impossible.loc[7, "probability"] = 1.5
    with pytest.raises(PublishError, match=r"probability_check.*Failing row contains \(SILVER, 161, .*, 1\.5,"):
        show(settings, shown, impossible, TUESDAY)
    assert [rows(settings, query) for query in TABLES] == before


def test_readers_see_all_of_the_old_or_all_of_the_new(settings: Settings) -> None:
    """While two values alternate, every read finds one value in every cell."""
    shown = catalogue(", ".join(f"A{number}" for number in range(50)))
    show(settings, shown, cells(shown, 0.25), MONDAY)
    assert settings.reader_url is not None
    url, stop, seen = settings.reader_url, threading.Event(), []

    def read() -> None:
        with transaction(url) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            while not stop.is_set():
                cursor.execute('SELECT "5_Day_Probability", "161_Day_Probability" FROM Probabilities')
                seen.append(cursor.fetchall())

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(20):
        show(settings, shown, cells(shown, 0.75 if turn % 2 == 0 else 0.25), TUESDAY)
    stop.set()
    reader.join()
    assert len(seen) > 20
    assert {len(found) for found in seen} == {50}
    assert all(len({value for row in found for value in row}) == 1 for found in seen)
    assert {found[0][0] for found in seen} == {0.25, 0.75}


def test_the_reader_can_read_the_published_tables_and_nothing_else(settings: Settings) -> None:
    show(settings, catalogue(), cells(catalogue()), MONDAY)
    with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE private_notes (note text)")
    assert settings.reader_url is not None
    for table in ("Probabilities", "probability_details", "probability_history"):
        assert ask(settings.reader_url, f"SELECT count(*) FROM {table}").rows[0][0] > 0
    with pytest.raises(QueryRefused, match="permission denied for table private_notes"):
        ask(settings.reader_url, "SELECT * FROM private_notes")
    for forbidden in ("DELETE FROM Probabilities", "CREATE TABLE mine (x integer)"):
        with (
            pytest.raises(psycopg2.errors.InsufficientPrivilege),
            transaction(settings.reader_url) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SET TRANSACTION READ WRITE")
            cursor.execute(forbidden)


def test_a_question_before_anything_is_published_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(QueryRefused, match="make run"):
        ask(settings.warehouse_url, GOLD_ANSWER)


def test_a_model_no_gate_has_judged_is_published_once_with_its_skill_unknown(settings: Settings) -> None:
    shown = catalogue("GOLD", "5")
    frame = cells(shown).astype({"has_skill": object})
    frame["has_skill"] = None
    for moment in (MONDAY, TUESDAY):
        show(settings, shown, frame, moment)
    assert rows(settings, "SELECT has_skill FROM probability_history") == [(None,)]
