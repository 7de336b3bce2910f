"""Fresh databases on the servers of a test session, for as long as a test or a module needs them."""

from __future__ import annotations

import uuid
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from psycopg2 import sql
from pydantic import SecretStr

from brain.store.connection import disconnect
from local.databases import copy_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.servers import Servers


@contextmanager
def fresh_models(servers: Servers) -> Iterator[str]:
    """The name of a fresh Mongo database and of its user, who has rights on no other."""
    name = f"brain_{uuid.uuid4().hex[:12]}"
    servers.mongo.admit(servers.mongo_port, name)
    try:
        yield name
    finally:
        disconnect(SecretStr(servers.mongo.url(servers.mongo_port, name)))
        with servers.mongo.administrator(servers.mongo_port) as client:
            client.drop_database(name)
            client.admin.command("dropUser", name)


@contextmanager
def fresh_connections(servers: Servers, models: str) -> Iterator[dict[str, str]]:
    """The BRAIN_* variables of fresh, empty databases beside the Mongo database `models`."""
    source, warehouse = (models.replace("brain", name) for name in ("market", "warehouse"))
    with closing(servers.postgres.connect("postgres", servers.postgres_port)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            copy_database(cursor, "market", source)
            copy_database(cursor, "warehouse", warehouse)
            try:
                yield servers.connections(source, warehouse, models)
            finally:
                for name in (source, warehouse):
                    cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
