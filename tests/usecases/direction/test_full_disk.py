"""A full disk stops no training: what training keeps in the lake is a cache."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from brain import steps
from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.demo.load import load_demo
from brain.lake.lake import Lake
from brain.usecases.direction import peer_shares
from brain.usecases.direction.peer_shares import up_counts
from brain.usecases.protocol import SHARED
from brain.workspace import Workspace, open_workspace
from tests.extract.conftest import HORIZONS, Market, extract, sqlite
from tests.extract.conftest import asset_frame as prices
from tests.lake.test_storage import full_disk

__all__ = ["sqlite"]

FRIDAY = Moment(datetime(2018, 6, 29, 22, tzinfo=UTC))
DAY = date(2030, 1, 1)
CATALOGUE = """
defaults:
  horizons: [5, 20]
  training: {trials: 2, folds: 3}
assets: [SP500, VIX]
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if mount is None or os.getuid() != 0 or subprocess.run([mount, *options], check=False).returncode:
        pytest.skip("only root may mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> None:
    with pytest.raises(OSError, match="No space left"), (folder / "others").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


@pytest.fixture
def workspace(settings: Settings, demo_url: str, tmp_path: Path, small_disk: Path) -> Workspace:
    load_demo(demo_url, as_of=FRIDAY.day, assets=("SP500", "VIX"))
    path = tmp_path / "catalogue.yaml"
    path.write_text(CATALOGUE)
    changes = {"catalogue_path": path, "lake_url": str(small_disk / "lake")}
    return open_workspace(settings.model_copy(update=changes))


def test_models_are_trained_though_the_lake_is_full(workspace: Workspace, small_disk: Path) -> None:
    run = workspace.run("direction", FRIDAY)
    assert all(result.ok for result in steps.extract(run, ["SP500", "VIX"]))
    fill(small_disk)
    results = steps.train(run, ["SP500", "VIX"])
    assert all(result.ok for result in results), results
    assert not (small_disk / "lake" / SHARED).exists() or not list((small_disk / "lake" / SHARED).rglob("*.json"))


@pytest.fixture
def lake(sqlite: Market, tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    sqlite.put("GOLD", prices())
    assert extract(sqlite, lake, DAY).ok
    return lake


def test_ups_are_counted_though_they_cannot_be_kept(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    expected = up_counts(lake, ["GOLD"], HORIZONS, DAY)
    lake.storage.delete_folder(SHARED)
    with full_disk(10), caplog.at_level(logging.WARNING):
        assert up_counts(lake, ["GOLD"], HORIZONS, DAY) == expected
    assert "each chunk of this run counts the peers' shares of ups by itself" in caplog.text
    assert up_counts(lake, ["GOLD"], HORIZONS, DAY) == expected


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"GOLD": 1}', b'{"GOLD": {"x": {}}}', b"\xff", b"null"])
def test_what_is_kept_and_cannot_be_read_is_counted_again(
    lake: Lake, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = up_counts(lake, ["GOLD"], HORIZONS, DAY)
    (folder,) = lake.storage.names(SHARED)
    (name,) = lake.storage.names(f"{SHARED}/{folder}")
    lake.storage.write(f"{SHARED}/{folder}/{name}", content)
    assert up_counts(lake, ["GOLD"], HORIZONS, DAY) == expected
    monkeypatch.setattr(peer_shares, "_counts", None)  # what was counted again is kept again
    assert up_counts(lake, ["GOLD"], HORIZONS, DAY) == expected
