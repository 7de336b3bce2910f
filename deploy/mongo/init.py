"""Make the replica set and the user that the pipeline works as; run again, change nothing but a changed password."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure

REPLICA_SET = "brain"
APPLICATION = "brain"
DATABASE = "brain"
ROLES = [{"role": "readWrite", "db": DATABASE}, {"role": "dbAdmin", "db": DATABASE}]
CODE_NOT_YET_INITIALIZED = 94
ELECTION_SECONDS = 60.0


def main() -> None:
    """Prepare the server named by MONGO_HOST ("host:port")."""
    host = os.environ["MONGO_HOST"]
    options: dict[str, Any] = {"username": "root", "password": _secret("MONGO_ROOT_PASSWORD"), "authSource": "admin"}
    with MongoClient[dict[str, Any]](f"mongodb://{host}", directConnection=True, **options) as client:
        ensure_replica_set(client, host)
        ensure_user(client, _secret("MONGO_BRAIN_PASSWORD"))


def _secret(name: str) -> str:
    """What the file holds that NAME_FILE names."""
    return Path(os.environ[f"{name}_FILE"]).read_text().strip()


def ensure_replica_set(client: MongoClient[dict[str, Any]], host: str) -> None:
    """One member, which transactions and change streams need; returns when it takes writes.

    Raises:
        TimeoutError: It takes none after a minute.
    """
    try:
        client.admin.command("replSetGetStatus")
    except OperationFailure as error:
        if error.code != CODE_NOT_YET_INITIALIZED:
            raise
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [{"_id": 0, "host": host}]})
    deadline = time.monotonic() + ELECTION_SECONDS
    while not client.admin.command("hello")["isWritablePrimary"]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{host} has not become primary within {ELECTION_SECONDS:.0f} s; read its log")
        time.sleep(0.2)


def ensure_user(client: MongoClient[dict[str, Any]], password: str) -> None:
    """The application's user may write its own database and nothing else."""
    known = client.admin.command("usersInfo", APPLICATION)["users"]
    client.admin.command("updateUser" if known else "createUser", APPLICATION, pwd=password, roles=ROLES)


if __name__ == "__main__":
    main()
