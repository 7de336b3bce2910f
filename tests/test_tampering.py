"""Between the steps somebody writes into lake and store: no other number is published, and the other assets go on."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from brain import steps
from brain.core.moment import Moment
from brain.results import UnitResult
from brain.warehouse.read import ask
from brain.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from brain.core.settings import Settings
    from brain.usecases.protocol import Run

ASSETS = ("GOLD", "WTI")
DAYS = pd.date_range("2015-01-01", periods=700, freq="B")
MONDAY, TUESDAY = (Moment(datetime.combine(day, datetime.min.time(), UTC).replace(hour=22)) for day in DAYS[-2:])
CATALOGUE = """
defaults:
  horizons: [5, 20]
  training: {trials: 1, folds: 3}
assets: [GOLD, WTI]
"""

pytestmark = pytest.mark.timeout(300)


def load(demo_url: str, rows: int) -> None:
    """The first `rows` rows of each asset's table."""
    engine = sa.create_engine(demo_url)
    for seed, name in enumerate(ASSETS):
        random = np.random.default_rng(seed)
        close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, len(DAYS))))[:rows]
        momentum = random.normal(size=len(DAYS))[:rows]
        frame = pd.DataFrame({"Date": DAYS[:rows].date, "Close": close, "momentum": momentum})
        for horizon in (5, 20):
            frame[f"RETURNS{horizon}"] = frame["Close"].shift(-horizon) / frame["Close"] - 1
        with engine.begin() as connection:
            connection.execute(sa.text(f'DROP TABLE IF EXISTS "{name}"'))
            frame.to_sql(name, connection, index=False, dtype={"Date": sa.Date()})
            connection.execute(sa.text(f'ALTER TABLE "{name}" ADD PRIMARY KEY ("Date")'))
    engine.dispose()


@pytest.fixture
def workspace(settings: Settings, demo_url: str, tmp_path: Path) -> Workspace:
    """Published for Monday; Tuesday's rows are in the source."""
    load(demo_url, len(DAYS) - 1)
    path = tmp_path / "catalogue.yaml"
    path.write_text(CATALOGUE)
    opened = open_workspace(settings.model_copy(update={"catalogue_path": path}))
    results = [*run_to_score(opened, MONDAY)]
    assert all(result.ok for result in results), results
    publish(opened, MONDAY)
    load(demo_url, len(DAYS))
    return opened


def of(workspace: Workspace, moment: Moment) -> Run:
    """A new run, as another process has it."""
    return workspace.run("direction", moment)


def run_to_score(workspace: Workspace, moment: Moment) -> list[UnitResult]:
    run = of(workspace, moment)
    results = [*steps.extract(run, ASSETS), *steps.train(of(workspace, moment), ASSETS)]
    steps.judge(of(workspace, moment))
    for asset in ASSETS:  # a chunk each
        results += steps.score(of(workspace, moment), [asset])
    return results


def publish(workspace: Workspace, moment: Moment) -> None:
    steps.publish(of(workspace, moment), [[asset] for asset in ASSETS])


def published(workspace: Workspace) -> dict[str, list[tuple[Any, ...]]]:
    """By asset: probability, as_of, model version, whether it is stale, the reason."""
    assert workspace.settings.reader_url is not None
    columns = "asset, horizon, probability, as_of, model_version, stale, reason"
    query = f"SELECT {columns} FROM probability_details ORDER BY 1, 2"
    rows = ask(workspace.settings.reader_url, query).rows
    return {asset: [row[2:] for row in rows if row[0] == asset] for asset in ASSETS}


def gold_is_kept_and_wti_is_fresh(workspace: Workspace, before: dict[str, list[tuple[Any, ...]]], told: str) -> None:
    now = published(workspace)
    assert [row[:3] for row in now["GOLD"]] == [row[:3] for row in before["GOLD"]]
    assert all(stale and told in reason for *_, stale, reason in now["GOLD"]), now["GOLD"]
    assert not any(stale for *_, stale, _ in now["WTI"])
    assert now["WTI"][0][1] == DAYS[-1].date()


def test_staged_rows_that_were_edited_before_they_are_published_are_not(workspace: Workspace) -> None:
    before = published(workspace)
    run_to_score(workspace, TUESDAY)
    for path in (Path(workspace.settings.lake_url) / "scores" / TUESDAY.slug).rglob("*.parquet"):
        line, _, content = path.read_bytes().partition(b"\n")
        frame = pd.read_parquet(io.BytesIO(content))
        if set(frame["asset"]) == {"GOLD"}:
            forged = io.BytesIO()
            frame.assign(probability=0.999).to_parquet(forged, index=False)
            path.write_bytes(line + b"\n" + forged.getvalue())
    publish(workspace, TUESDAY)
    gold_is_kept_and_wti_is_fresh(workspace, before, "content that does not match its signature")


