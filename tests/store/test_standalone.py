"""The same store on a standalone server, without transactions; and when nothing answers."""

from __future__ import annotations

import io
import signal
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pymongo
import pytest
from pydantic import SecretStr

from brain.core.errors import CredentialsRejected, ServerUnreachable, SettingsError
from brain.core.settings import Settings
from brain.learning.candidate import Candidate
from brain.store import connection, copying
from brain.store.approval import approve, questions
from brain.store.browse import history
from brain.store.champions import Champion
from brain.store.models import ModelStore
from brain.store.writing import Saved
from brain.usecases.direction.names import model_key
from local import ports, process
from local.mongo import _program
from tests.store.conftest import END

MakeCandidate = Callable[..., Candidate]
GOLD = model_key("GOLD", 25)


@pytest.fixture(scope="module")
def standalone_url() -> Iterator[str]:
    """A mongod that is no member of a replica set."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        pids: list[int] = []

        def launch(port: int) -> None:
            command: list[str | Path] = [
                _program(),
                "--dbpath",
                folder / "data",
                "--port",
                str(port),
                "--bind_ip",
                ports.LOOPBACK,
            ]
            command += ["--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", "--quiet"]
            pids.append(process.spawn(command, folder / "mongod.log"))
            with pymongo.MongoClient[dict[str, Any]](ports.LOOPBACK, port, serverSelectionTimeoutMS=30_000) as client:
                client.admin.command("ping")

        port = process.listen(launch, ports.choose(27018))
        try:
            yield f"mongodb://{ports.LOOPBACK}:{port}/brain"
        finally:
            for pid in pids:
                process.stop(pid, request=signal.SIGTERM, seconds=10)


@pytest.fixture
def standalone(standalone_url: str, settings: Settings) -> Iterator[ModelStore]:
    store = ModelStore.open(settings.model_copy(update={"mongo_url": SecretStr(standalone_url)}), "direction")
    yield store
    store.backend.database.client.drop_database("brain")


def test_a_standalone_server_has_no_transactions_and_a_replica_set_has(
    standalone: ModelStore, store: ModelStore
) -> None:
    assert (standalone.backend.has_transactions, store.backend.has_transactions) == (False, True)


def test_versions_champions_rollback_and_pruning_work_without_transactions(
    standalone: ModelStore, make_candidate: MakeCandidate
) -> None:
    start = make_candidate().trained_at
    standalone.add(make_candidate(seed=n, trained_at=start + timedelta(days=n)) for n in range(4))
    assert standalone.rollback(GOLD, 3, at=start, reason="?") == 4
    assert [version for _, version in standalone.prune(keep=1)] == [2, 1]
    (champion,) = standalone.champions(["GOLD"])
    assert isinstance(champion, Champion)
    assert champion.model.version == 3


def test_a_version_waits_and_is_approved_without_transactions(
    standalone: ModelStore, make_candidate: MakeCandidate
) -> None:
    start = make_candidate().trained_at
    standalone.add([make_candidate()])
    standalone.add([make_candidate(seed=1, trained_at=start + timedelta(days=1), approval="its skill is gone")])
    assert standalone.champion_version(GOLD) == 1
    assert approve(standalone, GOLD, None, at=start + timedelta(days=2), by="ann") == 2
    assert (standalone.champion_version(GOLD), questions(standalone)) == (2, [])


class Buffer(io.BytesIO):
    """Where a backup would write."""

    entries = 0


def test_a_backup_reads_it_pointers_first(
    standalone: ModelStore, store: ModelStore, make_candidate: MakeCandidate
) -> None:
    standalone.add([make_candidate()])
    standalone.add([make_candidate(seed=1, trained_at=END + timedelta(days=1), approval="its skill is gone")])
    source, target = standalone.backend.database, store.backend.database
    names = copying.collections(source)
    assert names[:4] == ["champions", "waiting", "decisions", "models"]
    copying.empty(target)
    with copying.one_point(source) as session:
        assert session is None
        for name in reversed(names):
            sink = Buffer()
            copying.copy_out(source, name, sink, session)
            assert copying.copy_in(target, name, io.BytesIO(sink.getvalue())) == sink.entries
    assert store.load(GOLD).document == standalone.load(GOLD).document
    assert [one.version for one in questions(store)] == [2]
    assert questions(store) == questions(standalone)
    with copying.one_point(target) as session:
        assert session is not None


def test_a_crash_between_version_and_pointer_leaves_the_old_champion(
    standalone: ModelStore, make_candidate: MakeCandidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    standalone.add([make_candidate()])
    monkeypatch.setattr(pymongo.collection.Collection, "bulk_write", _crash)
    with pytest.raises(KeyboardInterrupt):
        standalone.add([make_candidate(seed=1)])
    monkeypatch.undo()
    assert standalone.champion_version(GOLD) == 1
    (again,) = standalone.add([make_candidate(seed=1)])
    assert again == Saved(GOLD, 2, "direction/GOLD/RETURNS25/v2", created=False, promoted=True)


def _crash(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("kind", ["standalone", "store"])
def test_writers_of_the_same_key_get_different_versions(
    kind: str, request: pytest.FixtureRequest, make_candidate: MakeCandidate
) -> None:
    opened: ModelStore = request.getfixturevalue(kind)
    candidates = [make_candidate(seed=n) for n in range(4)]
    with ThreadPoolExecutor(2) as pool:
        outcomes = [outcome for found in pool.map(lambda c: opened.add([c]), candidates) for outcome in found]
    assert sorted(outcome.version for outcome in outcomes if isinstance(outcome, Saved)) == [1, 2, 3, 4]


def test_who_loses_a_race_stores_its_version_once(
    standalone: ModelStore, make_candidate: MakeCandidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = pymongo.collection.Collection.insert_many

    def insert_and_be_overtaken(collection: Any, documents: Any, **options: Any) -> Any:
        stored = insert(collection, documents, **options)
        monkeypatch.undo()
        standalone.add([make_candidate(seed=1)])
        return stored

    monkeypatch.setattr(pymongo.collection.Collection, "insert_many", insert_and_be_overtaken)
    (saved,) = standalone.add([make_candidate()])
    assert isinstance(saved, Saved)
    assert (saved.version, saved.created) == (1, True)
    assert [past.version for past in history(standalone, GOLD)] == [2, 1]


def test_opening_twice_changes_nothing(settings: Settings, store: ModelStore, make_candidate: MakeCandidate) -> None:
    store.add([make_candidate()])
    assert ModelStore.open(settings, "direction").champion_version(GOLD) == 1


def test_stores_of_one_process_share_a_client(settings: Settings) -> None:
    first, second = ModelStore.open(settings, "direction"), ModelStore.open(settings, "direction")
    assert first.backend.database.client is second.backend.database.client


def test_an_unreachable_server_is_said_so(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SELECTION_TIMEOUT_MS", 200)
    url = SecretStr(f"mongodb://brain:hunter2@{ports.LOOPBACK}:{ports.choose(27018)}/brain")
    with pytest.raises(ServerUnreachable) as caught:
        ModelStore.open(settings.model_copy(update={"mongo_url": url}), "direction")
    assert "hunter2" not in str(caught.value)


def test_a_wrong_password_is_said_so(settings: Settings) -> None:
    url = settings.mongo_url.get_secret_value()
    user, rest = url.split("@", 1)
    wrong = SecretStr(f"{user.rsplit(':', 1)[0]}:hunter2@{rest}")
    with pytest.raises(CredentialsRejected) as caught:
        ModelStore.open(settings.model_copy(update={"mongo_url": wrong}), "direction")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["mongodb://brain:hunter2@host", "http://brain:hunter2@host/brain"])
def test_a_malformed_url_does_not_show_its_password(settings: Settings, url: str) -> None:
    with pytest.raises(SettingsError, match="BRAIN_MONGO_URL") as caught:
        ModelStore.open(settings.model_copy(update={"mongo_url": SecretStr(url)}), "direction")
    assert "hunter2" not in str(caught.value)
