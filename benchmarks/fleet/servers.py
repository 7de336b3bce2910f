"""Embedded servers for a benchmark, apart from those of the checkout, removed afterwards."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from brain.core.settings import Settings
from local import servers as embedded
from local.databases import copy_database

CATALOGUE = Path(__file__).parents[2] / "catalogue.yaml"


@contextmanager
def benchmark_servers() -> Iterator[dict[str, str]]:
    """The BRAIN_* variables of running, empty servers."""
    folder = Path(tempfile.mkdtemp(prefix=f"brain-bench-{os.getpid()}-"))
    folder.chmod(0o711)  # PostgreSQL runs under another account when started as root
    home = folder / ".brain"
    try:
        servers = embedded.up(home)
        yield {
            **servers.connections(),
            "BRAIN_HOME": str(home),
            "BRAIN_LAKE_URL": str(home / "lake"),
            "BRAIN_CATALOGUE": str(CATALOGUE),
        }
    finally:
        embedded.remove(home)
        folder.rmdir()


def fresh(variables: dict[str, str]) -> Settings:
    """Settings on the same servers with an empty model database, an empty warehouse and an empty lake."""
    servers = embedded.up(Path(variables["BRAIN_HOME"]))
    models = f"brain_{uuid.uuid4().hex[:8]}"
    warehouse = models.replace("brain", "warehouse")
    servers.mongo.admit(servers.mongo_port, models)
    with closing(servers.postgres.connect("postgres", servers.postgres_port)) as connection:
        connection.autocommit = True
        copy_database(connection.cursor(), "warehouse", warehouse)
    lake = f"{variables['BRAIN_LAKE_URL']}_{models}"
    return Settings.load(
        {}, {**variables, **servers.connections(warehouse=warehouse, models=models), "BRAIN_LAKE_URL": lake}
    )
