"""On a day with nothing new no model is trained and no row is read, and that is told as looking at the rows would."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from brain import pipeline, steps
from brain.core.moment import Moment
from brain.demo.load import load_demo
from brain.lake.lake import Lake
from brain.usecases.direction import untouched as subject
from brain.usecases.direction.names import SPACE, model_key
from brain.usecases.direction.training import train_unit
from brain.usecases.direction.untouched import untouched
from brain.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from pathlib import Path

    from brain.core.settings import Settings
    from brain.usecases.protocol import Run

ASSETS = ["GOLD", "VIX"]
THURSDAY = Moment(datetime(2018, 6, 28, 22, tzinfo=UTC))
FRIDAY = Moment(datetime(2018, 6, 29, 22, tzinfo=UTC))
CATALOGUE = """
defaults: {horizons: [5, 20], training: {trials: 1, folds: 3, classifiers: [logistic], max_age_days: 30%s}}
assets: [GOLD, VIX]
"""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def trained(settings: Settings, demo_url: str, tmp_path: Path) -> Workspace:
    """Two assets, read and trained on Thursday."""
    load_demo(demo_url, as_of=date(2018, 6, 28), assets=ASSETS)
    workspace = with_catalogue(settings, tmp_path)
    run = workspace.run("direction", THURSDAY)
    assert all(result.ok for result in [*steps.extract(run, ASSETS), *steps.train(run, ASSETS)])
    return workspace


def with_catalogue(settings: Settings, folder: Path, more: str = "") -> Workspace:
    path = folder / "catalogue.yaml"
    path.write_text(CATALOGUE % more)
    return open_workspace(settings.model_copy(update={"catalogue_path": path}))


def looked_at(run: Run, asset: str) -> list[Any]:
    return list(train_unit(run, asset, (), force=False))


def test_it_says_what_looking_at_the_rows_says(trained: Workspace) -> None:
    for days in (0, 1, 29):
        run = trained.run("direction", Moment(THURSDAY.at + timedelta(days=days)))
        found = untouched(run, ASSETS)
        assert found == {asset: looked_at(run, asset) for asset in ASSETS}
        assert {one.decision.action for results in found.values() for one in results} == {"skip"}


def test_no_row_is_read_and_no_process_is_started(trained: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any, **__: Any) -> Any:
        raise AssertionError("nothing is new")

    monkeypatch.setattr(Lake, "read", forbidden)
    monkeypatch.setattr("brain.core.workers._start", forbidden)
    results = pipeline.train_all(trained, FRIDAY, force=False)
    assert [(result.unit, result.ok, result.reason) for result in results] == [
        (asset, True, "2 skip") for asset in ASSETS
    ]
    decided = trained.run("direction", FRIDAY).store.decided(ASSETS)
    assert {(one.action, one.moment) for one in decided} == {("skip", FRIDAY.at)}


def test_whoever_asks_for_it_has_all_searched_anew(trained: Workspace) -> None:
    (result,) = steps.train(trained.run("direction", FRIDAY), ["VIX"], force=True)
    assert {model.done for model in result.models} == {"search"}


def test_a_search_that_is_due_is_made(trained: Workspace) -> None:
    late = Moment(THURSDAY.at + timedelta(days=32))
    assert untouched(trained.run("direction", late), ASSETS) == {}
    assert {one.decision.action for one in looked_at(trained.run("direction", late), "VIX")} == {"search"}


def test_new_rows_are_looked_at(trained: Workspace, demo_url: str) -> None:
    load_demo(demo_url, as_of=date(2018, 6, 29), assets=["VIX"])
    run = trained.run("direction", FRIDAY)
    steps.extract(run, ASSETS)
    assert list(untouched(run, ASSETS)) == ["GOLD"]


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (0, ["skip: 1 new row; refitted every 3 rows", "skip: 2 new rows; refitted every 3 rows", "refresh: new rows"]),
        (1, ["skip: 1 new row; refitted every 3 rows", "refresh: new rows", "skip: 1 new row; refitted every 3 rows"]),
    ],
)
def test_models_wait_for_the_turn_of_their_asset(
    trained: Workspace, demo_url: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    place: int, told: list[str],
) -> None:  # fmt: skip
    """`place` is that of the row that is known, among the three of a turn."""
    workspace, found = with_catalogue(settings, tmp_path, ", refresh_after_rows: 3"), []
    run = workspace.run("direction", THURSDAY)
    assert all(result.ok for result in steps.train(run, ["VIX"], force=True))
    known = run.lake.latest(SPACE, "VIX")
    assert known is not None
    monkeypatch.setattr(subject, "crc32", lambda _: place - known.rows + 3_000_000)
    for day in (date(2018, 6, 29), date(2018, 7, 2), date(2018, 7, 3)):
        load_demo(demo_url, as_of=day, assets=["VIX"])
        run = workspace.run("direction", Moment(datetime(day.year, day.month, day.day, 22, tzinfo=UTC)))
        steps.extract(run, ["VIX"])
        results, skipped = looked_at(run, "VIX"), untouched(run, ["VIX"])
        (reason,) = {f"{result.decision.action}: {result.decision.reason}" for result in results}
        found.append(reason)
        assert skipped == ({"VIX": results} if reason.startswith("skip") else {})
        assert all(result.ok for result in steps.train(run, ["VIX"]))
    assert found == told


def test_corrected_rows_and_other_code_do_not_wait(
    trained: Workspace, demo_url: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = with_catalogue(settings, tmp_path, ", refresh_after_rows: 1000000")
    assert all(result.ok for result in steps.train(workspace.run("direction", THURSDAY), ASSETS, force=True))
    load_demo(demo_url, as_of=date(2018, 6, 29), assets=["VIX"])
    run = workspace.run("direction", FRIDAY)
    assert all(result.ok for result in steps.extract(run, ["VIX"]))
    assert list(untouched(run, ASSETS)) == ASSETS
    with monkeypatch.context() as patched:
        patched.setattr(subject, "hash_of_code", lambda *_: "another library")
        assert untouched(run, ASSETS) == {}
        assert {result.decision.action for result in looked_at(run, "VIX")} == {"refresh"}
    engine = sa.create_engine(demo_url)
    with engine.begin() as connection:
        connection.execute(sa.text("""UPDATE "VIX" SET rsi_2 = 7 WHERE "Date" = '2018-06-27'"""))
    engine.dispose()
    run = workspace.run("direction", Moment(FRIDAY.at + timedelta(days=1)))
    assert all(result.ok for result in steps.extract(run, ["VIX"], full=True))
    assert list(untouched(run, ASSETS)) == ["GOLD"]
    assert {result.decision.action for result in looked_at(run, "VIX")} == {"refresh"}


def test_another_catalogue_is_looked_at(trained: Workspace, settings: Settings, tmp_path: Path) -> None:
    again = with_catalogue(settings, tmp_path, ", plausible_skill: 0.3")
    assert untouched(again.run("direction", FRIDAY), ASSETS) == {}


@pytest.mark.parametrize("changed", ["code", "library"])
def test_other_code_is_looked_at(trained: Workspace, monkeypatch: pytest.MonkeyPatch, changed: str) -> None:
    monkeypatch.setattr(subject, "hash_of_code", lambda *_: changed)
    assert untouched(trained.run("direction", FRIDAY), ASSETS) == {}


def test_a_column_that_turns_out_corrected_is_looked_at(trained: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "corrected_columns", lambda _, asset: {"sma": "often"} if asset == "VIX" else {})
    assert list(untouched(trained.run("direction", FRIDAY), ASSETS)) == ["GOLD"]


def test_a_model_that_is_missing_is_looked_at(trained: Workspace) -> None:
    run = trained.run("direction", FRIDAY)
    run.store.delete(model_key("VIX", 20))
    assert list(untouched(run, ASSETS)) == ["GOLD"]


def test_a_model_of_an_older_release_is_looked_at(trained: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    run = trained.run("direction", FRIDAY)
    known = run.store.champion_summaries(ASSETS)
    older = {key: replace(one, made_from="") if key.entity == "GOLD" else one for key, one in known.items()}
    monkeypatch.setattr(run.store, "champion_summaries", lambda _: older)
    assert list(untouched(run, ASSETS)) == ["VIX"]
