"""PostgreSQL, MongoDB and the broker of one project: up, down, status, and the connections for later commands."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from brain.core.catalogue import load_catalogue
from brain.core.errors import CatalogueError, EmbeddedServerError, SettingsError
from brain.core.settings import CATALOGUE_VARIABLE, CONNECTIONS_FILE, beside, find_catalogue
from brain.usecases import USE_CASES
from local import broker, mongo, ports, postgres
from local.broker import Broker
from local.databases import prepare_databases
from local.mongo import Mongo
from local.postgres import Postgres
from local.state import STATE_FILE, State, load_state, locked, save_state, write_connections


@dataclass(frozen=True)
class ServerStatus:
    """One line of `brain status`."""

    name: str
    running: bool
    address: str
    log: Path


@dataclass(frozen=True)
class Servers:
    """The running servers.

    Args:
        postgres: The cluster.
        postgres_port: Where it listens.
        mongo: The mongod.
        mongo_port: Where it listens.
        state: Passwords and keys.
        broker_port: Where the broker listens; None where there is none.
    """

    postgres: Postgres
    postgres_port: int
    mongo: Mongo
    mongo_port: int
    state: State
    broker_port: int | None = None

    def postgres_url(self, role: str, database: str) -> str:
        """The SQLAlchemy URL of `database` for `role`."""
        login = f"{role}:{self.state.password(role)}"
        return f"postgresql+psycopg2://{login}@{ports.LOOPBACK}:{self.postgres_port}/{database}"

    def connections(
        self, source: str = "market", warehouse: str = "warehouse", models: str = "brain"
    ) -> dict[str, str]:
        """The variables that `Settings.load` reads, for databases of these names."""
        return {
            "BRAIN_SOURCE_URL": self.postgres_url("brain_source", source),
            "BRAIN_WAREHOUSE_URL": self.postgres_url("brain_writer", warehouse),
            "BRAIN_MONGO_URL": self.mongo.url(self.mongo_port, models),
            "BRAIN_SIGNING_KEYS": self.state.secret("signing"),
            "BRAIN_ENCRYPTION_KEYS": self.state.fernet_key("encryption"),
            "BRAIN_DEMO_URL": self.postgres_url("market_owner", source),
            "BRAIN_READER_URL": self.postgres_url("bi_reader", warehouse),
            "BRAIN_FEEDBACK_URL": self.postgres_url("brain_feedback", source),
            **({"BRAIN_KAFKA_URL": Broker.url(self.broker_port)} if self.broker_port else {}),
        }


def up(home: Path, *, durable: bool = True) -> Servers:
    """Start what is not running, create what is missing, and write ``connections.json``.

    The broker is started where the catalogue says that bars arrive by topics.

    Args:
        home: The project's `.brain`.
        durable: False skips flushing to disk: for tests only.

    Raises:
        EmbeddedServerError: A server does not start; the message holds the end of its log.
        SettingsError: The state file is malformed.
    """
    with locked(home):
        state = load_state(home)
        cluster, models = _parts(home, state, durable=durable)
        _refuse_forgotten_passwords(home, cluster, models)
        if not cluster.data.exists():
            state.versions.clear()  # a new cluster holds no metadata schema yet
        save_state(home, state)  # before the passwords are used: an interrupted first start can be resumed
        state.ports["postgres"] = cluster.start(state.ports.get("postgres", postgres.USUAL_PORT))
        prepare_databases(cluster, state.ports["postgres"], state)  # also on a running one: a login may change itself
        state.ports["mongo"] = models.start(state.ports.get("mongo", mongo.USUAL_PORT))
        if _read_topics(home):
            state.ports["broker"] = Broker(home).start(state.ports.get("broker", broker.USUAL_PORT))
        listens = state.ports.get("broker") if Broker(home).pid() else None
        servers = Servers(cluster, state.ports["postgres"], models, state.ports["mongo"], state, listens)
        write_connections(home / CONNECTIONS_FILE, {**servers.connections(), **_catalogue(home)})
        save_state(home, state)
    return servers


def down(home: Path) -> list[str]:
    """Stop what is running.

    Returns:
        Names of the servers that were running.
    """
    if not home.exists():
        return []
    with locked(home):
        cluster, models = _parts(home, load_state(home))
        stopped = {"PostgreSQL": cluster.stop(), "MongoDB": models.stop(), broker.NAME: Broker(home).stop()}
    return [name for name, was_running in stopped.items() if was_running]


def status(home: Path) -> list[ServerStatus]:
    """What runs, where, and where it logs."""
    state = load_state(home)
    cluster, models = _parts(home, state)
    found: list[tuple[str, str, Postgres | Mongo | Broker]] = [
        ("PostgreSQL", "postgres", cluster),
        ("MongoDB", "mongo", models),
    ]
    if "broker" in state.ports:
        found.append((broker.NAME, "broker", Broker(home)))
    return [
        ServerStatus(name, server.pid() is not None, f"{ports.LOOPBACK}:{state.ports.get(key, '-')}", server.log)
        for name, key, server in found
    ]


def remove(home: Path) -> None:
    """Stop the servers and delete `home` with everything in it, and the cluster where it had to stand elsewhere."""
    down(home)
    cluster, _ = _parts(home, State())
    cluster.remove()
    shutil.rmtree(home, ignore_errors=True)


def _parts(home: Path, state: State, *, durable: bool = True) -> tuple[Postgres, Mongo]:
    cluster = Postgres(home, state.password(postgres.SUPERUSER), durable)
    models = Mongo(home, state.password("mongo_root"), state.password("mongo_brain"), state.secret("mongo_member"))
    return cluster, models


def _read_topics(home: Path) -> bool:
    """Whether the catalogue says that bars arrive by topics; a wrong one is told of by the first who works with it."""
    try:
        return load_catalogue(find_catalogue(os.environ, home), USE_CASES).bars is not None
    except (CatalogueError, SettingsError):
        return False


def _catalogue(home: Path) -> dict[str, str]:
    """The catalogue for later commands, where it is not the one they would find by themselves."""
    try:
        found = find_catalogue(os.environ, home)
    except SettingsError:  # a broken file of connections, about to be replaced
        return {}
    return {} if found == beside(home) else {CATALOGUE_VARIABLE: str(found)}


def _refuse_forgotten_passwords(home: Path, cluster: Postgres, models: Mongo) -> None:
    if (home / STATE_FILE).exists() or not (cluster.data.exists() or models.data.exists()):
        return
    raise EmbeddedServerError(
        str(home / STATE_FILE),
        found="databases whose passwords are lost: the file is missing",
        expected="the state file of the servers in this folder",
        remedy="Restore the file, or run `make clean` to begin anew (the demo data and the models are made again).",
    )
