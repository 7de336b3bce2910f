"""Which units and targets a person means."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from brain.core.errors import CatalogueError
from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.workspace import Workspace, choose, open_workspace

NOW = Moment(datetime(2024, 5, 3, tzinfo=UTC))
CATALOGUE = """
defaults: {horizons: [5, 20]}
assets:
  GOLD:
  SILVER: {horizons: [5]}
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    path = tmp_path / "catalogue.yaml"
    path.write_text(CATALOGUE)
    url = "postgresql+psycopg2://nobody@127.0.0.1:1/none"
    given = {"BRAIN_SOURCE_URL": url, "BRAIN_WAREHOUSE_URL": url, "BRAIN_MONGO_URL": "mongodb://127.0.0.1:1/none"}
    keys = {"BRAIN_SIGNING_KEYS": "abcdefgh" * 4, "BRAIN_ENCRYPTION_KEYS": "b" * 32}
    settings = Settings.load({"BRAIN_HOME": str(tmp_path), **given, **keys, "BRAIN_CATALOGUE": str(path)})
    return open_workspace(settings)


def test_nothing_named_means_all(workspace: Workspace) -> None:
    (work,) = choose(workspace, NOW)
    assert (work.names, work.models) == (("GOLD", "SILVER"), 3)


def test_names_are_taken_once_in_their_order(workspace: Workspace) -> None:
    (work,) = choose(workspace, NOW, ["SILVER", "GOLD", "SILVER"])
    assert work.names == ("SILVER", "GOLD")


@pytest.mark.parametrize("text", ["20", "RETURNS20"])
def test_a_target_narrows_to_the_units_that_have_it(workspace: Workspace, text: str) -> None:
    (work,) = choose(workspace, NOW, targets=[text])
    assert (work.names, work.targets, work.models) == (("GOLD",), ("RETURNS20",), 1)


def test_an_unknown_name_is_refused_with_the_known_ones(workspace: Workspace) -> None:
    with pytest.raises(CatalogueError, match="one of GOLD, SILVER"):
        choose(workspace, NOW, ["TIN"])


def test_an_unknown_target_is_refused_with_the_known_ones(workspace: Workspace) -> None:
    with pytest.raises(CatalogueError, match="one of RETURNS5, RETURNS20"):
        choose(workspace, NOW, targets=["7"])


def test_an_unknown_use_case_is_refused_with_the_known_ones(workspace: Workspace) -> None:
    with pytest.raises(CatalogueError, match="one of direction"):
        choose(workspace, NOW, use_case="dreams")
