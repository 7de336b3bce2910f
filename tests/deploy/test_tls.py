"""Encrypted connections: to a server that shows the right certificate, and to none that does not."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
import pymongo
import pytest
from pydantic import SecretStr

from brain.core.errors import ServerNotTrusted, SettingsError
from brain.source.connect import connect_source
from brain.store.connection import disconnect
from brain.store.models import ModelStore
from brain.warehouse.read import ask
from local import ports, process
from local.account import server_account
from local.mongo import _program
from tests.deploy.certificates import Authority
from tests.deploy.terminator import terminated
from tests.store.conftest import make_candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from brain.core.settings import Settings
    from local.servers import Servers

__all__ = ["make_candidate"]

SYSTEM = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
PASSWORD = "a-password-of-the-tests"


@dataclass(frozen=True)
class Folder:
    """Certificates on the disk: of an authority, of another one, and servers' for this machine and for another."""

    path: Path
    ours: Authority
    others: Authority
    here: tuple[Path, Path]
    elsewhere: tuple[Path, Path]


@pytest.fixture(scope="module")
def folder() -> Iterator[Folder]:
    with tempfile.TemporaryDirectory(prefix="brain-tls-") as name:
        path = Path(name)
        path.chmod(0o711)  # PostgreSQL runs under another account when the tests run as root
        ours, others = Authority.make(path / "ours.pem"), Authority.make(path / "others.pem")
        here = ours.issue(path / "here", "localhost", "127.0.0.1")
        yield Folder(path, ours, others, here, ours.issue(path / "elsewhere", "db.example.com"))


@pytest.fixture(scope="module", params=["pooler", "server"])
def postgres(request: pytest.FixtureRequest, folder: Folder, servers: Servers) -> Iterator[Callable[..., str]]:
    """Makes a URL: behind a pooler that speaks TLS, and of the system's own PostgreSQL, if it has one.

    The wheel's PostgreSQL is built without TLS.
    """
    with ExitStack() as opened:
        if request.param == "server":
            if not SYSTEM:
                pytest.skip("no PostgreSQL of the system's own in /usr/lib/postgresql")
            found = {name: opened.enter_context(_system_postgres(folder, name)) for name in ("here", "elsewhere")}
            login = f"postgres:{PASSWORD}"
        else:
            found = {
                name: opened.enter_context(terminated(servers.postgres_port, *getattr(folder, name)))
                for name in ("here", "elsewhere")
            }
            login = f"postgres:{servers.postgres.password}"

        def url(certificate: str = "here", **options: str) -> str:
            given = {"sslmode": "verify-full", "sslrootcert": str(folder.ours.path), **options}
            query = "&".join(f"{name}={value}" for name, value in given.items())
            return f"postgresql+psycopg2://{login}@localhost:{found[certificate]}/postgres?{query}"

        yield url


