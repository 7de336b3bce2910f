"""Real servers for the tests: started once in a home of their own, fresh databases for every test that asks.

`settings` is what most tests want: Settings on an empty source database (read as `brain_source`), an empty warehouse
database, an empty Mongo database and an empty lake. `demo_url` writes into the same source database and
`reader_url` is what a BI tool would use. `servers` gives the running servers themselves.

A test is marked `quick` by itself, unless it uses a fixture that starts servers, is marked `slow`, or repeats on DuckDB
what it says of SQLite. `make test-quick` runs the quick ones: one that asks for servers later, by its parameters, is
skipped there; one that takes very long fails, so that it gets its mark.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from benchmarks.machines.object_store import found_by
from benchmarks.machines.object_store import object_store as shared_objects
from brain.core.settings import Settings
from local import servers as embedded
from local.servers import Servers
from tests.databases import fresh_connections, fresh_models

CATALOGUE = Path(__file__).parents[1] / "catalogue.yaml"
STARTING = {  # fixtures that start servers, or another Airflow
    *("servers", "own_home", "stopped_home", "running", "standalone_url", "deployed", "mongo", "machine"),
    *("airflow_options", "object_store"),
}
HOME_PREFIX = f"brain-tests-{os.getuid()}-"


def _remove_abandoned_homes() -> None:
    """Stop and delete what test runs that were killed left behind; a home's name holds the process that made it."""
    for folder in Path(tempfile.gettempdir()).glob(f"{HOME_PREFIX}*"):
        if not psutil.pid_exists(int(folder.name.removeprefix(HOME_PREFIX).split("-")[0])):
            embedded.remove(folder / ".brain")
            shutil.rmtree(folder, ignore_errors=True)  # another test run may have been faster


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what imports Airflow, which takes seconds; tests/dags parses the DAG files all the same."""
    return True if _is_quick(config) and collection_path == Path(__file__).parent / "orchestration" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make test-quick` runs."""
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        another_database = any(isinstance(value, str) and value == "duckdb" for value in parameters.values())
        starting = STARTING.intersection(getattr(item, "fixturenames", ()))
        if not (starting or another_database or item.get_closest_marker("slow")):
            item.add_marker("quick")


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    """Running PostgreSQL and MongoDB on free ports, removed at the end of the session."""
    if _is_quick(request.config):
        pytest.skip("needs servers")
    if given := os.environ.get("BRAIN_TEST_HOME"):  # servers for many sessions: benchmarks/mutating
        yield embedded.up(Path(given), durable=False)
        return
    _remove_abandoned_homes()
    folder = Path(tempfile.mkdtemp(prefix=f"{HOME_PREFIX}{os.getpid()}-"))
    folder.chmod(0o711)  # PostgreSQL runs under another account when the tests run as root
    home = folder / ".brain"
    try:
        yield embedded.up(home, durable=False)
    finally:
        embedded.remove(home)
        folder.rmdir()


def _is_quick(config: pytest.Config) -> bool:
    return bool(config.option.markexpr == "quick")


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty bucket of a real server that speaks S3's protocol; this process finds it and logs in."""
    with shared_objects(tmp_path_factory.mktemp("objects") / "store") as variables, found_by(variables):
        yield "s3://lake"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty `.brain` folder."""
    folder = tmp_path / ".brain"
    folder.mkdir()
    return folder


@pytest.fixture
def model_database(servers: Servers) -> Iterator[str]:
    """The name of a fresh Mongo database and of its user, who has rights on no other; dropped afterwards."""
    with fresh_models(servers) as name:
        yield name


@pytest.fixture
def connections(all_connections: dict[str, str]) -> dict[str, str]:
    """The BRAIN_* variables; a folder whose tests need fewer databases has its own."""
    return all_connections


@pytest.fixture
def all_connections(servers: Servers, model_database: str) -> Iterator[dict[str, str]]:
    """The BRAIN_* variables of fresh, empty databases, dropped afterwards."""
    with fresh_connections(servers, model_database) as given:
        yield given


@pytest.fixture
def settings(connections: dict[str, str], home: Path) -> Settings:
    """Settings on fresh databases and an empty lake."""
    overrides = {**connections, "BRAIN_LAKE_URL": str(home / "lake"), "BRAIN_CATALOGUE": str(CATALOGUE)}
    return Settings.load({"BRAIN_HOME": str(home)}, overrides)


@pytest.fixture
def demo_url(connections: dict[str, str]) -> str:
    """The source database as the role that may write it."""
    return connections["BRAIN_DEMO_URL"]


@pytest.fixture
def reader_url(connections: dict[str, str]) -> str:
    """The warehouse database as `bi_reader`."""
    return connections["BRAIN_READER_URL"]
