from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]


def _make(output: Path) -> dict[str, str]:
    command = [sys.executable, "-I", str(ROOT / "deploy" / "make_env.py"), "--output", str(output)]
    subprocess.run(command, check=True, capture_output=True)
    lines = [line for line in output.read_text().splitlines() if "=" in line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_compose_starts_with_what_it_writes(tmp_path: Path, interpolate: Callable[..., Any]) -> None:
    values = _make(tmp_path / ".env")
    environment = interpolate(values)["services"]["airflow-worker"]["environment"]
    assert environment["BRAIN_SIGNING_KEYS"] == values["BRAIN_SIGNING_KEYS"]


def test_values_are_drawn_once_and_apart(tmp_path: Path) -> None:
    first, second = _make(tmp_path / "a"), _make(tmp_path / "b")
    assert len(set(first.values())) == len(first)
    assert not set(first.values()) & set(second.values())
    assert all(len(value) >= 44 for value in first.values())


def test_fernet_keys_are_valid(tmp_path: Path) -> None:
    values = _make(tmp_path / ".env")
    for name in ("AIRFLOW_FERNET_KEY", "BRAIN_ENCRYPTION_KEYS"):
        key = Fernet(values[name])
        assert key.decrypt(key.encrypt(b"url")) == b"url"


def test_passwords_need_no_quoting_in_a_url(tmp_path: Path) -> None:
    values = _make(tmp_path / ".env")
    assert all(value.isalnum() for name, value in values.items() if name.endswith("PASSWORD"))


def test_only_the_owner_reads_the_file(tmp_path: Path) -> None:
    _make(tmp_path / ".env")
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


def test_a_second_run_keeps_what_is_there_and_adds_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    first = _make(path)
    kept = {name: value for name, value in first.items() if name != "REDIS_PASSWORD"}
    path.write_text("".join(f"{name}={value}\n" for name, value in kept.items()) + "AIRFLOW_PORT=8081\n")
    second = _make(path)
    assert {name: second[name] for name in kept} == kept
    assert second["AIRFLOW_PORT"] == "8081"
    assert second["REDIS_PASSWORD"] != first["REDIS_PASSWORD"]
