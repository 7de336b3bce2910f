"""Airflow Connections become settings; what is not a Connection comes from the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="brain-airflow-"))

import pytest

# In a process of its own: Airflow reads its configuration and connections from the environment at import.
SHOW = """
import asyncio, json, sys
from orchestration.connections import given_broker, settings_of_task
settings = settings_of_task()
print(json.dumps({
    "broker": settings.kafka_url.get_secret_value(), "bell": asyncio.run(given_broker()),
    "source": settings.source_url.get_secret_value(), "warehouse": settings.warehouse_url.get_secret_value(),
    "models": settings.mongo_url.get_secret_value(), "keys": [k.get_secret_value() for k in settings.signing_keys],
    "shown": repr(settings),
}), file=sys.stderr)
"""


@pytest.mark.slow  # imports Airflow in a process of its own
def test_connections_win_over_the_environment(tmp_path: Path) -> None:
    environ = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "PYTHONWARNINGS": "ignore",
        "BRAIN_HOME": str(tmp_path / ".brain"),
        "BRAIN_SOURCE_URL": "postgresql+psycopg2://unused/unused",
        "BRAIN_WAREHOUSE_URL": "postgresql+psycopg2://writer:w@warehouse/main",
        "BRAIN_ENCRYPTION_KEYS": "from-the-environment",
        "BRAIN_KAFKA_URL": "kafka://unused:9092",
        "AIRFLOW_CONN_BRAIN_SOURCE": json.dumps(
            {
                "conn_type": "postgres",
                "host": "db",
                "port": 5433,
                "login": "reader",
                "password": "p@ss/word",
                "schema": "market",
                "extra": {"sslmode": "require"},
            }
        ),
        "AIRFLOW_CONN_BRAIN_MODELS": json.dumps(
            {
                "conn_type": "mongo",
                "host": "mongo",
                "login": "brain",
                "password": "s:cret",
                "extra": {"authSource": "admin"},
            }
        ),
        "AIRFLOW_CONN_BRAIN_KAFKA": json.dumps(
            {
                "conn_type": "generic",
                "host": "one, two:9094",
                "port": 9093,
                "login": "reader",
                "password": "to/pic@",
                "extra": {"mechanism": "PLAIN", "ca": "/run/secrets/ca.pem"},
            }
        ),
        "AIRFLOW_CONN_BRAIN_SIGNING": json.dumps(
            {"conn_type": "generic", "password": "new-key-of-tests,old-key-of-tests"}
        ),
    }
    done = subprocess.run([sys.executable, "-c", SHOW], env=environ, capture_output=True, text=True, check=True)
    found = json.loads(done.stderr.strip().splitlines()[-1])
    assert found["source"] == "postgresql+psycopg2://reader:p%40ss%2Fword@db:5433/market?sslmode=require"
    assert found["warehouse"] == "postgresql+psycopg2://writer:w@warehouse/main"
    assert found["models"] == "mongodb://brain:s%3Acret@mongo/brain?authSource=admin"
    broker = "kafka+tls://reader:to%2Fpic%40@one:9093,two:9094/?mechanism=PLAIN&ca=%2Frun%2Fsecrets%2Fca.pem"
    assert found["broker"] == broker
    assert found["bell"] == {"BRAIN_KAFKA_URL": broker}
    assert found["keys"] == ["new-key-of-tests", "old-key-of-tests"]
    secrets = ("to/pic", "to%2Fpic", "p@ss", "p%40ss", "s:cret", "s%3Acret", "new-key", "old-key")
    assert not any(secret in found["shown"] for secret in secrets)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"host": "broker"}, "kafka://broker:9092/"),
        ({"host": "broker", "extra": {"tls": True}}, "kafka+tls://broker:9092/"),
        ({"host": "broker", "port": 9093, "login": "a", "extra": {"tls": False}}, "kafka://a:@broker:9093/"),
    ],
)
def test_a_broker_is_named_by_its_parts(given: dict[str, Any], url: str) -> None:
    from airflow.sdk import Connection

    from brain.core.kafka_url import client_settings
    from orchestration.connections import _kafka_url_of

    found = Connection(conn_id="brain_kafka", conn_type="generic", **{k: v for k, v in given.items() if k != "extra"})
    assert _kafka_url_of(found, given.get("extra", {})) == url
    assert client_settings(url)["bootstrap.servers"].startswith("broker:")
