"""The broker of the compose file: what its start script writes; Kafka itself cannot be had here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from brain.core.kafka_url import client_settings

SCRIPT = Path(__file__).parents[2] / "deploy" / "kafka" / "start.sh"
FAKE = """#!/bin/sh
echo "$(basename "$0") $*" >> "$FAKE_LOG"
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Kafka's folder with programs that only tell how they were called."""
    (tmp_path / "bin").mkdir()
    for name in ("kafka-storage.sh", "kafka-server-start.sh"):
        program = tmp_path / "bin" / name
        program.write_text(FAKE)
        program.chmod(0o755)
    (tmp_path / "kafka_brain_password").write_text("of-brain")
    (tmp_path / "kafka_producer_password").write_text("of-producers\n")
    return {
        "PATH": os.environ["PATH"],
        "KAFKA_HOME": str(tmp_path),
        "BRAIN_SECRETS": str(tmp_path),
        "KAFKA_CONFIG": str(tmp_path / "server.properties"),
        "KAFKA_ADDRESS": "broker.example:9092",
        "FAKE_LOG": str(tmp_path / "log"),
    }


def test_the_start_script_writes_logins_and_starts_kafka(environment: dict[str, str], tmp_path: Path) -> None:
    subprocess.run(["sh", str(SCRIPT)], env=environment, check=True)
    config = tmp_path / "server.properties"
    settings = dict(line.split("=", 1) for line in config.read_text().splitlines())
    assert settings["advertised.listeners"] == "INTERNAL://kafka:19092,EXTERNAL://broker.example:9092"
    for listener in ("internal", "external"):
        login = settings[f"listener.name.{listener}.plain.sasl.jaas.config"]
        assert 'user_brain="of-brain" user_producer="of-producers";' in login
    assert config.stat().st_mode & 0o777 == 0o600
    formatted, started = (tmp_path / "log").read_text().splitlines()
    assert formatted.startswith("kafka-storage.sh format --ignore-formatted --cluster-id ")
    assert started == f"kafka-server-start.sh {config}"


@pytest.mark.parametrize("missing", ["kafka_brain_password", "kafka_producer_password"])
def test_without_its_secrets_it_does_not_start(environment: dict[str, str], tmp_path: Path, missing: str) -> None:
    (tmp_path / missing).unlink()
    done = subprocess.run(["sh", str(SCRIPT)], env=environment, capture_output=True, text=True)
    assert done.returncode != 0
    assert missing in done.stderr
    assert not (tmp_path / "log").exists()


def test_brain_logs_in_as_the_broker_expects(secrets: dict[str, str]) -> None:
    settings = client_settings(secrets["brain_kafka_url"])
    assert settings["bootstrap.servers"] == "kafka:19092"
    assert (settings["sasl.mechanism"], settings["security.protocol"]) == ("PLAIN", "SASL_PLAINTEXT")
    assert (settings["sasl.username"], settings["sasl.password"]) == ("brain", secrets["kafka_brain_password"])
