"""The lake on a real object store: several machines write it at once, one is killed, and nothing is lost or half."""

from __future__ import annotations

import contextlib
import datetime as dt
import multiprocessing
import os
import signal
import time
import uuid
from pathlib import Path

import pandas as pd
import pytest

from brain.core.errors import StorageUnavailable
from brain.lake import lease
from brain.lake.lake import Lake
from brain.lake.remote_storage import RemoteStorage
from brain.lake.retention import tidy_table
from brain.lake.storage import Storage
from tests.extract.conftest import Market, asset_frame, extract, last_dates, table_of, until
from tests.lake.test_storage import (
    test_a_file_that_is_longer_than_expected_is_not_read,
    test_a_replaced_file_is_kept_as_the_previous_one,
    test_files_written_before_a_replacement_are_there_after_it,
    test_what_is_deleted_is_gone,
    test_what_is_not_there_is_not_found,
    test_what_is_written_is_read,
)

__all__ = [
    "test_a_file_that_is_longer_than_expected_is_not_read",
    "test_a_replaced_file_is_kept_as_the_previous_one",
    "test_files_written_before_a_replacement_are_there_after_it",
    "test_what_is_deleted_is_gone",
    "test_what_is_not_there_is_not_found",
    "test_what_is_written_is_read",
]

DAYS = last_dates(asset_frame(), 300)
ROWS = 120
TIDY = "tidy"
COUNTED_SECONDS = 8.0  # a killed writer is waited for so long, instead of a minute
FORK = multiprocessing.get_context("fork")
SHORT = 4.0  # seconds that a ticket counts, where a test waits for its end


@pytest.fixture
def url(object_store: str) -> str:
    """An empty lake."""
    return f"{object_store}/{uuid.uuid4().hex}"


@pytest.fixture
def storage(url: str) -> Storage:
    return RemoteStorage(url)


@pytest.fixture
def lake(url: str) -> Lake:
    return Lake(url)


def test_every_version_reads_as_it_was_and_what_no_version_needs_is_tidied(sqlite: Market, lake: Lake) -> None:
    for known in (200, 205, 300):
        sqlite.put("GOLD", asset_frame(known=known))
        assert extract(sqlite, lake, DAYS[known - 1]).ok
    found = lake.as_of("assets", "GOLD", DAYS[203])
    assert found is not None
    pd.testing.assert_frame_equal(lake.read(found), asset_frame(known=200))
    tidied = tidy_table(lake, table_of(retention={"snapshot_days": 30}), until(DAYS[-1]), {})
    assert tidied.versions == (1,)
    assert tidied.files > 0
    latest = Lake(lake.storage.root).latest("assets", "GOLD")
    assert latest is not None
    pd.testing.assert_frame_equal(lake.read(latest), asset_frame())
    cut = lake.as_of("assets", "GOLD", DAYS[199])
    assert cut is not None
    pd.testing.assert_frame_equal(lake.read(cut), asset_frame(known=200))
    assert lake.names("assets") == ["GOLD"]


@pytest.mark.timeout(240)
def test_what_several_processes_commit_at_once_is_all_there_when_one_was_killed(url: str, tmp_path: Path) -> None:
    """Two write, one tidies, and one is killed in the middle of its writing."""
    counts = {"first": 5, "second": 5, "killed": 1000, TIDY: 6}
    files = {name: tmp_path / f"{name}.committed" for name in counts}
    given = {name: (url, files[name], name, count) for name, count in counts.items()}
    running = {name: FORK.Process(target=_write, args=given[name]) for name in counts}
    for process in running.values():
        process.start()
    while len(_lines(files["killed"])) < 2:
        assert running["killed"].is_alive()
        time.sleep(0.01)
    time.sleep(0.15)
    os.kill(running["killed"].pid or 0, signal.SIGKILL)
    for process in running.values():
        process.join(200)
    assert {name: process.exitcode for name, process in running.items()} == dict.fromkeys(counts, 0) | {"killed": -9}
    committed = [line for path in files.values() for line in _lines(path)]
    manifest = Lake(url).manifest("assets", "GOLD")
    assert manifest is not None
    found = {f"{version.version} {version.data_sha256}" for version in manifest.versions}
    assert {*committed} <= found
    assert len(committed) == len({*committed}) >= 12
    # What the killed one wrote last may be there without having been told.
    assert len(found) - len(committed) <= 1
    for version in manifest.versions:
        snapshot = Lake(url).find("assets", "GOLD", version.data_sha256)
        assert snapshot is not None
        assert len(Lake(url).read(snapshot)) == version.rows
    needed = {segment.name for version in manifest.versions for segment in version.segments}
    assert needed <= {*Lake(url).storage.names("assets/GOLD/segments")}


