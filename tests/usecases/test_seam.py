"""A use case that nothing knows of goes from its own source table to its own published table through the real steps."""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from brain import steps
from brain.comparing import compare, said
from brain.core.errors import CatalogueError, ScoringError
from brain.core.keys import ModelKey
from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.demo.load import load_demo
from brain.hindcasting import days_between, fill, hindcasts
from brain.learning.candidate import TrainingResult
from brain.pipeline import run_all
from brain.quality.result import GateResult
from brain.usecases import USE_CASES
from brain.usecases.protocol import Overview, Run
from brain.warehouse.hindcast_scores import hindcast_scores
from brain.warehouse.read import ask
from brain.warehouse.tables import Column, PublishedTable
from brain.workspace import Workspace, choose, open_workspace
from local.command import app
from tests.usecases.visits import FORECAST_LEDGER, Visits

NOON = Moment(datetime(2024, 5, 3, 12, tzinfo=UTC))
LATER = Moment(datetime(2024, 5, 3, 14, tzinfo=UTC))
PACKAGE = Path(__file__).parents[2] / "include"


@pytest.fixture
def visits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(USE_CASES, "visits", Visits())


def load_shop(url: str, name: str, hours: int = 400) -> None:
    """Hourly visitors until 14:30 on 3 May 2024, more of them when it is warm."""
    random = np.random.default_rng(len(name))
    temperature = 15 + 8 * np.sin(np.arange(hours) / 24 * 2 * np.pi)
    visitors = np.round(40 + 3 * temperature + random.normal(0, 2, hours))
    at = pd.date_range(end="2024-05-03 14:30:00.000001", periods=hours, freq="h")
    engine = sa.create_engine(url)
    frame = pd.DataFrame({"at": at, "visitors": visitors, "temperature": temperature})
    frame.to_sql(name, engine, index=False)
    engine.dispose()


def workspace_of(settings: Settings, folder: Path, text: str) -> Workspace:
    path = folder / "catalogue.yaml"
    path.write_text(text)
    return open_workspace(settings.model_copy(update={"catalogue_path": path}))


@pytest.fixture
def workspace(visits: None, settings: Settings, demo_url: str, tmp_path: Path) -> Workspace:
    load_shop(demo_url, "harbour")
    load_shop(demo_url, "station square")
    return workspace_of(settings, tmp_path, "use_cases:\n  visits: {shops: [harbour, station square]}\n")


def forecasts(workspace: Workspace) -> list[tuple[object, ...]]:
    assert workspace.settings.reader_url is not None
    query = "SELECT shop, as_of, visitors, model_version, stale FROM visit_forecasts ORDER BY shop"
    return ask(workspace.settings.reader_url, query).rows


def test_it_goes_from_its_source_table_to_its_published_table(workspace: Workspace) -> None:
    results = run_all(workspace, NOON, workers=1)
    assert all(result.ok for result in results), results
    (harbour, station) = forecasts(workspace)
    assert (harbour[0], station[0]) == ("harbour", "station square")
    assert harbour[1] == datetime(2024, 5, 3, 11, 30, 0, 1, tzinfo=UTC)
    assert 40 < float(str(harbour[2])) < 140
    assert harbour[3:] == (1, False)


def test_a_later_run_serves_later_rows_and_keeps_the_history(workspace: Workspace) -> None:
    run_all(workspace, NOON, workers=1)
    run_all(workspace, LATER, workers=1)
    assert [row[1] for row in forecasts(workspace)] == [datetime(2024, 5, 3, 13, 30, 0, 1, tzinfo=UTC)] * 2
    counted = "SELECT count(*), count(DISTINCT as_of) FROM visit_forecast_history"
    assert ask(workspace.settings.warehouse_url, counted).rows == [(4, 2)]


def test_its_numbers_are_scored_by_quantiles_when_their_hour_has_come(workspace: Workspace) -> None:
    run_all(workspace, NOON, workers=1)
    run_all(workspace, LATER, workers=1)
    query = (
        "SELECT few, visitors, many, outcome, pinball_loss, covered, known_at FROM visit_forecast_ledger ORDER BY as_of"
    )
    scored = [row for row in ask(workspace.settings.warehouse_url, query).rows if row[3] is not None]
    assert len(scored) == 2
    for few, median, many, came, loss, covered, known_at in scored:
        parts = [(few, 0.1), (median, 0.5), (many, 0.9)]
        expected = sum((level - (came < said)) * (came - said) for said, level in parts) / 3
        assert loss == pytest.approx(expected, abs=1e-12)
        assert covered == int(few <= came <= many)
        assert known_at == datetime(2024, 5, 3, 12, 30, 0, 1, tzinfo=UTC)
    lines = "SELECT target, due, resolved, pending, pinball_loss, interval_coverage, log_loss FROM evaluation_runs"
    (line,) = ask(workspace.settings.warehouse_url, f"{lines} WHERE due > 0").rows
    assert line[:4] == ("all", 2, 2, 2)
    assert line[4] == pytest.approx(sum(row[4] for row in scored) / 2)
    assert line[5:] == (sum(row[5] for row in scored) / 2, None)


