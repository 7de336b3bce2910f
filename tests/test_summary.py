"""What people are told of a run: after a first one, one with nothing to do, and a day that passed."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from brain import pipeline
from brain.core.moment import Moment
from brain.demo.days import next_day, start_demo
from brain.summary import scorecard, skipped, summary_of, waiting
from brain.warehouse.read import ask
from brain.workspace import Workspace, open_workspace
from local.showing import show_scorecards, show_skipped, show_summaries

if TYPE_CHECKING:
    from pathlib import Path

    from brain.core.settings import Settings
    from brain.usecases.protocol import Run

CATALOGUE = """
defaults: {horizons: [1, 21], training: {trials: 1, folds: 3}}
assets: [SP500, VIX]
"""
ASSETS = ("SP500", "VIX")


@pytest.fixture
def workspace(settings: Settings, tmp_path: Path) -> Workspace:
    path = tmp_path / "catalogue.yaml"
    path.write_text(CATALOGUE)
    return open_workspace(settings.model_copy(update={"catalogue_path": path}))


def live(workspace: Workspace, hour: int) -> Run:
    moment = Moment(datetime(2026, 3, 2, hour, 0, 0, 123456, UTC))
    assert all(result.ok for result in pipeline.run_all(workspace, moment, workers=1))
    return workspace.run("direction", moment)


def shown(run: Run, show: object) -> str:
    text = StringIO()
    show(Console(file=text, width=80), [run])  # type: ignore[operator]
    assert max(map(len, text.getvalue().splitlines()), default=0) <= 80
    return text.getvalue()


def test_a_run_that_did_nothing_says_why_and_a_day_says_what_it_changed(workspace: Workspace, demo_url: str) -> None:
    start_demo(demo_url, ASSETS)
    first = live(workspace, 8)
    assert skipped(summary_of(first)) == []
    assert waiting(first) == ["4 numbers wait for their outcome; the first is known 1 row of data later."]
    assert shown(first, show_scorecards).split() == waiting(first)[0].split()

    second = live(workspace, 9)
    assert skipped(summary_of(second)) == [
        "Skipped     4 of 4 models (nothing new): no new rows in 2 tables",
        "            since the run of 2026-03-02 08:00 UTC",
        "            nothing new to publish: 4 numbers are as they were",
    ]
    assert shown(second, show_skipped).split() == " ".join(skipped(summary_of(second))).split()

    next_day(demo_url, ASSETS)
    third = live(workspace, 10)
    assert skipped(summary_of(third)) == []
    found = summary_of(third)
    assert [(table.name, table.new) for table in found.read] == [("SP500", 1), ("VIX", 1)]
    assert (found.models("refresh"), found.models("skip"), found.published, found.kept) == (4, 0, 4, 0)
    assert ask(third.settings.warehouse_url, "SELECT count(*) > 0 FROM probability_reasons").rows == [(True,)]
    (scored,) = found.scored
    assert (scored.due, scored.resolved, scored.pending) == (2, 2, 6)
    outcomes = "SELECT sum(((probability >= 0.5) = (outcome = 1))::integer), avg(log_loss) FROM probability_ledger"
    ((hits, loss),) = ask(third.settings.warehouse_url, f"{outcomes} WHERE outcome IS NOT NULL").rows
    assert scored.accuracy == hits / 2
    assert scored.log_loss == pytest.approx(loss)
    changes = found.changes["probability_details"]
    assert changes.columns == ("asset", "horizon", "before", "after")
    assert changes.rows == changed(third)

    told = shown(third, show_summaries)
    assert "Read        2 new rows of 2 tables" in told
    assert "2018-11-30  1 new: SP500" in told
    assert f"2 of 2 due, 6 open: {hits} hits, log loss" in told
    card = scorecard(third)
    assert card is not None
    assert [(row[0], row[1], row[-1]) for row in card.rows] == [(1, 2, "live")]
    assert "hit rate" in shown(third, show_scorecards)
    assert waiting(third) == []


def changed(run: Run) -> list[tuple[str, int, float, float]]:
    """The numbers as the two last publications had them, by hand from the history."""
    query = "SELECT asset, horizon, published_at, probability FROM probability_history ORDER BY published_at"
    said: dict[tuple[str, int], list[float]] = {}
    for asset, horizon, _, probability in ask(run.settings.warehouse_url, query).rows:
        said.setdefault((asset, horizon), []).append(probability)
    rows = [(*key, values[-2], values[-1]) for key, values in said.items() if values[-2] != values[-1]]
    return sorted(rows, key=lambda row: -abs(row[3] - row[2]))
