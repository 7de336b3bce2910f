"""Thirty trading days through the real steps: the ledger then holds exactly the rows it should, once each."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from brain import steps
from brain.core.moment import Moment
from brain.warehouse.read import ask
from brain.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from brain.core.settings import Settings

HORIZONS = (1, 5)
ROWS, DAYS = 560, 30
LAST_ROWS = {"EARLY": 12, "PAUSE": 12}  # rows of EARLY end after as many days; PAUSE then misses six
CATALOGUE = f"""
defaults:
  horizons: {list(HORIZONS)}
  training: {{trials: 1, folds: 3, classifiers: [logistic]}}
  quality: {{overdue: "off", gaps: "off", returns: "off"}}
assets: [DAILY, EARLY, PAUSE]
"""
LEDGER = ("probability_ledger", "probability_ledger_blocks", "evaluation_runs", "calibration_watch", "model_alarms")
PUBLISHED = ("probability_details", "probability_history", "Probabilities")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def prices(name: str, seed: int) -> pd.DataFrame:
    """A random walk on weekdays, in which `PAUSE` misses six days."""
    random = np.random.default_rng(seed)
    days = pd.bdate_range("2022-01-03", periods=ROWS + DAYS + 1)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, len(days))))
    frame = pd.DataFrame({"Date": days.date, "Close": close, "pull": random.normal(size=len(days))})
    if name == "EARLY":
        return frame.iloc[: ROWS + LAST_ROWS[name]]
    if name == "PAUSE":
        return frame.drop(index=range(ROWS + LAST_ROWS[name], ROWS + LAST_ROWS[name] + 6)).reset_index(drop=True)
    return frame


WORLD = {name: prices(name, seed) for seed, name in enumerate(("DAILY", "EARLY", "PAUSE"))}
CALENDAR = list(WORLD["DAILY"]["Date"][ROWS : ROWS + DAYS])


def known(name: str, day: date) -> pd.DataFrame:
    """An asset's table as it stands on a day."""
    frame = WORLD[name][WORLD[name]["Date"] <= day].copy()
    for horizon in HORIZONS:
        frame[f"RETURNS{horizon}"] = frame["Close"].shift(-horizon) / frame["Close"] - 1
    return frame


def load(url: str, day: date) -> None:
    engine = sa.create_engine(url)
    for name in WORLD:
        known(name, day).to_sql(name, engine, index=False, if_exists="replace")
    engine.dispose()


def moment(day: date) -> Moment:
    return Moment(datetime.combine(day, time(22), UTC))


def live(workspace: Workspace, day: date, *, train: bool) -> None:
    run = workspace.run("direction", moment(day))
    names = [unit.name for unit in run.units]
    assert all(result.ok for result in steps.extract(run, names))
    if train:
        trained = steps.train(run, names)
        assert all(result.ok for result in trained), trained
        steps.judge(run)
    scored = steps.score(run, names)
    assert all(result.ok for result in scored), scored
    steps.publish(run, [names])
    steps.evaluate(run)


def contents(workspace: Workspace, tables: tuple[str, ...]) -> dict[str, list[tuple[Any, ...]]]:
    return {name: sorted(told(workspace, f"SELECT t::text FROM {name} t")) for name in tables}


def told(workspace: Workspace, query: str) -> list[tuple[Any, ...]]:
    return ask(workspace.settings.warehouse_url, query).rows


def expected(until: date) -> dict[tuple[str, int, date], tuple[date | None, int | None]]:
    """Every row that the ledger is to hold, with the day of its outcome and the outcome."""
    rows: dict[tuple[str, int, date], tuple[date | None, int | None]] = {}
    for name, whole in WORLD.items():
        for today in CALENDAR:
            days = [day for day in whole["Date"] if day <= today]
            for horizon in HORIZONS:
                rows[name, horizon, days[-1]] = (None, None)
        days = [day for day in whole["Date"] if day <= until]
        for asset, horizon, day in rows:
            if asset == name and (place := days.index(day) + horizon) < len(days):
                outcome = int(whole["Close"][place] >= whole["Close"][place - horizon])
                rows[asset, horizon, day] = (days[place], outcome)
    return rows


