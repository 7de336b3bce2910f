"""Settings of a running task: Airflow Connections first, then the environment, then the embedded servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from brain.core.settings import Settings


def settings_of_task() -> Settings:
    """The settings a task works with.

    Raises:
        SettingsError: A setting is missing everywhere.
    """
    return Settings.load(overrides=given_connections())


def given_connections() -> dict[str, str]:
    """What Airflow Connections say, by variable; those that are not there are left out."""
    found = {variable: read(name) for variable, (name, read) in CONNECTIONS.items()}
    return {variable: value for variable, value in found.items() if value}


def _connection(name: str) -> Any | None:
    try:
        return Connection.get(name)
    except AirflowNotFoundException:
        return None


def _sql_url(name: str) -> str | None:
    from sqlalchemy.engine import URL

    given = _connection(name)
    if given is None:
        return None
    driver = {"postgres": "postgresql+psycopg2", "postgresql": "postgresql+psycopg2"}.get(
        given.conn_type, given.conn_type
    )
    query = {key: str(value) for key, value in given.extra_dejson.items() if isinstance(value, str | int)}
    url = URL.create(driver, given.login, given.password, given.host, given.port, given.schema, query)
    return url.render_as_string(hide_password=False)


def _mongo_url(name: str) -> str | None:
    given = _connection(name)
    if given is None:
        return None
    login = f"{quote(given.login, safe='')}:{quote(given.password or '', safe='')}@" if given.login else ""
    port = f":{given.port}" if given.port else ""
    options = urlencode({key: value for key, value in given.extra_dejson.items() if isinstance(value, str | int)})
    return f"mongodb://{login}{given.host}{port}/{given.schema or 'brain'}" + (f"?{options}" if options else "")


def _password(name: str) -> str | None:
    given = _connection(name)
    return given.password if given else None


CONNECTIONS: dict[str, tuple[str, Callable[[str], str | None]]] = {
    "BRAIN_SOURCE_URL": ("brain_source", _sql_url),
    "BRAIN_WAREHOUSE_URL": ("brain_warehouse", _sql_url),
    "BRAIN_MONGO_URL": ("brain_models", _mongo_url),
    "BRAIN_SIGNING_KEYS": ("brain_signing", _password),
    "BRAIN_ENCRYPTION_KEYS": ("brain_encryption", _password),
}