def test_its_past_is_replayed_like_that_of_any_other(workspace: Workspace) -> None:
    run = workspace.run("visits", LATER)
    steps.extract(run, [unit.name for unit in run.units])
    over = Moment(datetime(2024, 5, 4, 12, tzinfo=UTC))
    (one,) = hindcasts(workspace, days_between(date(2024, 4, 28), date(2024, 5, 2), "2d"), over)
    assert fill(one, workers=1) == 2 * 3
    steps.evaluate(workspace.run("visits", over))
    ((target, rows, resolved, measured),) = hindcast_scores(workspace.settings.warehouse_url, FORECAST_LEDGER)
    assert (target, rows, resolved) == ("all", 6, 6)
    assert measured["pinball_loss"] is not None
    (line,) = compare(said(one), said(one), FORECAST_LEDGER, workspace.run("visits", over))
    assert line.loss == pytest.approx(measured["pinball_loss"])
    assert (line.gap.mean, line.gap.pairs) == (0, 6)


def test_a_rerun_gives_the_same_rows(workspace: Workspace) -> None:
    run_all(workspace, NOON, workers=1)
    before = forecasts(workspace)
    run_all(workspace, NOON, workers=1)
    assert forecasts(workspace) == before


def test_a_shop_that_breaks_stops_no_other_and_says_why(workspace: Workspace, demo_url: str) -> None:
    run_all(workspace, NOON, workers=1)
    engine = sa.create_engine(demo_url)
    with engine.begin() as connection:
        connection.exec_driver_sql('DROP TABLE "harbour"')
    engine.dispose()
    results = run_all(workspace, LATER, workers=1)
    assert {result.unit for result in results if not result.ok} == {"harbour"}
    assert [row[1] for row in forecasts(workspace)][1] == datetime(2024, 5, 3, 13, 30, 0, 1, tzinfo=UTC)


def test_two_use_cases_run_side_by_side_and_may_have_units_of_one_name(
    visits: None, settings: Settings, demo_url: str, tmp_path: Path
) -> None:
    load_demo(demo_url, as_of=date(2018, 6, 29), assets=["VIX"])
    engine = sa.create_engine(demo_url)
    with engine.begin() as connection:
        connection.exec_driver_sql('CREATE SCHEMA IF NOT EXISTS public; ALTER TABLE "VIX" RENAME TO volatility')
    engine.dispose()
    load_shop(demo_url, "VIX")
    text = """
defaults: {horizons: [5], training: {trials: 1, folds: 3}}
assets: {VIX: {table: volatility}}
use_cases:
  visits: {shops: [VIX]}
"""
    workspace = workspace_of(settings, tmp_path, text)
    results = run_all(workspace, NOON, workers=1)
    assert all(result.ok for result in results), results
    assert [row[0] for row in forecasts(workspace)] == ["VIX"]
    wide = ask(settings.warehouse_url, 'SELECT AssetName, "5_Day_Probability" IS NOT NULL FROM Probabilities').rows
    assert wide == [("VIX", True)]
    read = "SELECT use_case, asset, status FROM (SELECT use_case, asset, verdict AS status FROM extraction_runs) r"
    assert sorted(ask(settings.warehouse_url, read).rows) == [("direction", "VIX", "new"), ("visits", "VIX", "new")]
    with pytest.raises(CatalogueError, match="--use-case"):
        choose(workspace, NOON, ["VIX"])
    (work,) = choose(workspace, NOON, ["VIX"], use_case="visits")
    assert work.names == ("VIX",)


def test_a_failing_use_case_does_not_keep_the_others_from_publishing(workspace: Workspace) -> None:
    run = workspace.run("visits", NOON)

    def fails_for_the_first(of: object) -> str:
        seen.append(of)
        if len(seen) == 1:
            raise CatalogueError("a", found="b", expected="c", remedy="D.")
        return "done"

    seen: list[object] = []
    with pytest.raises(CatalogueError):
        steps.each([run, run], fails_for_the_first)
    assert len(seen) == 2


