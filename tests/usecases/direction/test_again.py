"""Where nothing is new the shown rows are published again, as scoring would; whatever is new is noticed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from brain import again, pipeline, steps
from brain.core import own_code
from brain.core.moment import Moment
from brain.demo.load import load_demo
from brain.usecases.direction.names import model_key
from brain.warehouse.connection import transaction
from brain.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from pathlib import Path

    from brain.core.settings import Settings

ASSETS = ["GOLD", "VIX"]
THURSDAY = datetime(2018, 6, 28, 22, tzinfo=UTC)
CATALOGUE = """
defaults: {horizons: [5, 20], training: {trials: 1, folds: 3, classifiers: [logistic]}%s}
assets: [GOLD, VIX]
"""
TABLES = (
    *("probability_details", "probability_reasons", "probabilities", "probability_history", "probability_ledger"),
    *("evaluation_runs", "writer_fences"),
)

pytestmark = pytest.mark.timeout(300)


def later(hours: int) -> Moment:
    return Moment(THURSDAY + timedelta(hours=hours))


def workspace_of(settings: Settings, folder: Path, more: str = "") -> Workspace:
    path = folder / "catalogue.yaml"
    path.write_text(CATALOGUE % more)
    return open_workspace(settings.model_copy(update={"catalogue_path": path}))


@pytest.fixture
def published(settings: Settings, demo_url: str, tmp_path: Path) -> Workspace:
    """Two assets, and everything done once on Thursday evening."""
    load_demo(demo_url, as_of=date(2018, 6, 28), assets=ASSETS)
    workspace = workspace_of(settings, tmp_path)
    assert all(result.ok for result in pipeline.run_all(workspace, later(0), workers=1))
    return workspace


def rows(workspace: Workspace) -> dict[str, list[Any]]:
    with transaction(workspace.settings.warehouse_url) as connection, connection.cursor() as cursor:
        found = {}
        for table in TABLES:
            cursor.execute(f"SELECT told::text FROM {table} AS told ORDER BY 1")
            found[table] = cursor.fetchall()
        return found


def change(workspace: Workspace, statement: str) -> None:
    with transaction(workspace.settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.rowcount == 1


def done_again(workspace: Workspace, moment: Moment) -> bool:
    """Whether a run's rows are those that are shown; they are published then."""
    run = workspace.run("direction", moment)
    return again.publish_again(run, again.scored_from(run)) is not None


def scored(workspace: Workspace, moment: Moment) -> None:
    """The slow way."""
    run = workspace.run("direction", moment)
    made_from = again.scored_from(run)
    steps.score(run, ASSETS)
    steps.publish(run, [ASSETS], made_from)


def test_it_publishes_what_scoring_would(published: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    first = rows(published)
    with monkeypatch.context() as patch:
        patch.setattr(steps, "score", None)  # a model that is evaluated is an error
        assert all(result.ok for result in pipeline.run_all(published, later(14), workers=1))
        assert all(result.ok for result in pipeline.run_all(published, later(15), workers=1))
    found = rows(published)
    assert all("2018-06-29 13:00:00" in told for (told,) in found["probability_details"])
    assert all("2018-06-29 13:00:00" in told for (told,) in found["probabilities"])
    assert found["probability_history"] == first["probability_history"]
    scored(published, later(15))
    steps.evaluate(published.run("direction", later(15)))
    assert rows(published) == found


def test_what_was_edited_by_hand_is_written_anew(published: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    first = rows(published)["probability_details"]
    edits = (
        "UPDATE probability_details SET probability = probability + 1e-15 WHERE asset = 'GOLD' AND horizon = 5",
        "UPDATE probability_details SET stale = true WHERE asset = 'GOLD' AND horizon = 5",
        "DELETE FROM probability_details WHERE asset = 'VIX' AND horizon = 20",
        "UPDATE probability_reasons SET words = 'rumours' WHERE asset = 'VIX' AND horizon = 20 AND position = 1",
    )
    for edit in edits:
        change(published, edit)
        assert not done_again(published, later(1)), edit
        assert "the published rows are not those that were written" in caplog.text
        caplog.clear()
        scored(published, later(0))
        assert rows(published)["probability_details"] == first
    assert done_again(published, later(1))
    change(published, "UPDATE probabilities SET \"5_Day_Probability\" = 0.5 WHERE assetname = 'GOLD'")
    assert done_again(published, later(1))  # it is made of the others each time
    assert not any("0.5," in told for (told,) in rows(published)["probabilities"])


def test_whatever_numbers_are_made_of_is_noticed(
    published: Workspace, demo_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert done_again(published, later(1))
    assert not done_again(published, later(0)), "a moment before the last one"
    with monkeypatch.context() as patch:
        patch.setattr(own_code, "version", lambda name: f"another {name}")
        own_code.hash_of_code.cache_clear()
        assert not done_again(published, later(2)), "a library"
    own_code.hash_of_code.cache_clear()
    assert not done_again(workspace_of(published.settings, tmp_path, ", quality: {max_overdue: 9}"), later(2)), "a rule"
    assert done_again(workspace_of(published.settings, tmp_path), later(2))
    run, key = published.run("direction", later(3)), model_key("GOLD", 5)
    steps.train(run, ["GOLD"], ["RETURNS5"], force=True)
    assert not done_again(published, later(3)), "a champion"
    run.store.rollback(key, 1, at=later(3).at, reason="a test")
    steps.judge(run)
    assert done_again(published, later(3)), "the champion of before, with the verdict of before"
    load_demo(demo_url, as_of=date(2018, 6, 29), assets=ASSETS)
    steps.extract(published.run("direction", later(24)), ASSETS)
    assert not done_again(published, later(24)), "a row"


def test_a_failed_extraction_and_an_altered_note_are_noticed(published: Workspace) -> None:
    note = published.run("direction", later(1)).staging.storage
    path = "shared/20180628/published.direction.json"
    content = note.read(path)
    note.write(path, content.replace(b"2018-06-28T22", b"2018-06-28T21"))
    assert not done_again(published, later(1))
    note.write(path, content)
    change(published, "UPDATE extraction_runs SET verdict = 'failed', reason = 'a test' WHERE asset = 'GOLD'")
    assert not done_again(published, later(1))
    change(published, "UPDATE extraction_runs SET verdict = 'unchanged', reason = '' WHERE asset = 'GOLD'")
    assert done_again(published, later(1))