def test_a_writer_that_slept_too_long_changes_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "SECONDS", SHORT)
    slow, quick = RemoteStorage(url), RemoteStorage(url)
    with slow.locked("a/lock", "a/now"):
        slow.replace("a/now", b"one", "a/before")
        time.sleep(SHORT)
        with quick.locked("a/lock", "a/now"):
            quick.replace("a/now", b"two", "a/before")
        with pytest.raises(StorageUnavailable, match="did nothing for"):
            slow.replace("a/now", b"three", "a/before")
        with pytest.raises(StorageUnavailable, match="did nothing for"):
            slow.delete("a/before")
    assert (slow.read("a/now"), slow.read("a/before")) == (b"two", b"one")


@pytest.mark.parametrize("there", [True, False])
def test_a_file_that_is_another_one_than_was_seen_is_not_replaced(url: str, there: bool) -> None:
    """As when a process is stopped after it has looked at its lease, for longer than that lasts."""
    storage, other = RemoteStorage(url), RemoteStorage(url)
    if there:
        storage.write("a/now", b"one")
    with storage.locked("a/lock", "a/now"):
        other.write("a/now", b"two")
        with pytest.raises(StorageUnavailable, match="another version"):
            storage.replace("a/now", b"three", "a/before")
    assert storage.read("a/now") == b"two"


def test_a_lease_is_renewed_by_writing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "SECONDS", 6.0)
    storage = RemoteStorage(url)
    with storage.locked("a/lock"):
        (first,) = storage.names("a/lock")
        for number in range(3):
            time.sleep(2.2)
            storage.write(f"a/{number}", b"")
            assert len(storage.names("a/lock")) == 1
        assert storage.names("a/lock") != [first]
    assert storage.names("a/lock") == []


def test_a_server_that_is_away_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr("s3fs.S3FileSystem._cache", {})  # of clients, by all but the environment
    storage = RemoteStorage(f"s3://{uuid.uuid4().hex}/lake")
    with pytest.raises(StorageUnavailable, match="Could not connect"):
        storage.read("a")


def test_a_file_with_the_login_is_enough(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `deploy/object-lake.yaml` gives it."""
    given = {
        "aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
        "region": "eu-central-1",
        "endpoint_url": os.environ["AWS_ENDPOINT_URL_S3"],
    }
    login = tmp_path / "lake_login"
    login.write_text("\n".join(["[default]", *(f"{name} = {value}" for name, value in given.items()), ""]))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_S3", "AWS_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(login))
    monkeypatch.setattr("s3fs.S3FileSystem._cache", {})
    storage = RemoteStorage(url)
    storage.write("a", b"1")
    assert storage.read("a") == b"1"


def test_a_process_that_was_forked_reads_and_writes(url: str) -> None:
    storage = RemoteStorage(url)
    storage.write("a", b"parent")
    pid = os.fork()
    if not pid:
        code = 1
        try:
            if storage.read("a") == b"parent":
                storage.write("a", b"child")
                code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert storage.read("a") == b"child"


def _write(url: str, path: Path, name: str, count: int) -> None:
    """Commit to GOLD again and again, each time a correction of this process only, or tidy it.

    A writer that another was faster than tries again. What was committed is written into a file, a line each.
    """
    lease.SECONDS = COUNTED_SECONDS
    lake, done = Lake(url), 0
    while done < count:
        with contextlib.suppress(StorageUnavailable):
            if name == TIDY:
                tidy_table(lake, table_of(), until(DAYS[-1]), {})
            else:
                told = _commit(lake, path.with_suffix(".db"), sum(map(ord, name)) + done / 1000)
                with path.open("a") as file:
                    file.write(f"{told}\n")
            done += 1


def _commit(lake: Lake, path: Path, value: float) -> str:
    """Number and content hash of a version whose newest row holds `value`."""
    url = f"sqlite:///{path}"
    with contextlib.closing(Market(url, url)) as market:
        frame = asset_frame(ROWS)
        frame.loc[ROWS - 1, "vola"] = value
        market.put("GOLD", frame)
        report = extract(market, lake, dt.date(2020, 12, 31))
    if report.error is not None:
        raise report.error
    assert report.snapshot is not None
    return f"{report.snapshot.version} {report.snapshot.data_sha256}"


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
