"""Airflow Connections become settings; what is not a Connection comes from the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# In a process of its own: Airflow reads its configuration and connections from the environment at import.
SHOW = """
import json, sys
from orchestration.connections import settings_of_task
settings = settings_of_task()
print(json.dumps({
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
        "AIRFLOW_CONN_BRAIN_SIGNING": json.dumps(
            {"conn_type": "generic", "password": "new-key-of-tests,old-key-of-tests"}
        ),
    }
    done = subprocess.run([sys.executable, "-c", SHOW], env=environ, capture_output=True, text=True, check=True)
    found = json.loads(done.stderr.strip().splitlines()[-1])
    assert found["source"] == "postgresql+psycopg2://reader:p%40ss%2Fword@db:5433/market?sslmode=require"
    assert found["warehouse"] == "postgresql+psycopg2://writer:w@warehouse/main"
    assert found["models"] == "mongodb://brain:s%3Acret@mongo/brain?authSource=admin"
    assert found["keys"] == ["new-key-of-tests", "old-key-of-tests"]
    secrets = ("p@ss", "p%40ss", "s:cret", "s%3Acret", "new-key", "old-key")
    assert not any(secret in found["shown"] for secret in secrets)
