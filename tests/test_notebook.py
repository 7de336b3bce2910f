"""What a notebook saves has a name that the pipeline knows; what has none stops nothing and can be deleted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from typer.testing import CliRunner

import brain
from brain import steps
from brain.core.errors import MomentRefused, StoreError
from brain.core.keys import ModelKey
from brain.store.models import ModelStore
from local.command import app
from tests.store.conftest import FEATURES, logistic_pipeline, training_rows
from tests.test_tampering import ASSETS, TUESDAY, of, run_to_score, workspace  # noqa: F401

if TYPE_CHECKING:
    from pathlib import Path

    from brain.core.settings import Settings
    from brain.workspace import Workspace


def save(settings: Settings, collection: str, model_name: str, use_case: str = "direction") -> str:
    sample = pd.DataFrame(training_rows()[0], columns=list(FEATURES))
    pipeline = logistic_pipeline().fit(*training_rows())
    named = {"collection": collection, "model_name": model_name, "use_case": use_case}
    return brain.save_model_to_brain(pipeline, sample, settings=settings, **named).inserted_id


@pytest.mark.parametrize(
    ("collection", "model_name", "use_case", "told"),
    [
        ("GOLD", "RETURN25", "direction", "the model name 'RETURN25'; expected a target of direction, such as RETURNS"),
        ("GOLD", "25", "direction", "the model name '25'"),
        ("GOLD", "RETURNS025", "direction", "the model name"),
        ("GOLD", "", "direction", "the model name ''"),
        ("", "RETURNS25", "direction", "the collection ''"),
        ("GO\0LD", "RETURNS25", "direction", "the collection"),
        ("GO\ud800LD", "RETURNS25", "direction", "the collection"),
        ("GOLD", "RETURNS" + "9" * 30, "direction", "the model name"),
        ("GOLD", "RETURNS" + "9" * 5000, "direction", "the model name"),
        ("GOLD", "RETURNS2521", "direction", "the model name"),
        ("G" * 5000, "RETURNS25", "direction", "a collection of 5000 bytes; expected at most the 63 bytes"),
        ("G" * 20_000, "RETURNS25", "direction", "collection: found 20000 characters"),
        ("GOLD", "RETURNS25", "directions", "no use case 'directions'; expected one of direction"),
    ],
)
def test_a_name_that_nobody_would_look_for_is_refused(
    settings: Settings, collection: str, model_name: str, use_case: str, told: str
) -> None:
    with pytest.raises(StoreError, match=told) as caught:
        save(settings, collection, model_name, use_case)
    assert ModelStore.open(settings, "direction").backend.models.count_documents({}) == 0
    assert len(str(caught.value)) < 1000


def test_a_known_name_is_stored(settings: Settings) -> None:
    assert save(settings, "GOLD", "RETURNS25") == "direction/GOLD/RETURNS25/v1"


def test_a_foreign_key_in_the_store_is_skipped_and_can_be_deleted(
    workspace: Workspace,  # noqa: F811
    connections: dict[str, str],
    home: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from brain.store import notebook

    settings = workspace.settings
    sample = pd.DataFrame(training_rows()[0], columns=list(FEATURES))
    notebook.save_model_to_brain(  # as an earlier release let anybody do
        logistic_pipeline().fit(*training_rows()),
        sample,
        use_case="direction",
        collection="GOLD",
        model_name="RETURN25",
        settings=settings,
    )
    assert all(result.ok for result in run_to_score(workspace, TUESDAY))
    assert "skipped: direction/GOLD/RETURN25 predicts no RETURNSn" in caplog.text
    assert all(result.ok for result in steps.tidy(workspace, TUESDAY))
    environment = {**connections, "BRAIN_HOME": str(home)}
    deleted = CliRunner().invoke(app, ["models", "delete", "GOLD", "RETURN25"], env=environment)
    assert deleted.output == "direction/GOLD/RETURN25: 1 version deleted.\n"
    assert not of(workspace, TUESDAY).store.has_champion(ModelKey("direction", "GOLD", "RETURN25"))
    assert of(workspace, TUESDAY).store.has_champion(ModelKey("direction", "GOLD", "RETURNS5"))
    assert CliRunner().invoke(app, ["models", "delete", "GOLD", "RETURN25"], env=environment).exit_code == 2


def test_a_model_saved_for_the_future_freezes_nothing(workspace: Workspace) -> None:  # noqa: F811
    before = of(workspace, TUESDAY).store.champion_version(ModelKey("direction", "GOLD", "RETURNS5"))
    sample = pd.DataFrame(training_rows()[0], columns=list(FEATURES))
    with pytest.raises(MomentRefused, match=r"created_on: .* expected a moment that has come"):
        brain.save_model_to_brain(
            logistic_pipeline().fit(*training_rows()),
            sample,
            collection="GOLD",
            model_name="RETURNS5",
            created_on=datetime(2999, 1, 1, tzinfo=UTC),
            settings=workspace.settings,
        )
    run = of(workspace, TUESDAY)
    steps.extract(run, ASSETS)
    assert all(result.ok for result in steps.train(run, ["GOLD"], ["RETURNS5"], force=True))
    after = of(workspace, TUESDAY).store.champion_version(ModelKey("direction", "GOLD", "RETURNS5"))
    assert after == before + 1
