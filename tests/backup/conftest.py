from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from brain.backup.taking import take_backup
from brain.store import large_artifacts
from local.servers import Servers
from tests.backup.world import TUESDAY, WEDNESDAY, World, made

LARGE = b"a payload that lies in GridFS" * 100_000


@pytest.fixture(scope="session")
def world(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two days have been published, and a payload lies in GridFS; tests leave it as it is."""
    with made(servers, tmp_path_factory.mktemp("world")) as found:
        found.play(TUESDAY)
        found.play(WEDNESDAY)
        large_artifacts.keep(found.run(WEDNESDAY).store.backend, LARGE, "ab" * 32)
        yield found


@pytest.fixture(scope="session")
def kept(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its backup; tests leave it as it is."""
    folder = tmp_path_factory.mktemp("backups") / "kept"
    take_backup(world.settings, folder, WEDNESDAY.at)
    return folder


@pytest.fixture
def copied(kept: Path, tmp_path: Path) -> Path:
    """The backup, to be damaged."""
    return shutil.copytree(kept, tmp_path / "copied")


@pytest.fixture
def other(servers: Servers, tmp_path: Path) -> Iterator[World]:
    """An empty world."""
    folder = tmp_path / "other"
    folder.mkdir()
    with made(servers, folder) as found:
        yield found