def test_assets_whose_folders_were_swapped_are_not_scored(workspace: Workspace) -> None:
    before = published(workspace)
    steps.extract(of(workspace, TUESDAY), ASSETS)
    folder = Path(workspace.settings.lake_url) / "assets"
    (folder / "GOLD").rename(folder / "aside")
    (folder / "WTI").rename(folder / "GOLD")
    (folder / "aside").rename(folder / "WTI")
    for asset in ASSETS:
        steps.score(of(workspace, TUESDAY), [asset])
    publish(workspace, TUESDAY)
    now = published(workspace)
    assert {asset: [row[:3] for row in rows] for asset, rows in now.items()} == {
        asset: [row[:3] for row in rows] for asset, rows in before.items()
    }
    assert all(stale for rows in now.values() for *_, stale, _ in rows)


def test_a_manifest_that_was_put_back_is_not_scored_until_the_next_extraction(workspace: Workspace) -> None:
    before = published(workspace)
    path = Path(workspace.settings.lake_url) / "assets" / "GOLD" / "manifest.json"
    old = path.read_bytes()
    steps.extract(of(workspace, TUESDAY), ASSETS)
    for name in ("manifest.json", "manifest.previous.json"):
        path.with_name(name).write_bytes(old)
    results = steps.train(of(workspace, TUESDAY), ASSETS)
    assert [result.ok for result in results] == [False, True]
    for asset in ASSETS:
        steps.score(of(workspace, TUESDAY), [asset])
    publish(workspace, TUESDAY)
    gold_is_kept_and_wti_is_fresh(workspace, before, "an old manifest that was put back")
    assert all(result.ok for result in run_to_score(workspace, TUESDAY))
    publish(workspace, TUESDAY)
    assert published(workspace)["GOLD"][0][1] == DAYS[-1].date()


def test_a_pointer_that_was_put_back_is_not_scored_until_the_next_training(workspace: Workspace) -> None:
    store, before = of(workspace, MONDAY).store, published(workspace)
    old = list(store.backend.champions.find({"entity": "GOLD"}))
    run_to_score(workspace, TUESDAY)
    assert store.backend.champions.find_one({"entity": "GOLD"}, {"counter": 1}) != {
        name: old[0][name] for name in ("_id", "counter")
    }
    for pointer in old:
        store.backend.champions.replace_one({"_id": pointer["_id"]}, pointer)
    steps.judge(of(workspace, TUESDAY))
    for asset in ASSETS:
        steps.score(of(workspace, TUESDAY), [asset])
    publish(workspace, TUESDAY)
    gold_is_kept_and_wti_is_fresh(workspace, before, "an old pointer that was put back")
    assert all(result.ok for result in run_to_score(workspace, TUESDAY))


def test_a_broken_pointer_stops_its_model_only_in_every_step(workspace: Workspace) -> None:
    store = of(workspace, MONDAY).store
    pointer = store.backend.champions.find_one({"entity": "GOLD", "target": "RETURNS5"}) or {}
    forged = {**pointer, "verdict": {}, "last_version": 2**31 - 1}
    store.backend.champions.replace_one({"_id": pointer["_id"]}, forged, bypass_document_validation=True)
    assert all(result.ok for result in steps.extract(of(workspace, TUESDAY), ASSETS))
    assert all(result.ok for result in steps.tidy(workspace, TUESDAY))
    steps.judge(of(workspace, TUESDAY))
    steps.score(of(workspace, TUESDAY), ["GOLD"])
    publish(workspace, TUESDAY)
    assert [row[-2] for row in published(workspace)["GOLD"]] == [True, False]
    assert all(result.ok for result in run_to_score(workspace, TUESDAY))
    publish(workspace, TUESDAY)
    assert [row[2:4] for row in published(workspace)["GOLD"]] != []
    assert not any(stale for *_, stale, _ in published(workspace)["GOLD"])


def test_shares_of_peers_that_were_edited_are_counted_again(workspace: Workspace) -> None:
    steps.extract(of(workspace, TUESDAY), ASSETS)
    steps.train(of(workspace, TUESDAY), ASSETS)
    (path,) = (Path(workspace.settings.lake_url) / "shared" / f"{TUESDAY.day:%Y%m%d}").glob("*.json")
    true = path.read_bytes()
    line, _, content = true.partition(b"\n")
    counts = json.loads(content)
    path.write_bytes(line + b"\n" + json.dumps({**counts, "GOLD": {}}).encode())
    steps.train(of(workspace, TUESDAY), ASSETS, force=True)
    assert path.read_bytes() == true


def test_a_unit_whose_tidying_dies_keeps_no_other_from_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brain.store.models import ModelStore

    prune = ModelStore.prune

    def dying(store: ModelStore, **given: Any) -> Any:
        if given["entities"] == ["GOLD"]:
            raise RuntimeError("no such case")
        return prune(store, **given)

    monkeypatch.setattr(ModelStore, "prune", dying)
    told = {result.unit: result for result in steps.tidy(workspace, TUESDAY)}
    assert {unit: result.ok for unit, result in told.items()} == {"GOLD": False, "WTI": True, "past runs": True}
    assert "RuntimeError during tidying: no such case" in told["GOLD"].reason
