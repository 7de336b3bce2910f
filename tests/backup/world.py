"""A small world that has published, and everything that is in it, to be compared with another."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brain import steps
from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.demo.load import load_demo
from brain.lake import copying as lake_copy
from brain.lake.storage import open_storage
from brain.results import UnitResult
from brain.store.connection import database
from brain.store.reading import RAW
from brain.warehouse.connection import transaction
from brain.warehouse.copying import TableCopy, tables_of
from brain.workspace import Workspace, open_workspace
from tests.databases import fresh_connections, fresh_models

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brain.usecases.protocol import Run
    from local.servers import Servers

ASSETS = ("SP500", "VIX")
TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (Moment(datetime(2018, 6, day, 22, tzinfo=UTC)) for day in range(26, 30))
CATALOGUE = """
defaults:
  horizons: [5, 20]
  training: {trials: 1, folds: 3}
assets: [SP500, VIX]
"""
MEASURED = {"seconds"}  # columns that hold a duration


@dataclass(frozen=True)
class World:
    """Databases and a lake of their own.

    Args:
        variables: BRAIN_* by name, as a command would be given them.
    """

    settings: Settings
    variables: dict[str, str]

    @property
    def workspace(self) -> Workspace:
        return open_workspace(self.settings)

    def run(self, moment: Moment) -> Run:
        return self.workspace.run("direction", moment)

    def learn(self, known: date) -> None:
        """Let the source know all up to `known`."""
        load_demo(self.variables["BRAIN_DEMO_URL"], as_of=known, assets=ASSETS)

    def play(self, moment: Moment, count: int = 6) -> None:
        """The first `count` steps of the run for a day, from extraction to the evaluation of what has come true."""
        self.learn(moment.day)
        run = self.run(moment)
        for step in STEPS[:count]:
            step(run)


def _require(results: list[UnitResult]) -> None:
    assert [result for result in results if not result.ok] == []


STEPS = (
    lambda run: _require(steps.extract(run, ASSETS)),
    lambda run: _require(steps.train(run, ASSETS)),
    steps.judge,
    lambda run: _require(steps.score(run, ASSETS)),
    lambda run: steps.publish(run, [ASSETS]),
    steps.evaluate,
)


@contextmanager
def made(servers: Servers, folder: Path, keys: Settings | None = None, lake: str = "") -> Iterator[World]:
    """An empty world.

    Args:
        folder: An empty one, for its lake and catalogue.
        keys: Settings whose keys it has; by default those of the servers.
        lake: The URL of the lake, where it is not in the folder.
    """
    with ExitStack() as open_:
        models = open_.enter_context(fresh_models(servers))
        variables = open_.enter_context(fresh_connections(servers, models))
        yield world_of(variables, folder, keys, lake)


def world_of(variables: dict[str, str], folder: Path, keys: Settings | None = None, lake: str = "") -> World:
    """A world on databases that are there."""
    catalogue = folder / "catalogue.yaml"
    catalogue.write_text(CATALOGUE)
    variables = {**variables, "BRAIN_HOME": str(folder / ".brain"), "BRAIN_CATALOGUE": str(catalogue)}
    variables["BRAIN_LAKE_URL"] = lake or str(folder / "lake")
    if keys is not None:
        variables["BRAIN_SIGNING_KEYS"] = ",".join(key.get_secret_value() for key in keys.signing_keys)
    return World(Settings.load({"BRAIN_HOME": variables["BRAIN_HOME"]}, variables), variables)


@dataclass(frozen=True)
class Everything:
    """All that a world holds, bit for bit but for durations."""

    tables: tuple[TableCopy, ...]
    rows: dict[str, list[str]]
    documents: dict[str, dict[Any, bytes]]
    indexes: dict[str, Any]
    manifests: dict[str, bytes]
    files: tuple[str, ...]


def everything(world: World, *, but: tuple[str, ...] = ("quality",)) -> Everything:
    """What a world holds.

    Args:
        but: Folders of the lake that are for people and hold times.
    """
    settings = world.settings
    with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        tables = tables_of(cursor)
        rows = {}
        for table in tables:
            columns = ", ".join(f'"{column.name}"' for column in table.columns if column.name not in MEASURED)
            cursor.execute(f'SELECT ({columns})::text FROM "{table.name}" ORDER BY 1')
            rows[table.name] = [row for (row,) in cursor.fetchall()]
    models = database(settings.mongo_url)
    names = sorted(name for name in models.list_collection_names() if not name.startswith("system."))
    found = {name: models.get_collection(name, codec_options=RAW).find() for name in names}
    documents: dict[str, dict[Any, bytes]] = {name: {one["_id"]: one.raw for one in found[name]} for name in names}  # type: ignore[attr-defined]
    indexes = {name: models[name].index_information() for name in names}
    storage = open_storage(settings.lake_url)
    point = lake_copy.point_of(storage, {"shared", *but})
    return Everything(tables, rows, documents, indexes, dict(point.manifests), point.others)