def test_the_command_line_takes_it_as_it_takes_any(
    workspace: Workspace, connections: dict[str, str], home: Path
) -> None:
    environment = {
        **connections,
        "BRAIN_HOME": str(home),
        "BRAIN_CATALOGUE": str(workspace.settings.catalogue_path),
        "BRAIN_LAKE_URL": workspace.settings.lake_url,
    }

    def brain(*words: str) -> str:
        done = CliRunner().invoke(app, list(words), env={**os.environ, **environment})
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output

    for words in (["extract", "harbour"], ["extract"], ["train", "--use-case", "visits"], ["publish"]):
        brain(*words, "--until", "2024-05-03T12:00:00")
    assert "harbour" in brain("sql")
    assert "next_hour" in brain("models", "list")
    assert "identical, bit for bit" in brain("replay", "harbour", "next_hour", "--as-of", "2024-05-03T11:30:00.000001")
    assert "does not say what it is made of" in brain("explain", "harbour", "next_hour")
    assert "--as-of 2024-05-03T11:30:00.000001" in brain("explain", "harbour", "next_hour")
    assert "2 source tables" in brain("doctor")
    brain("tidy", "--until", "2024-05-03T12:00:00")


def test_no_code_asks_for_a_use_case_by_name() -> None:
    asked = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare) and "use_case" in ast.unparse(node.left):
                names = [part.value for part in node.comparators if isinstance(part, ast.Constant)]
                asked += [f"{path}: {ast.unparse(node)}" for name in names if isinstance(name, str)]
    assert asked == []


class Averages(Visits):
    """No model at all: the mean of each shop's visitors."""

    name = "averages"
    tables = (
        PublishedTable(
            name="visit_averages",
            meaning="A row a shop.",
            key=("shop",),
            columns=(
                Column("shop", "text", "The shop."),
                Column("visitors", "double precision", "Mean visitors an hour.", required=True),
                Column("published_at", "timestamptz", "The run's moment."),
            ),
            value="visitors",
            unscored="drop",
        ),
    )
    ledgers = ()
    overview = Overview("Averages", "SELECT * FROM visit_averages ORDER BY shop")

    def untouched(self, run: Run, units: Sequence[str]) -> dict[str, Sequence[TrainingResult]]:
        return {}

    def train(self, run: Run, unit: str, targets: Sequence[str], *, force: bool) -> Sequence[TrainingResult]:
        return []

    def rows(self, section: Any) -> dict[str, pd.DataFrame | None]:
        return {"visit_averages": None}

    def score(self, run: Run, units: Sequence[str]) -> dict[str, pd.DataFrame]:
        means = []
        for unit in units:
            snapshot = run.lake.as_of(self.space, unit, run.moment)
            if snapshot is None:
                raise ScoringError(unit, found="no snapshot", expected="one", remedy="Extract it.")
            means.append({"shop": unit, "visitors": run.lake.read(snapshot)["visitors"].mean()})
        return {"visit_averages": pd.DataFrame(means)}

    def rules(self, run: Run, rows: Any) -> GateResult:
        return GateResult("averages", len(rows["visit_averages"]), ())

    def model_key(self, row: Any) -> ModelKey:
        raise NotImplementedError

    def row_key(self, key: ModelKey) -> dict[str, Any]:
        raise NotImplementedError


def test_a_use_case_needs_no_model_and_one_unit_without_rows_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, demo_url: str, tmp_path: Path
) -> None:
    monkeypatch.setitem(USE_CASES, "averages", Averages())
    load_shop(demo_url, "harbour")
    workspace = workspace_of(settings, tmp_path, "use_cases:\n  averages: {shops: [harbour, nowhere]}\n")
    results = run_all(workspace, NOON, workers=1)
    assert {result.unit for result in results if not result.ok} == {"nowhere"}
    assert [row[0] for row in ask(settings.warehouse_url, "SELECT shop FROM visit_averages").rows] == ["harbour"]


class Untold(Visits):
    """Only scoring tells which rows there are; and scoring has a mistake for one shop."""

    broken = ""

    def rows(self, section: Any) -> dict[str, pd.DataFrame | None]:
        return {table.name: None for table in self.tables}

    def score(self, run: Run, units: Sequence[str]) -> Mapping[str, pd.DataFrame]:
        if self.broken in units:
            raise RuntimeError("a mistake in scoring")
        return super().score(run, units)


def test_a_mistake_in_scoring_keeps_the_last_rows_of_its_unit_and_marks_them(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, demo_url: str, tmp_path: Path
) -> None:
    case = Untold()
    monkeypatch.setitem(USE_CASES, "visits", case)
    for shop in ("harbour", "station"):
        load_shop(demo_url, shop)
    workspace = workspace_of(settings, tmp_path, "use_cases:\n  visits: {shops: [harbour, station]}\n")
    run_all(workspace, NOON, workers=1)
    query = "SELECT shop, visitors, stale, reason FROM visit_forecasts ORDER BY shop"
    before = ask(settings.warehouse_url, query).rows
    monkeypatch.setattr(case, "broken", "station")
    results = run_all(workspace, LATER, workers=1)
    assert [result.unit for result in results if not result.ok] == ["station"]
    (harbour, station) = ask(settings.warehouse_url, query).rows
    assert (harbour[0], harbour[2:]) == ("harbour", (False, None))
    assert station[:3] == (*before[1][:2], True)
    assert "a mistake in scoring" in station[3]
