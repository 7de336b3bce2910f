"""Settings of a running task: Airflow Connections first, then the environment, then the embedded servers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from brain.core.kafka_url import FILES
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


def _kafka_url(name: str) -> str | None:
    given = _connection(name)
    return _kafka_url_of(given, given.extra_dejson) if given else None


async def given_broker() -> dict[str, str]:
    """The same for a trigger, which has to ask otherwise: what the Connection of the broker says, by variable."""
    variable = "BRAIN_KAFKA_URL"
    try:
        given: Any = await Connection.async_get(CONNECTIONS[variable][0])
    except AirflowNotFoundException:
        return {}
    return {variable: _kafka_url_of(given, await given.aextra_dejson())}


def _kafka_url_of(given: Any, extra: Mapping[str, Any]) -> str:
    """The URL of `brain.core.kafka_url`; `tls` among the options, or a file of a certificate, asks for encryption."""
    options = {key: str(value) for key, value in extra.items() if isinstance(value, str) and key != "tls"}
    encrypted = bool(extra.get("tls")) or bool(options.keys() & FILES.keys())
    login = f"{quote(given.login, safe='')}:{quote(given.password or '', safe='')}@" if given.login else ""
    named = [host.strip() for host in (given.host or "").split(",")]
    hosts = ",".join(host if ":" in host else f"{host}:{given.port or 9092}" for host in named)
    return f"kafka{'+tls' if encrypted else ''}://{login}{hosts}/" + (f"?{urlencode(options)}" if options else "")


def _password(name: str) -> str | None:
    given = _connection(name)
    return given.password if given else None


CONNECTIONS: dict[str, tuple[str, Callable[[str], str | None]]] = {
    "BRAIN_SOURCE_URL": ("brain_source", _sql_url),
    "BRAIN_WAREHOUSE_URL": ("brain_warehouse", _sql_url),
    "BRAIN_FEEDBACK_URL": ("brain_feedback", _sql_url),
    "BRAIN_MONGO_URL": ("brain_models", _mongo_url),
    "BRAIN_KAFKA_URL": ("brain_kafka", _kafka_url),
    "BRAIN_SIGNING_KEYS": ("brain_signing", _password),
    "BRAIN_ENCRYPTION_KEYS": ("brain_encryption", _password),
}
