"""What `make day` refuses, before it touches anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from brain.core.errors import EmbeddedServerError, SettingsError
from local.day import run_day

if TYPE_CHECKING:
    from pathlib import Path


def test_a_day_needs_a_running_airflow(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BRAIN_SOURCE_URL", raising=False)
    with pytest.raises(EmbeddedServerError, match=r"Airflow: found not running.*Run `make run` first"):
        run_day(Console(), home)
    assert list(home.iterdir()) == []


def test_a_day_of_another_database_cannot_be_let_pass(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAIN_SOURCE_URL", "postgresql+psycopg2://reader:x@127.0.0.1/market")
    with pytest.raises(SettingsError, match="BRAIN_SOURCE_URL"):
        run_day(Console(), home)
