"""A restored world is the old one: bit for bit, and in what it does next."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from brain.backup.restoring import restore_backup
from brain.backup.taking import take_backup
from brain.core.errors import BackupError
from brain.replaying import last_published, replay_of
from brain.store import large_artifacts
from brain.store.connection import database, disconnect
from brain.warehouse.connection import transaction
from local import servers as embedded
from local.command import app
from local.servers import Servers
from tests.backup.conftest import LARGE
from tests.backup.world import ASSETS, FRIDAY, STEPS, THURSDAY, TUESDAY, WEDNESDAY, World, everything, made, world_of

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def fresh_servers(servers: Servers) -> Iterator[Servers]:
    """Another PostgreSQL and another MongoDB, with nothing in them."""
    folder = Path(tempfile.mkdtemp(prefix=f"brain-tests-{os.getuid()}-{os.getpid()}-"))
    folder.chmod(0o711)
    try:
        yield embedded.up(folder / ".brain", durable=False)
    finally:
        embedded.remove(folder / ".brain")
        folder.rmdir()


def brain(world: World, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words), env={**os.environ, **world.variables}, catch_exceptions=True)
    return result.exit_code, f"{' '.join(result.output.split())} {result.exception or ''}"


def test_empty_servers_give_the_published_numbers_again_and_go_on_alike(
    world: World, fresh_servers: Servers, servers: Servers, tmp_path: Path
) -> None:
    """The commands, into servers that never knew of any of it; then the next day, beside the world of before."""
    code, told = brain(world, "backup", str(tmp_path / "backup"))
    assert code == 0, told
    (tmp_path / "new").mkdir()
    new = world_of(fresh_servers.connections(), tmp_path / "new", keys=world.settings)
    code, told = brain(new, "restore", "--check", str(tmp_path / "backup"))
    assert (code, "The backup is whole; nothing was written." in told) == (0, True), told
    code, told = brain(new, "restore", str(tmp_path / "backup"))
    assert (code, "Restored. The next run goes on from here." in told) == (0, True), told
    assert everything(new, but=()) == everything(world, but=())
    code, told = brain(new, "replay", "SP500", "20", "--as-of", "2018-06-27")
    assert "identical, bit for bit" in told
    assert code == 0
    (tmp_path / "old").mkdir()
    with made(servers, tmp_path / "old") as old:
        restore_backup(old.settings, tmp_path / "backup")
        old.play(FRIDAY)
        new.play(FRIDAY)
        assert everything(new) == everything(old)
    disconnect(new.settings.mongo_url)


def test_every_number_that_was_published_is_replayed(other: World, kept: Path) -> None:
    restore_backup(other.settings, kept)
    run = other.run(WEDNESDAY)
    for name in ASSETS:
        for target in ("5", "20"):
            for day in (TUESDAY, WEDNESDAY):
                found = last_published(run, name, target, datetime(day.day.year, 6, day.day.day, tzinfo=UTC))
                assert found is not None
                assert replay_of(run, found).identical


def test_the_readers_login_may_read_what_was_restored(other: World, kept: Path) -> None:
    restore_backup(other.settings, kept)
    assert other.settings.reader_url is not None
    with transaction(other.settings.reader_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM Probabilities")
        assert cursor.fetchall() == [(2,)]
        cursor.execute("SELECT has_table_privilege('writer_fences', 'SELECT')")
        assert cursor.fetchall() == [(False,)]


def test_a_payload_in_gridfs_comes_back_with_its_indexes(other: World, kept: Path) -> None:
    restore_backup(other.settings, kept)
    backend = other.run(WEDNESDAY).store.backend
    assert large_artifacts.fetch(backend, "ab" * 32, "it") == LARGE
    assert "files_id_1_n_1" in backend.database["artifacts.chunks"].index_information()


@pytest.mark.parametrize("count", [1, 2, 4], ids=["extracted", "trained", "scored"])
def test_a_run_under_way_is_in_the_backup_as_far_as_it_had_come(
    count: int, servers: Servers, kept: Path, other: World, tmp_path: Path
) -> None:
    """After each step of Thursday's run: what is left of it gives in the restored world what it gives here."""
    restore_backup(other.settings, kept)
    other.play(THURSDAY, count)
    take_backup(other.settings, tmp_path / "backup", THURSDAY.at)
    (tmp_path / "restored").mkdir()
    with made(servers, tmp_path / "restored") as restored:
        restore_backup(restored.settings, tmp_path / "backup")
        assert everything(restored, but=()) == everything(other, but=())
        restored.learn(THURSDAY.day)
        for world in (other, restored):
            for step in STEPS[count:]:
                step(world.run(THURSDAY))
        assert everything(restored) == everything(other)


