"""The lake's files on a local disk and behind an fsspec URL."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from brain.core.errors import DamagedFile, LakeError, StorageUnavailable
from brain.lake.storage import Storage, open_storage


@contextmanager
def full_disk(size: int = 1000) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes: the kernel refuses the write, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture(params=["path", "file", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    urls = {"path": str(tmp_path / "lake"), "file": f"file://{tmp_path}/lake", "memory": f"memory://{uuid.uuid4()}"}
    return open_storage(urls[request.param])


def test_what_is_written_is_read(storage: Storage) -> None:
    storage.write("a/b/c.json", b"one")
    storage.write("a/b/c.json", b"two")
    assert storage.read("a/b/c.json") == b"two"
    assert storage.names("a/b") == ["c.json"]


def test_what_is_not_there_is_not_found(storage: Storage) -> None:
    with pytest.raises(FileNotFoundError):
        storage.read("a/none.json")
    assert storage.names("a") == []
    storage.delete("a/none.json")


def test_a_folder_goes_with_all_that_is_in_it(storage: Storage) -> None:
    for name in ("a/b/one", "a/b/c/two", "a/three"):
        storage.write(name, b"")
    storage.delete_folder("a/b")
    with pytest.raises(FileNotFoundError):
        storage.read("a/b/c/two")
    assert storage.names("a") == ["three"]
    storage.delete_folder("a/b")


def test_a_replaced_file_is_kept_as_the_previous_one(storage: Storage) -> None:
    for content in (b"one", b"two", b"three"):
        storage.replace("a/now", content, "a/before")
    assert (storage.read("a/before"), storage.read("a/now")) == (b"two", b"three")
    assert storage.names("a") == ["before", "now"]


def test_files_written_before_a_replacement_are_there_after_it(storage: Storage) -> None:
    for number in range(3):
        storage.write_before(f"a/part{number}", b"part")
    storage.replace("a/now", b"one", "a/before")
    assert storage.names("a") == ["now", "part0", "part1", "part2"]


def test_a_file_lost_before_it_was_synced_stops_the_replacement(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path))
    storage.write_before("a/part", b"part")
    storage.write_before("a/other", b"part")
    storage.delete("a/part")
    with pytest.raises(StorageUnavailable, match="FileNotFoundError"):
        storage.replace("a/now", b"one", "a/before")
    assert storage.names("a") == ["other"]


def test_what_is_deleted_is_gone(storage: Storage) -> None:
    storage.write("a/b", b"")
    storage.delete("a/b")
    assert storage.names("a") == []


def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path))
    storage.write("a/b", b"old")
    with full_disk(), pytest.raises(StorageUnavailable, match="Free space"):
        storage.write("a/b", b"new" * 1000)
    assert storage.read("a/b") == b"old"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_what_a_killed_writer_left_goes_once_it_is_old(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path))
    storage.write("a/b", b"old")
    _killed_while_writing(tmp_path)
    (left,) = (path for path in (tmp_path / "a").iterdir() if path.name != "b")
    began = datetime.fromtimestamp(left.stat().st_mtime, UTC)
    assert storage.delete_unfinished(began - timedelta(milliseconds=1)) == 0
    assert left.exists()
    assert storage.delete_unfinished(began + timedelta(milliseconds=1)) == 1
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]
    assert storage.read("a/b") == b"old"
    assert storage.delete_unfinished(began + timedelta(days=1)) == 0


def _killed_while_writing(folder: Path) -> None:
    code = (
        "import sys, time; from brain.lake.storage import LocalStorage; from pathlib import Path\n"
        "with LocalStorage(Path(sys.argv[1]))._written('a/b', b'new'): print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.kill()


def test_an_empty_lake_has_nothing_unfinished(storage: Storage) -> None:
    assert storage.delete_unfinished(datetime.now(UTC)) == 0


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("a file where the lake should be")
    with pytest.raises(StorageUnavailable, match="BRAIN_LAKE_URL"):
        open_storage(str(tmp_path / "lake")).write("a/b", b"")


def test_an_address_shows_no_credentials() -> None:
    storage = Storage("s3://key:secret@bucket/lake")
    assert storage.describe("a/b") == "s3://bucket/lake/a/b"


def put_in_place(path: Path, what: str) -> None:
    """Put something that is no file of the lake where one was."""
    path.unlink(missing_ok=True)
    if what == "a folder":
        path.mkdir()
        (path / "inside").write_text("x")
    elif what == "a loop of links":
        path.symlink_to(path.name)
    elif what == "a pipe":
        os.mkfifo(path)
    elif what == "a link to what cannot be read":
        path.symlink_to("/proc/self/mem")  # the kernel answers EIO, as a bad disk does
    else:
        with path.open("wb") as file:
            file.truncate(4 * 2**40)


NO_FILES = ("a folder", "a loop of links", "a pipe", "4 TB of nothing")


@pytest.mark.timeout(30)
@pytest.mark.parametrize("what", [*NO_FILES, "a link to what cannot be read"])
def test_one_file_that_cannot_be_read_is_an_error_of_that_file(tmp_path: Path, what: str) -> None:
    storage = open_storage(str(tmp_path))
    storage.write("a/b", b"old")
    put_in_place(tmp_path / "a" / "b", what)
    with pytest.raises(LakeError, match="a/b") as error:
        storage.read("a/b")
    assert isinstance(error.value, DamagedFile) == (what in NO_FILES)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("what", NO_FILES)
def test_what_lies_where_a_file_should_be_is_written_over_and_deleted(tmp_path: Path, what: str) -> None:
    storage = open_storage(str(tmp_path))
    storage.write("a/b", b"old")
    for write in (storage.write, storage.write_before):
        put_in_place(tmp_path / "a" / "b", what)
        write("a/b", b"new")
        assert storage.read("a/b") == b"new"
    put_in_place(tmp_path / "a" / "b", what)
    storage.delete("a/b")
    assert storage.names("a") == []


def test_the_sizes_of_files_are_known_without_reading_them(storage: Storage, tmp_path: Path) -> None:
    assert storage.sizes("a") == {}
    storage.write("a/one", b"1")
    storage.write("a/three", b"333")
    storage.write("a/folder/deeper", b"")
    assert storage.sizes("a") == {"one": 1, "three": 3}


def test_a_file_that_is_longer_than_expected_is_not_read(storage: Storage) -> None:
    storage.write("a", b"12345")
    assert storage.read("a", largest=5) == b"12345"
    with pytest.raises(DamagedFile, match=r"5 bytes|more than the 4 bytes"):
        storage.read("a", largest=4)


@pytest.mark.timeout(30)
def test_a_lock_that_is_never_released_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brain.lake.storage.LOCK_SECONDS", 0.2)
    first, second = open_storage(str(tmp_path)), open_storage(str(tmp_path))
    with (
        first.locked("a/lock"),
        pytest.raises(StorageUnavailable, match="another process has held"),
        second.locked("a/lock"),
    ):
        pytest.fail("two have the lock")
    with second.locked("a/lock"):
        pass


@pytest.mark.timeout(30)
def test_a_pipe_in_place_of_the_lock_hangs_nobody(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "a" / "lock")
    entered = False
    with open_storage(str(tmp_path)).locked("a/lock"):
        entered = True
    assert entered


def test_threads_that_add_up_under_a_lease_lose_nothing() -> None:
    storage = open_storage(f"memory://{uuid.uuid4()}")
    storage.write("sum", b"0")

    def add() -> None:
        for _ in range(5):
            with storage.locked("lock"):
                number = int(storage.read("sum"))
                time.sleep(0.001)
                storage.write("sum", str(number + 1).encode())

    running = [threading.Thread(target=add) for _ in range(4)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert storage.read("sum") == b"20"
    assert storage.names("lock") == []


def test_a_killed_writers_ticket_is_taken_away_once_it_has_not_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brain.lake.lease.SECONDS", 1.0)
    storage = open_storage(f"memory://{uuid.uuid4()}")
    storage.write("lock/of-the-dead", b"1")
    began = time.monotonic()
    with storage.locked("lock"):
        assert storage.names("lock") != ["of-the-dead"]
    assert time.monotonic() - began > 1.0
    assert storage.names("lock") == []


def test_a_turn_that_others_have_all_the_while_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brain.lake.storage.LOCK_SECONDS", 0.5)
    storage, other = (open_storage(f"memory://{uuid.UUID(int=1)}") for _ in range(2))
    with storage.locked("lock"):
        with pytest.raises(StorageUnavailable, match="other writers"), other.locked("lock"):
            pytest.fail("two have the turn")
        assert len(storage.names("lock")) == 1