class _system_postgres:  # noqa: N801 - used as a function
    """A cluster of the system's PostgreSQL with ssl=on and no other way in; its port."""

    def __init__(self, folder: Folder, certificate: str) -> None:
        self.base = folder.path / f"cluster-{certificate}"
        self.programs = SYSTEM[-1].parent
        self.certificate, self.key = getattr(folder, certificate)
        account = server_account()
        ids = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
        self.run: dict[str, Any] = {"check": True, "capture_output": True, "cwd": "/", **ids}

    def __enter__(self) -> int:
        self.base.mkdir(mode=0o700)
        secret, key = self.base / "password", self.base / "server.key"
        secret.write_text(PASSWORD)
        shutil.copy(self.key, key)
        key.chmod(0o600)
        for path in (self.base, secret, key):
            os.chown(path, self.run.get("user", -1), self.run.get("group", -1))
        data = self.base / "data"
        options: list[str | Path] = [
            "-D",
            data,
            "-U",
            "postgres",
            "-A",
            "scram-sha-256",
            "--pwfile",
            secret,
            "--no-sync",
        ]
        subprocess.run([self.programs / "initdb", *options], **self.run)
        (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        port = ports.choose(45600)
        given = {"port": port, "ssl": "on", "ssl_cert_file": self.certificate, "ssl_key_file": key, "fsync": "off"}
        given |= {"listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
        with (data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in given.items())
        self._control("start", "-w", "-l", str(self.base / "log"))
        return port

    def __exit__(self, *failure: object) -> None:
        self._control("stop", "-w", "-m", "immediate")

    def _control(self, *words: str) -> None:
        command: list[str | Path] = [self.programs / "pg_ctl", "-D", self.base / "data", *words]
        subprocess.run(command, **{**self.run, "capture_output": False, "stdout": subprocess.DEVNULL})


def test_published_tables_are_read_over_a_verified_connection(postgres: Callable[..., str]) -> None:
    assert ask(SecretStr(postgres()), "SELECT 1 AS one").rows == [(1,)]


def test_the_source_is_read_over_a_verified_connection(postgres: Callable[..., str]) -> None:
    source = connect_source(postgres(), "pg_catalog")
    try:
        assert "relname" in source.columns("pg_class")
    finally:
        source.close()


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "another authority": ({"sslrootcert": "others.pem"}, "certificate verify failed"),
    "no such file": ({"sslrootcert": "missing.pem"}, "missing.pem"),
    "another host": ({"certificate": "elsewhere"}, 'does not match host name "localhost"'),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("part", ["warehouse", "source"])
def test_a_server_that_cannot_show_who_it_is_gets_no_password(
    postgres: Callable[..., str], folder: Folder, case: str, part: str
) -> None:
    given, told = WRONG[case]
    options = {name: str(folder.path / value) if name == "sslrootcert" else value for name, value in given.items()}
    url = postgres(**options)
    with pytest.raises(ServerNotTrusted) as caught:
        if part == "warehouse":
            ask(SecretStr(url), "SELECT 1")
        else:
            connect_source(url, "pg_catalog").columns("pg_class")
    assert told in caught.value.found
    assert "docs/deployment.md" in caught.value.remedy
    assert PASSWORD not in str(caught.value)


def test_a_server_without_tls_is_refused(servers: Servers, folder: Folder) -> None:
    url = f"{servers.postgres_url('bi_reader', 'warehouse')}?sslmode=verify-full&sslrootcert={folder.ours.path}"
    with pytest.raises(ServerNotTrusted, match="does not support SSL"):
        ask(SecretStr(url), "SELECT 1")


def test_a_server_that_wants_tls_takes_no_plain_text(postgres: Callable[..., str]) -> None:
    with pytest.raises(psycopg2.OperationalError, match=r"no encryption|closed the connection"):
        psycopg2.connect(postgres(sslmode="disable").replace("+psycopg2", ""))


@pytest.fixture(scope="module")
def mongo(folder: Folder) -> Iterator[Callable[..., SecretStr]]:
    """Makes a URL of a mongod that speaks TLS only."""
    with ExitStack() as opened:
        found = {name: opened.enter_context(_mongod(folder, name)) for name in ("here", "elsewhere")}
        made: list[SecretStr] = []

        def url(certificate: str = "here", authority: str = "ours.pem") -> SecretStr:
            options = f"tls=true&tlsCAFile={folder.path / authority}&directConnection=true"
            made.append(SecretStr(f"mongodb://localhost:{found[certificate]}/brain?{options}"))
            return made[-1]

        yield url
        for one in made:
            disconnect(one)


class _mongod:  # noqa: N801 - used as a function
    def __init__(self, folder: Folder, name: str) -> None:
        self.base, (self.certificate, self.key) = folder.path / f"mongo-{name}", getattr(folder, name)
        self.authority = folder.ours.path

    def __enter__(self) -> int:
        (self.base / "data").mkdir(parents=True)
        both = self.base / "server.pem"
        both.touch(mode=0o600)
        both.write_bytes(self.certificate.read_bytes() + self.key.read_bytes())
        self.port = process.listen(lambda port: self._launch(port, both), ports.choose(47600))
        return self.port

    def _launch(self, port: int, both: Path) -> None:
        command: list[str | Path] = [_program(), "--dbpath", self.base / "data", "--port", str(port)]
        command += ["--bind_ip", ports.LOOPBACK, "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", "--quiet"]
        command += ["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", both, "--tlsCAFile", self.authority]
        command += ["--tlsAllowConnectionsWithoutCertificates"]
        self.pid = process.spawn(command, self.base / "mongod.log")
        options: dict[str, Any] = {"tls": True, "tlsCAFile": str(self.authority), "tlsAllowInvalidHostnames": True}
        options["serverSelectionTimeoutMS"] = 30_000
        with pymongo.MongoClient[dict[str, Any]]("localhost", port, directConnection=True, **options) as client:
            client.admin.command("ping")

    def __exit__(self, *failure: object) -> None:
        process.stop(self.pid, request=signal.SIGTERM, seconds=30)


def test_models_are_kept_over_a_verified_connection(
    mongo: Callable[..., SecretStr], settings: Settings, make_candidate: Callable[..., Any]
) -> None:
    store = ModelStore.open(settings.model_copy(update={"mongo_url": mongo()}), "direction")
    (saved,) = store.add([make_candidate()])
    assert store.load(saved.key).version == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"authority": "others.pem"}, "certificate verify failed"),
        ({"certificate": "elsewhere"}, "Hostname mismatch"),
    ],
)
def test_a_mongod_that_cannot_show_who_it_is_is_refused(
    mongo: Callable[..., SecretStr], settings: Settings, given: dict[str, str], told: str
) -> None:
    with pytest.raises(ServerNotTrusted, match=told) as caught:
        ModelStore.open(settings.model_copy(update={"mongo_url": mongo(**given)}), "direction")
    assert "docs/deployment.md" in caught.value.remedy


def test_a_missing_authority_of_mongodb_is_named(mongo: Callable[..., SecretStr], settings: Settings) -> None:
    with pytest.raises(SettingsError, match=r"missing\.pem"):
        ModelStore.open(settings.model_copy(update={"mongo_url": mongo(authority="missing.pem")}), "direction")


def test_the_command_says_so_in_a_line(settings: Settings, folder: Folder, servers: Servers, home: Path) -> None:
    with terminated(servers.postgres_port, *folder.elsewhere) as port:
        reader = servers.postgres_url("bi_reader", "warehouse")
        reader = reader.replace(f"127.0.0.1:{servers.postgres_port}", f"localhost:{port}")
        given = {**servers.connections(), "BRAIN_HOME": str(home)}
        given["BRAIN_READER_URL"] = f"{reader}?sslmode=verify-full&sslrootcert={folder.ours.path}"
        command = [str(Path(sys.executable).parent / "brain"), "sql", "SELECT 1"]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **given})
    told = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 1
    assert 'does not match host name "localhost"' in told
    assert "Traceback" not in told
