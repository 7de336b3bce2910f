"""A cluster as the image of PostgreSQL leaves it after its first start."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from local import ports

if TYPE_CHECKING:
    from local.postgres import Postgres

INIT_SQL = Path(__file__).parents[2] / "deploy" / "postgres" / "init.sql"


def prepare(cluster: Postgres, port: int, files: Path) -> None:
    """Run deploy/postgres/init.sql with the passwords in the folder `files`; what psql says of a failure is raised."""
    address = ["--host", ports.LOOPBACK, "--port", str(port), "--username", "postgres", "--no-password"]
    environment = {**os.environ, "BRAIN_SECRETS": str(files), "PGPASSWORD": cluster.password}
    command = [str(cluster.programs / "psql"), "-X", "-v", "ON_ERROR_STOP=1", *address, "-f", str(INIT_SQL)]
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
