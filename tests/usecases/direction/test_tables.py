"""The declared tables are, to the last bit, what the first release made by hand; its warehouse is taken over whole."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from brain.core.moment import Moment
from brain.usecases.direction.tables import PROBABILITY_DETAILS, probabilities
from brain.warehouse.connection import transaction
from brain.warehouse.evolution import Facts, read_facts
from brain.warehouse.grid import complete
from brain.warehouse.publish import TableRows, publish
from brain.warehouse.read import ask

if TYPE_CHECKING:
    from brain.core.settings import Settings

FIXTURES = Path(__file__).parent / "fixtures"
FIRST_RELEASE: dict[str, Any] = json.loads((FIXTURES / "first_release.json").read_text())
RUNS: list[dict[str, Any]] = FIRST_RELEASE["runs"]
TABLES = ("probabilities", "probability_details", "probability_history")


def publish_run(settings: Settings, run: dict[str, Any]) -> None:
    cells = pd.DataFrame(run["cells"])
    whole = complete(PROBABILITY_DETAILS, cells, cells[["asset", "horizon"]])
    wide = probabilities(sorted(set(cells["horizon"])))
    moment = Moment(datetime.fromisoformat(run["moment"]))
    publish(settings.warehouse_url, "direction", [TableRows(PROBABILITY_DETAILS, whole)], [wide], moment)


def shown(settings: Settings) -> dict[str, list[str]]:
    """The rows of the published tables, without the columns added since; JSON keeps every bit of a number."""
    query = "SELECT to_jsonb(t) - 'days_behind' - 'left_out' FROM {} t"
    return {table: _sorted(ask(settings.warehouse_url, query.format(table)).rows) for table in TABLES}


def _sorted(rows: list[Any]) -> list[str]:
    return sorted(json.dumps(row[0], sort_keys=True) for row in rows)


def expected(run: dict[str, Any]) -> dict[str, list[str]]:
    """What the first release published; it also listed assets without any number in the wide table."""
    tables = {**run["tables"], "probabilities": [row for row in run["tables"]["probabilities"] if row["as_of"]]}
    return {table: _sorted([(row,) for row in rows]) for table, rows in tables.items()}


def take_over(settings: Settings) -> None:
    """The warehouse of the first release after two runs."""
    with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute((FIXTURES / "first_release.sql").read_text())


def facts(settings: Settings, table: str) -> Facts:
    with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        return read_facts(cursor, [table])[table]


@pytest.mark.parametrize("table", TABLES)
def test_columns_types_and_keys_are_those_of_the_first_release(settings: Settings, table: str) -> None:
    publish_run(settings, RUNS[0])
    found, first = facts(settings, table), FIRST_RELEASE["facts"][table]
    added = {"probabilities": {}, "probability_history": {"left_out": "text"}}.get(
        table, {"days_behind": "integer", "left_out": "text"}
    )
    columns = [[name, column.type, column.not_null] for name, column in found.columns.items()]
    assert [column for column in columns if column[0] not in added] == first["columns"]
    assert {name: found.columns[name].type for name in added} == added
    assert list(found.key) == first["key"]
    assert {f"{table}_{column}_check" for column in first["checked"]} <= set(found.checks)
    assert settings.reader_url is not None
    assert ask(settings.reader_url, f"SELECT count(*) FROM {table}").rows[0][0] > 0


def test_three_runs_publish_what_the_first_release_published(settings: Settings) -> None:
    for run in RUNS:
        publish_run(settings, run)
        assert shown(settings) == expected(run)


def test_a_warehouse_of_the_first_release_is_taken_over_with_nothing_lost(settings: Settings) -> None:
    take_over(settings)
    assert shown(settings) == expected(RUNS[1])
    publish_run(settings, RUNS[2])
    assert shown(settings) == expected(RUNS[2])
    for table in TABLES:
        found = facts(settings, table)
        undeclared = {"5_Day_Probability", "161_Day_Probability"} if table == "probabilities" else set()
        assert {name for name, column in found.columns.items() if column.comment is None} == undeclared
    assert "horizon >= 1" in facts(settings, "probability_history").checks["probability_history_horizon_check"]


def test_a_warehouse_that_was_taken_over_stays_as_it_is(settings: Settings) -> None:
    take_over(settings)
    publish_run(settings, RUNS[2])
    before = [facts(settings, table) for table in TABLES]
    assert settings.reader_url is not None
    with transaction(settings.reader_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM probabilities, probability_details, probability_history")
        publish_run(settings, RUNS[2])  # would wait for this reader if it altered a table
    assert [facts(settings, table) for table in TABLES] == before
    assert shown(settings) == expected(RUNS[2])


def test_the_comments_tell_an_analyst_what_the_columns_mean(settings: Settings) -> None:
    publish_run(settings, RUNS[0])
    wide = facts(settings, "probabilities")
    assert wide.comment is not None
    assert '"N_Day_Probability" is the probability that Close is not lower N rows after As_Of' in wide.comment
    assert "not lower 5 rows" in (wide.columns["5_Day_Probability"].comment or "")
    assert all(column.comment for table in TABLES for column in facts(settings, table).columns.values())


def test_as_of_is_the_oldest_date_behind_any_number_of_the_row(settings: Settings) -> None:
    take_over(settings)
    rows = ask(settings.warehouse_url, "SELECT AssetName, As_Of FROM Probabilities ORDER BY 1").rows
    assert ("GOLD", date(2024, 1, 5)) in rows
