"""A backup is of one point: who is writing ends first, and what comes later is not in it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from brain.backup.inventory import Inventory
from brain.backup.restoring import restore_backup
from brain.backup.taking import take_backup
from brain.core.moment import Moment
from brain.lake import copying as lake_copy
from brain.lake.copying import LOCK
from brain.lake.storage import open_storage
from brain.store import copying as store_copy
from brain.warehouse import fence
from brain.warehouse.connection import transaction
from brain.warehouse.read import ask
from local.servers import Servers
from tests.backup.world import FRIDAY, THURSDAY, WEDNESDAY, World, everything, made

pytestmark = pytest.mark.timeout(900)
ONE = "INSERT INTO counters (subject, last) VALUES ('late', 1)"


class Aside(threading.Thread):
    """A backup taken beside what the test does."""

    def __init__(self, world: World, folder: Path) -> None:
        super().__init__(daemon=True)
        self.world, self.folder = world, folder
        self.taken: list[Inventory | Exception] = []
        self.start()

    def run(self) -> None:
        try:
            self.taken.append(take_backup(self.world.settings, self.folder, THURSDAY.at))
        except Exception as error:
            self.taken.append(error)

    def finished(self) -> Inventory:
        self.join(120)
        (found,) = self.taken
        assert isinstance(found, Inventory), found
        return found


def restored(servers: Servers, backup: Path, folder: Path) -> Any:
    folder.mkdir()
    return made(servers, folder)


def test_a_publication_under_way_is_waited_for(other: World, kept: Path, servers: Servers, tmp_path: Path) -> None:
    restore_backup(other.settings, kept)
    with transaction(other.settings.warehouse_url) as connection, connection.cursor() as cursor:
        fence.hold(cursor, "direction")
        cursor.execute(ONE)
        backup = Aside(other, tmp_path / "backup")
        backup.join(1)
        assert backup.taken == []
    backup.finished()
    with restored(servers, tmp_path / "backup", tmp_path / "restored") as again:
        restore_backup(again.settings, tmp_path / "backup")
        assert everything(again, but=()) == everything(other, but=())
        assert any("late" in row for row in everything(again).rows["counters"])


def test_a_table_that_is_being_written_is_waited_for(other: World, kept: Path, tmp_path: Path) -> None:
    """Its segment and its manifest are in the backup, or neither is."""
    restore_backup(other.settings, kept)
    storage = open_storage(other.settings.lake_url)
    folder = lake_copy.table_folders(storage)[0]
    with storage.locked(f"{folder}/{LOCK}"):
        backup = Aside(other, tmp_path / "backup")
        backup.join(1)
        assert backup.taken == []
        storage.write(f"{folder}/segments/late.parquet", b"rows")
        storage.write(f"{folder}/manifest.previous.json", b"late")
    (part,) = backup.finished().of("lake")
    assert part.entries == len(everything(other, but=()).files) + 4
    restore_backup(other.settings, tmp_path / "backup", replace=True)
    assert storage.read(f"{folder}/segments/late.parquet") == b"rows"
    assert storage.read(f"{folder}/manifest.previous.json") == b"late"


def test_what_is_written_after_the_point_is_not_in_the_backup(
    other: World, kept: Path, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole run while the stores are being copied, each step of it committed before the first of them is read."""
    restore_backup(other.settings, kept)
    copy_out = store_copy.copy_out

    def meanwhile(*given: Any) -> None:
        monkeypatch.undo()
        run = threading.Thread(target=other.play, args=(THURSDAY,))
        run.start()
        run.join()
        copy_out(*given)

    monkeypatch.setattr(store_copy, "copy_out", meanwhile)
    take_backup(other.settings, tmp_path / "backup", THURSDAY.at)
    assert everything(other) != everything(world)
    restore_backup(other.settings, tmp_path / "backup", replace=True)
    assert everything(other, but=()) == everything(world, but=())


def test_backups_beside_runs_are_worlds_that_go_on(other: World, kept: Path, servers: Servers, tmp_path: Path) -> None:
    """Taken while two days are extracted, trained and published: what was left of the days then gives the same."""
    restore_backup(other.settings, kept)
    runs = threading.Thread(target=_play, args=(other, THURSDAY, FRIDAY))
    runs.start()
    taken: list[Path] = []
    while runs.is_alive():
        taken.append(tmp_path / f"backup-{len(taken)}")
        take_backup(other.settings, taken[-1], WEDNESDAY.at)
        runs.join(0.1)
    assert taken
    for backup in sorted({taken[len(taken) // 2], taken[-1]}):
        with restored(servers, backup, tmp_path / f"of-{backup.name}") as again:
            restore_backup(again.settings, backup)
            run = again.run(FRIDAY)
            newest = fence.newest_published(again.settings.warehouse_url, "direction", run.use_case.tables)
            _play(again, *([FRIDAY] if newest and newest >= THURSDAY.at else [THURSDAY, FRIDAY]))
            assert _published(again) == _published(other)


def _play(world: World, *moments: Moment) -> None:
    for moment in moments:
        world.play(moment)


def _published(world: World) -> list[tuple[Any, ...]]:
    """Without the version: a day that a backup has not seen is a version less."""
    query = "SELECT asset, horizon, as_of, probability, stale, data_sha256 FROM probability_details ORDER BY 1, 2"
    return ask(world.settings.warehouse_url, query).rows
