"""Features that drift are one reason among others for a new search: once, named, and kept in the warehouse."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from brain import steps
from brain.core.moment import Moment
from brain.repair import carry_out, find_repairs
from brain.usecases.direction.names import model_key
from brain.warehouse.read import ask
from brain.workspace import open_workspace

if TYPE_CHECKING:
    from pathlib import Path

    from brain.core.settings import Settings
    from brain.usecases.protocol import Run
    from brain.workspace import Workspace

ROWS, SHIFT, FEW = 1700, 1640, 700
CATALOGUE = """
defaults:
  horizons: [1, 5]
  training: {{trials: 1, folds: 3, classifiers: [logistic], search_on_drift: {search_on_drift}}}
  quality: {{overdue: "off", gaps: "off", returns: "off"}}
assets: [SHIFTED, STEADY, YOUNG]
"""


def prices(name: str, seed: int) -> pd.DataFrame:
    """A random walk on weekdays with three features, one of which jumps in `SHIFTED`."""
    random = np.random.default_rng(seed)
    days = pd.bdate_range("2016-01-04", periods=ROWS)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, ROWS)))
    features = {feature: random.normal(size=ROWS) for feature in ("pull", "push")}
    frame = pd.DataFrame({"Date": days.date, "Close": close, "level": close / 3, **features})
    frame.loc[SHIFT:, "pull"] += 3.0 if name == "SHIFTED" else 0.0
    return frame.iloc[-FEW:] if name == "YOUNG" else frame


WORLD = {name: prices(name, seed) for seed, name in enumerate(("SHIFTED", "STEADY", "YOUNG"), 1)}
DAYS = list(WORLD["SHIFTED"]["Date"])


@pytest.fixture
def workspace(settings: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> Workspace:
    path = tmp_path / "catalogue.yaml"
    path.write_text(CATALOGUE.format(search_on_drift=getattr(request, "param", "true")))
    return open_workspace(settings.model_copy(update={"catalogue_path": path}))


def day_of(workspace: Workspace, url: str, day: date) -> tuple[Run, dict[str, str]]:
    """One day's extraction and training; what was done for each asset."""
    engine = sa.create_engine(url)
    for name, whole in WORLD.items():
        frame = whole[whole["Date"] <= day].copy()
        for horizon in (1, 5):
            frame[f"RETURNS{horizon}"] = frame["Close"].shift(-horizon) / frame["Close"] - 1
        frame.to_sql(name, engine, index=False, if_exists="replace")
    engine.dispose()
    run = workspace.run("direction", Moment(datetime.combine(day, time(22), UTC)))
    assert all(result.ok for result in steps.extract(run, list(WORLD)))
    return run, trained(run)


def trained(run: Run) -> dict[str, str]:
    results = steps.train(run, list(WORLD))
    assert all(result.ok for result in results), results
    return {result.unit: result.reason for result in results}


def told(workspace: Workspace, query: str = "SELECT t::text FROM feature_drift t ORDER BY 1") -> list[tuple[Any, ...]]:
    assert workspace.settings.reader_url is not None
    return ask(workspace.settings.reader_url, query).rows


def test_a_drift_is_kept_searched_once_and_named(workspace: Workspace, demo_url: str) -> None:
    _, first = day_of(workspace, demo_url, DAYS[SHIFT - 5])
    assert set(first.values()) == {"2 search"}
    assert told(workspace) == []
    before, _ = day_of(workspace, demo_url, DAYS[SHIFT - 1])
    shifted, drifted = day_of(workspace, demo_url, DAYS[SHIFT + 40])
    assert drifted == {"SHIFTED": "2 search", "STEADY": "2 refresh", "YOUNG": "2 refresh"}
    for horizon in (1, 5):
        decision = shifted.store.load(model_key("SHIFTED", horizon)).document["decision"]
        assert str(decision["reason"]).startswith("drift: pull: the 63 rows up to ")
    _, again = day_of(workspace, demo_url, DAYS[SHIFT + 41])
    assert set(again.values()) == {"2 refresh"}, "the same drift is no reason twice"
    kept = told(workspace)
    for older in (shifted, before):
        trained(older)
        assert told(workspace) == kept, "an older run"
    assert told(workspace, "SELECT DISTINCT entity, feature, as_of FROM feature_drift WHERE drifted ORDER BY 3") == [
        ("SHIFTED", "pull", DAYS[SHIFT + 40]),
        ("SHIFTED", "pull", DAYS[SHIFT + 41]),
    ]
    young = "SELECT DISTINCT quantile, drifted, statistic IS NULL FROM feature_drift WHERE entity = 'YOUNG'"
    assert told(workspace, young) == [(None, False, False)], "too few rows to judge by"


def test_a_rerun_gives_the_same_and_the_view_tells_it(workspace: Workspace, demo_url: str) -> None:
    day_of(workspace, demo_url, DAYS[SHIFT - 5])
    run, _ = day_of(workspace, demo_url, DAYS[SHIFT + 40])
    kept = told(workspace)
    assert len(kept) == 3 * len(WORLD)
    assert trained(run) == dict.fromkeys(WORLD, "2 skip")
    assert told(workspace) == kept
    for name in WORLD:
        assert steps.score(run, [name])[0].ok
    steps.publish(run, [[name] for name in WORLD])
    steps.evaluate(run)
    day = DAYS[SHIFT + 40]
    assert told(workspace, "SELECT * FROM drift ORDER BY asset") == [
        ("SHIFTED", day, 3, 3, 1, "pull", day),
        ("STEADY", day, 3, 3, 0, None, None),
        ("YOUNG", day, 3, 0, None, None, None),
    ]
    repairs = find_repairs(workspace, Moment(run.moment.at - timedelta(days=1)))
    assert any(one.subject == "feature_drift of direction" for one in repairs)
    assert all(result.ok for result in carry_out(repairs))
    assert told(workspace) == []


@pytest.mark.parametrize("workspace", ["false"], indirect=True)
def test_a_catalogue_can_ignore_drift_which_is_kept_all_the_same(workspace: Workspace, demo_url: str) -> None:
    day_of(workspace, demo_url, DAYS[SHIFT - 5])
    _, drifted = day_of(workspace, demo_url, DAYS[SHIFT + 40])
    assert drifted["SHIFTED"] == "2 refresh"
    assert told(workspace, "SELECT feature FROM feature_drift WHERE drifted") == [("pull",)]
