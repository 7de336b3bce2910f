"""What readers see before and after the first publication, and when a horizon goes."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from brain.core.errors import PublishError
from brain.core.moment import Moment
from brain.display import show_overview
from brain.usecases.direction.ledger import PROBABILITY_LEDGER
from brain.usecases.direction.long import PROBABILITIES_LONG
from brain.usecases.direction.tables import OVERVIEW, PROBABILITY_DETAILS, probabilities
from brain.usecases.published import make_ready, shown, try_to_make_ready
from brain.warehouse.connection import transaction
from brain.warehouse.evaluation import evaluate
from brain.warehouse.grid import complete
from brain.warehouse.publish import TableRows, publish
from brain.warehouse.read import ask
from brain.workspace import open_workspace

if TYPE_CHECKING:
    from brain.core.settings import Settings
    from brain.usecases.protocol import Run
    from brain.warehouse.ledger import Ledger

MONDAY = date(2024, 1, 1)


def moment(day: date) -> Moment:
    return Moment(datetime(day.year, day.month, day.day, 22, tzinfo=UTC))


def say(settings: Settings, cells: list[tuple[str, int, date]], at: date, horizons: tuple[int, ...]) -> None:
    frame = pd.DataFrame(cells, columns=["asset", "horizon", "as_of"])
    values: dict[str, Any] = {"probability": 0.6, "base_rate": 0.5, "has_skill": True, "skill": 0.01}
    values |= {"model_version": 1, "data_sha256": "0" * 64, "trained_at": moment(at).at.isoformat()}
    rows = complete(PROBABILITY_DETAILS, frame.assign(**values, left_out=None, reason=None), None)
    given = [TableRows(PROBABILITY_DETAILS, rows)]
    derived = [probabilities(horizons)]
    publish(settings.warehouse_url, "direction", given, derived, moment(at), [PROBABILITY_LEDGER])


def rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    assert settings.reader_url is not None
    return ask(settings.reader_url, query).rows


@pytest.fixture
def run(settings: Settings) -> Run:
    return open_workspace(settings).run("direction", moment(MONDAY))


def test_whoever_connects_first_finds_everything_empty_and_made_once(settings: Settings, run: Run) -> None:
    made = make_ready(run)
    assert {"Probabilities", "probability_ledger", "probabilities_long", "model_scorecard", "extraction_runs"} < set(
        made
    )
    for table in shown(run.use_case, run.section):
        assert rows(settings, f"SELECT count(*) FROM {table.identifier}") == [(0,)], table.name
    assert make_ready(run) == ()


def test_only_what_is_missing_is_made(settings: Settings, run: Run) -> None:
    make_ready(run)
    with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("DROP VIEW probabilities_long")
    assert make_ready(run) == ("probabilities_long",)


def test_a_name_that_is_taken_is_told_and_stops_no_extraction(
    settings: Settings, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE VIEW probability_details AS SELECT 1 AS asset")
    with pytest.raises(PublishError, match="Rename what is there"):
        make_ready(run)
    try_to_make_ready(run)
    assert "tables that readers do not see yet" in caplog.text


def test_a_number_is_due_after_as_many_weekdays(settings: Settings, run: Run) -> None:
    make_ready(run)
    days = [MONDAY + timedelta(days=number) for number in range(7)]
    cells = [(f"A{number}", horizon, day) for number, day in enumerate(days) for horizon in (*range(1, 12), 21, 161)]
    say(settings, cells, date(2024, 1, 7), (1,))
    for as_of, horizon, due in rows(settings, "SELECT as_of, horizon, due FROM probabilities_long"):
        assert due == np.busday_offset(as_of, horizon, roll="backward").astype(object), (as_of, horizon)


def test_what_came_true_is_told_once_it_is_known(settings: Settings, run: Run) -> None:
    make_ready(run)
    say(settings, [("GOLD", 1, MONDAY), ("GOLD", 5, MONDAY)], MONDAY, (1, 5))
    query = "SELECT horizon, edge, outcome, known_at, realised_return FROM probabilities_long ORDER BY horizon"
    assert rows(settings, query) == [
        (1, pytest.approx(0.1), None, None, None),
        (5, pytest.approx(0.1), None, None, None),
    ]
    tuesday = MONDAY + timedelta(days=1)

    def known(ledger: Ledger, since: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(
            [("GOLD", 1, MONDAY, 1, tuesday, 0.02)], columns=[*ledger.key, "outcome", "known_at", "realised_return"]
        )

    evaluate(
        settings.warehouse_url, "direction", [PROBABILITY_LEDGER], known, moment(tuesday), views=[PROBABILITIES_LONG]
    )
    first, second = rows(settings, query)
    assert first[2:] == (1, tuesday, 0.02)
    assert second[2:] == (None, None, None)


def test_a_horizon_that_goes_breaks_no_question_and_is_not_printed(settings: Settings, run: Run) -> None:
    make_ready(run)
    say(settings, [("GOLD", 5, MONDAY), ("GOLD", 21, MONDAY)], MONDAY, (5, 21))
    later = MONDAY + timedelta(days=1)
    say(settings, [("GOLD", 5, later), ("GOLD", 2, later), ("GOLD", 10, later)], later, (2, 5, 10))
    assert rows(settings, "SELECT asset FROM probabilities_long WHERE horizon = 21") == []
    assert rows(settings, "SELECT horizon FROM probabilities_long ORDER BY 1") == [(2,), (5,), (10,)]
    assert rows(settings, 'SELECT "21_Day_Probability" FROM Probabilities') == [(None,)]
    assert settings.reader_url is not None
    printed = io.StringIO()
    show_overview(Console(file=printed, width=80), ask(settings.reader_url, OVERVIEW.query), OVERVIEW)
    assert printed.getvalue().splitlines()[1].split() == ["assetname", "2d", "5d", "10d", "as_of"]
