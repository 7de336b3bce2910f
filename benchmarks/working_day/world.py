"""Servers that stay between runs of the benchmark, and a world of databases on them for each number of assets."""

from __future__ import annotations

import hashlib
import json
import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2
import yaml
from psycopg2 import sql
from sqlalchemy import make_url

from benchmarks.working_day.market import Shape, asset_name
from brain.core.settings import Settings
from local import servers as embedded
from local.databases import copy_database

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

    from local.servers import Servers


@dataclass(frozen=True)
class World:
    """Databases, a lake and a catalogue of some assets; source tables are shared with the other worlds.

    Args:
        name: Of its databases.
        folder: Where all worlds are.
        training: The catalogue's settings for training; empty for those of a release.
    """

    name: str
    folder: Path
    servers: Servers
    assets: int
    shape: Shape
    training: dict[str, object]

    @property
    def units(self) -> list[str]:
        return [asset_name(number) for number in range(self.assets)]

    @property
    def catalogue(self) -> Path:
        return self.folder / f"catalogue_{self.name}.yaml"

    @property
    def lake(self) -> Path:
        return self.folder / f"lake_{self.name}"

    def variables(self, ports: dict[int, int] | None = None) -> dict[str, str]:
        """The BRAIN_* variables of a step.

        Args:
            ports: Where a proxy listens, by the port of its server.
        """
        given = self.servers.connections("market", f"warehouse_{self.name}", f"brain_{self.name}")
        for server, proxy in (ports or {}).items():
            given = {name: url.replace(f":{server}/", f":{proxy}/") for name, url in given.items()}
        return {
            **given,
            "BRAIN_HOME": str(self.folder / f"home_{self.name}"),
            "BRAIN_LAKE_URL": str(self.lake),
            "BRAIN_CATALOGUE": str(self.catalogue),
        }

    @property
    def settings(self) -> Settings:
        return Settings.load({}, self.variables())

    @property
    def market_url(self) -> str:
        return self.servers.connections()["BRAIN_DEMO_URL"]

    def market(self) -> Connection:
        """A connection of the role that owns the source tables."""
        return psycopg2.connect(make_url(self.market_url).set(drivername="postgresql").render_as_string(False))

    def make(self) -> None:
        """Empty databases and an empty lake, in place of those that there were."""
        port = self.servers.mongo_port
        self.servers.mongo.admit(port, f"brain_{self.name}")
        with self.servers.mongo.administrator(port) as client:
            client.drop_database(f"brain_{self.name}")
        with closing(self.servers.postgres.connect("postgres", self.servers.postgres_port)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                gone = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
                cursor.execute(gone.format(sql.Identifier(f"warehouse_{self.name}")))
                copy_database(cursor, "warehouse", f"warehouse_{self.name}")
        shutil.rmtree(self.lake, ignore_errors=True)
        shutil.rmtree(self.folder / f"home_{self.name}", ignore_errors=True)
        (self.folder / f"home_{self.name}").mkdir()
        told = {"horizons": list(self.shape.horizons), **({"training": self.training} if self.training else {})}
        self.catalogue.write_text(yaml.safe_dump({"defaults": told, "assets": self.units}))


def servers_in(folder: Path) -> Servers:
    """The servers of a folder, started where they do not run."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)  # PostgreSQL runs under another account when started as root
    return embedded.up(folder / ".brain", durable=False)


class Kept:
    """What pieces of the benchmark have found, a file a piece: one that was stopped goes on where it was.

    `made` counts those of this run.
    """

    def __init__(self, folder: Path) -> None:
        self.made = 0
        self._folder = folder / "pieces"
        self._folder.mkdir(parents=True, exist_ok=True)

    def find(self, name: str) -> list[dict[str, object]] | None:
        path = self._folder / f"{name}.json"
        found: list[dict[str, object]] | None = json.loads(path.read_text()) if path.exists() else None
        return found

    def keep(self, name: str, records: list[dict[str, object]]) -> None:
        draft = self._folder / f"{name}.draft"
        draft.write_text(json.dumps(records))
        self.made += 1
        draft.replace(self._folder / f"{name}.json")


def code_of(folder: Path) -> str:
    """A hash of all source files below a folder: pieces that other code has made are not taken over."""
    told = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        told.update(path.read_bytes())
    return told.hexdigest()[:12]