@pytest.fixture
def workspace(settings: Settings, tmp_path: Path) -> Workspace:
    path = tmp_path / "catalogue.yaml"
    path.write_text(CATALOGUE)
    return open_workspace(settings.model_copy(update={"catalogue_path": path}))


def test_thirty_days_leave_exactly_the_rows_they_should(workspace: Workspace, demo_url: str) -> None:
    for number, day in enumerate(CALENDAR):
        load(demo_url, day)
        live(workspace, day, train=number % 15 == 0)
        if number % 10 == 9:
            _nothing_changes(workspace, (day, CALENDAR[number - 4], CALENDAR[0]))
    _nothing_changes(workspace, reversed(CALENDAR))
    query = "SELECT asset, horizon, as_of, known_at, outcome FROM probability_ledger"
    found = told(workspace, query)
    assert {tuple(row[:3]): tuple(row[3:]) for row in found} == expected(CALENDAR[-1])
    assert len(found) == len(expected(CALENDAR[-1]))
    assert told(workspace, "SELECT count(*) FROM probability_ledger WHERE hindcast OR corrections > 0") == [(0,)]
    _lines_add_up(workspace)


def _nothing_changes(workspace: Workspace, days: Iterable[date]) -> None:
    """Days that are run again change no table; models trained again change what is shown, not what was said first."""
    before = contents(workspace, LEDGER + PUBLISHED)
    for day in days:
        live(workspace, day, train=False)
        assert contents(workspace, LEDGER + PUBLISHED) == before, f"{day} was run again"
    newest = max(day for (day,) in told(workspace, "SELECT as_of FROM probability_ledger"))
    live(workspace, newest, train=True)
    assert contents(workspace, LEDGER) == {name: before[name] for name in LEDGER}


def _lines_add_up(workspace: Workspace) -> None:
    """The lines of all runs together scored each row once, and what is open then is what the ledger has open."""
    lines = "SELECT target, sum(resolved), sum(due) FROM evaluation_runs GROUP BY 1"
    scored = {target: (int(resolved), int(due)) for target, resolved, due in told(workspace, lines)}
    outcomes = expected(CALENDAR[-1])
    for horizon in HORIZONS:
        number = sum(of == horizon and known_at is not None for (_, of, _), (known_at, _) in outcomes.items())
        assert scored[str(horizon)] == (number, number)
    last = f"SELECT pending FROM evaluation_runs WHERE target = 'all' AND interval_end = '{moment(CALENDAR[-1]).at}'"
    assert told(workspace, last) == [(sum(known_at is None for known_at, _ in outcomes.values()),)]


def test_a_correction_in_the_source_is_scored_again(workspace: Workspace, demo_url: str) -> None:
    for number, day in enumerate(CALENDAR[:8]):
        load(demo_url, day)
        live(workspace, day, train=number == 0)
    engine = sa.create_engine(demo_url)
    asked, known_at = CALENDAR[2], CALENDAR[3]
    with engine.begin() as connection:
        now = f'SELECT "Close" FROM "DAILY" WHERE "Date" = \'{asked}\''
        ((close,),) = connection.exec_driver_sql(now)
        ((then,),) = connection.exec_driver_sql(now.replace(str(asked), str(known_at)))
        turned = close * (0.99 if then >= close else 1.01)
        connection.exec_driver_sql(f'UPDATE "DAILY" SET "Close" = {turned} WHERE "Date" = \'{known_at}\'')
    engine.dispose()
    later = moment(CALENDAR[7] + timedelta(days=1))
    run = workspace.run("direction", later)
    (extracted,) = steps.extract(run, ["DAILY"], full=True)
    assert extracted.ok, extracted
    assert "corrected" in extracted.reason
    (found,) = steps.evaluate(run)
    assert found.total.corrected == 2, "the row that ends on that day, and the one that begins there"
    columns = "outcome, first_outcome, corrections, corrected_at"
    of = f"asset = 'DAILY' AND horizon = 1 AND as_of = '{asked}'"
    assert told(workspace, f"SELECT {columns} FROM probability_ledger WHERE {of}") == [
        (int(then < close), int(then >= close), 1, later.at)
    ]