def test_what_is_there_stays_unless_it_is_to_be_replaced(other: World, kept: Path, world: World) -> None:
    other.play(THURSDAY)
    before = everything(other)
    with pytest.raises(BackupError, match=r"probability_details.*documents in MongoDB's models.*2 tables in the lake"):
        restore_backup(other.settings, kept)
    assert everything(other) == before
    restore_backup(other.settings, kept, replace=True)
    assert everything(other, but=()) == everything(world, but=())


@pytest.mark.parametrize(
    ("store", "told"),
    [
        ("warehouse", "the tables counters"),
        ("brain", "1 documents in MongoDB's decisions"),
        ("lake", "1 tables in the"),
    ],
)
def test_one_store_that_is_not_empty_is_enough(other: World, kept: Path, store: str, told: str) -> None:
    if store == "warehouse":
        with transaction(other.settings.warehouse_url) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE counters (subject text); INSERT INTO counters VALUES ('one')")
    if store == "brain":
        database(other.settings.mongo_url)["decisions"].insert_one({"_id": "one"})
    if store == "lake":
        folder = Path(other.settings.lake_url) / "assets" / "GOLD"
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}")
    with pytest.raises(BackupError, match=told):
        restore_backup(other.settings, kept)


def test_a_view_on_a_table_to_be_replaced_is_named_before_anything_is_written(other: World, kept: Path) -> None:
    other.play(THURSDAY)
    with transaction(other.settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE VIEW mine AS SELECT * FROM probability_details")
    before = everything(other)
    with pytest.raises(BackupError, match="view mine depends on table probability_details"):
        restore_backup(other.settings, kept, replace=True)
    assert everything(other) == before


DYING = """
import os, sys
from pathlib import Path
import brain.backup.restoring as restoring
from brain.core.settings import Settings
module, name, count = getattr(restoring, sys.argv[2], restoring), sys.argv[3], int(sys.argv[4])
does = getattr(module, name)
def dying(*given):
    global count
    count -= 1
    if count < 0:
        os._exit(9)
    return does(*given)
setattr(module, name, dying)
restoring.restore_backup(Settings.load(), Path(sys.argv[1]), replace=len(sys.argv) > 5)
"""
PLACES = [("lake_copy", "_content", 5), ("store_copy", "copy_in", 2), ("warehouse_copy", "end_restore", 0)]


def die(world: World, backup: Path, *place: object) -> int:
    """Restore in a process that ends by itself, as if killed, at the n-th call of a function."""
    command = [sys.executable, "-c", DYING, str(backup), *map(str, place)]
    return subprocess.run(command, env={**os.environ, **world.variables}, check=False, timeout=120).returncode


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place[1]}-{place[2]}")
def test_a_restore_that_was_killed_is_run_again(
    other: World, kept: Path, world: World, tmp_path: Path, place: tuple[str, str, int]
) -> None:
    assert die(other, kept, *place) == 9
    with pytest.raises(BackupError, match="begun and has not ended"):
        take_backup(other.settings, tmp_path / "backup", WEDNESDAY.at)
    take_backup(world.settings, tmp_path / "another", THURSDAY.at)
    with pytest.raises(BackupError, match="restore of another backup, which was broken off"):
        restore_backup(other.settings, tmp_path / "another")
    restore_backup(other.settings, kept)
    assert everything(other, but=()) == everything(world, but=())


def test_a_lake_behind_a_url_is_restored_and_backed_up(
    servers: Servers, kept: Path, world: World, tmp_path: Path
) -> None:
    with made(servers, tmp_path, lake=f"memory://{tmp_path.name}/lake") as remote:
        restore_backup(remote.settings, kept)
        assert everything(remote, but=()) == everything(world, but=())
        again = take_backup(remote.settings, tmp_path / "again", WEDNESDAY.at)
        (part,) = again.of("lake")
        assert part.entries == len(everything(world, but=()).files) + 4
