"""What came true of direction's numbers on real data and servers: also of assets that left, and of damaged ones."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from brain import steps
from brain.core.moment import Moment
from brain.demo.load import load_demo
from brain.workspace import Workspace, open_workspace
from tests.test_steps import ASSETS, CATALOGUE, THURSDAY, _workspace, rows, run

if TYPE_CHECKING:
    from brain.core.settings import Settings

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def workspace(settings: Settings, demo_url: str, tmp_path: Path) -> Workspace:
    load_demo(demo_url, as_of=date(2018, 6, 28), assets=ASSETS)
    return _workspace(settings, tmp_path, ASSETS)


def test_what_was_published_is_told_from_what_came_true(workspace: Workspace, demo_url: str) -> None:
    run(workspace, THURSDAY)
    (first,) = steps.evaluate(workspace.run("direction", THURSDAY))
    assert (first.total.due, first.total.pending) == (0, 12)
    load_demo(demo_url, as_of=date(2018, 7, 27), assets=ASSETS)
    later = workspace.run("direction", Moment(datetime(2018, 7, 27, 22, tzinfo=UTC)))
    steps.extract(later, ["SP500", "VIX"])
    (found,) = steps.evaluate(later)
    assert (found.total.resolved, found.total.pending) == (4, 8)
    scored = (
        "SELECT asset, horizon, outcome, realised_return, known_at FROM probability_ledger WHERE outcome IS NOT NULL"
    )
    known = {(asset, horizon): of for asset, horizon, *of in rows(workspace, scored)}
    assert sorted(known) == [(asset, horizon) for asset in ("SP500", "VIX") for horizon in (5, 20)]
    closes = later.lake.as_of("assets", "SP500", later.moment)
    assert closes is not None
    prices = later.lake.read(closes, ["Close"])
    at = int((prices["Date"] == "2018-06-28").to_numpy().argmax())
    now, then = prices["Close"].iloc[at], prices["Close"].iloc[at + 5]
    assert known["SP500", 5] == [int(then >= now), then / now - 1, prices["Date"].iloc[at + 5].date()]


def test_what_has_left_the_catalogue_is_scored_all_the_same(
    workspace: Workspace, demo_url: str, tmp_path: Path
) -> None:
    run(workspace, THURSDAY)
    load_demo(demo_url, as_of=date(2018, 7, 27), assets=ASSETS)
    narrowed = CATALOGUE.replace("[5, 20, 21, 161]", "[20]") % "VIX"
    path = tmp_path / "catalogue.yaml"
    path.write_text(narrowed)
    left = open_workspace(workspace.settings.model_copy(update={"catalogue_path": path}))
    later = left.run("direction", Moment(datetime(2018, 7, 27, 22, tzinfo=UTC)))
    steps.extract(later, ["VIX"])
    (found,) = steps.evaluate(later)
    assert (found.total.resolved, found.total.pending) == (4, 8)
    scored = "SELECT asset, horizon FROM probability_ledger WHERE outcome IS NOT NULL ORDER BY 1, 2"
    assert rows(workspace, scored) == [("SP500", 5), ("SP500", 20), ("VIX", 5), ("VIX", 20)]


@pytest.mark.parametrize(
    "change",
    ['UPDATE "SP500" SET "Close" = "Close" / 2', 'DELETE FROM "SP500" WHERE "Date" <= \'2018-06-28\''],
    ids=["another scale", "no days in common"],
)
def test_what_has_left_the_catalogue_is_not_scored_across_two_scales(
    workspace: Workspace, demo_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    run(workspace, THURSDAY)
    load_demo(demo_url, as_of=date(2018, 7, 27), assets=ASSETS)
    engine = sa.create_engine(demo_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(change)
    engine.dispose()
    left = _workspace(workspace.settings, tmp_path, ["VIX"])
    later = left.run("direction", Moment(datetime(2018, 7, 27, 22, tzinfo=UTC)))
    steps.extract(later, ["VIX"])
    (found,) = steps.evaluate(later)
    assert (found.total.resolved, found.total.pending) == (2, 10)
    assert "what came true of SP500 is known up to 2018-06-28 only: its source table says otherwise" in caplog.text
    load_demo(demo_url, as_of=date(2018, 7, 27), assets=ASSETS)
    (again,) = steps.evaluate(later)
    assert (again.total.resolved, again.total.pending) == (4, 8)


def test_a_table_that_is_gone_leaves_its_numbers_open(workspace: Workspace, demo_url: str, tmp_path: Path) -> None:
    run(workspace, THURSDAY)
    load_demo(demo_url, as_of=date(2018, 7, 27), assets=ASSETS)
    engine = sa.create_engine(demo_url)
    with engine.begin() as connection:
        connection.exec_driver_sql('DROP TABLE "SP500"')
    engine.dispose()
    left = _workspace(workspace.settings, tmp_path, ["VIX"])
    later = left.run("direction", Moment(datetime(2018, 7, 27, 22, tzinfo=UTC)))
    steps.extract(later, ["VIX"])
    (found,) = steps.evaluate(later)
    assert (found.total.resolved, found.total.pending) == (2, 10)


@pytest.mark.parametrize("what", ["segments", "manifest.json"])
def test_a_damaged_file_of_one_asset_leaves_only_its_numbers_open(
    workspace: Workspace, demo_url: str, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    run(workspace, THURSDAY)
    load_demo(demo_url, as_of=date(2018, 7, 27), assets=ASSETS)
    later = workspace.run("direction", Moment(datetime(2018, 7, 27, 22, tzinfo=UTC)))
    steps.extract(later, ["SP500", "VIX"])
    found = Path(later.lake.storage.root) / "assets" / "SP500" / what
    kept = {path: path.read_bytes() for path in (found.iterdir() if found.is_dir() else [found])}
    for path, content in kept.items():
        path.write_bytes(content[: len(content) // 2])
    (scored,) = steps.evaluate(workspace.run("direction", later.moment))
    assert (scored.total.resolved, scored.total.pending) == (2, 10)
    assert "what came true of SP500 stays open" in caplog.text
    for path, content in kept.items():
        path.write_bytes(content)
    (healed,) = steps.evaluate(workspace.run("direction", later.moment))
    assert (healed.total.resolved, healed.total.pending) == (4, 8)
