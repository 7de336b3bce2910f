"""A chunk of units as a task works on it, tried again after its process has died."""

from __future__ import annotations

import importlib
import os
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="brain-airflow-"))

import pytest
from airflow.sdk.exceptions import AirflowFailException

from brain.core.moment import Moment
from brain.demo.load import load_demo
from brain.usecases import USE_CASES
from brain.workspace import open_workspace
from orchestration import runs

if TYPE_CHECKING:
    from brain.core.settings import Settings

CATALOGUE = "defaults:\n  horizons: [5]\n  training: {trials: 1, folds: 3}\nassets: [SP500, VIX]\n"
FRIDAY = Moment(datetime(2018, 6, 29, 22, tzinfo=UTC))
DYING = Path(__file__).parents[1] / "core"  # holds dying.py, which worker processes import by that name


def test_a_chunk_that_is_tried_again_loses_only_the_unit_that_kills(
    settings: Settings, demo_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_demo(demo_url, as_of=date(2018, 6, 29), assets=["SP500", "VIX"])
    catalogue = tmp_path / "catalogue.yaml"
    catalogue.write_text(CATALOGUE)
    workspace = open_workspace(settings.model_copy(update={"catalogue_path": catalogue}))
    monkeypatch.syspath_prepend(DYING)
    monkeypatch.setitem(USE_CASES, "direction", importlib.import_module("dying").DiesAtVix())
    # What Airflow gives a task instead of its database: a process that imports Airflow dies of it.
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "airflow-db-not-allowed:///")
    pushed: dict[str, Any] = {}
    context: dict[str, Any] = {
        "ti": SimpleNamespace(try_number=2, xcom_push=lambda key, value: pushed.update({key: value}))
    }
    monkeypatch.setattr(runs, "get_current_context", lambda: context)
    monkeypatch.setattr(runs, "current_moment", lambda: FRIDAY)
    monkeypatch.setattr(runs, "_workspace", lambda: workspace)
    chunk = {"use_case": "direction", "units": ["VIX", "SP500"]}
    assert [told["ok"] for told in runs.extract_chunk(chunk)] == [True, True]
    assert context["chunk_name"] == "VIX, SP500"
    with pytest.raises(AirflowFailException, match=r"1 of 2 units failed \(VIX\)"):
        runs.train_chunk(chunk, [], force=False)
    vix, sp500 = pushed["return_value"]
    assert str(context["chunk_name"]).startswith("✗ VIX, SP500 — VIX: ")
    assert (vix["unit"], vix["ok"], sp500["unit"], sp500["ok"]) == ("VIX", False, "SP500", True)
    assert "died 2 times" in vix["reason"]
