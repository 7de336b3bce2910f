"""The compose file as Docker would see it: merge keys applied, variables filled, each service with its own secrets."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MAKE_ENV = ROOT / "deploy" / "make_env.py"
MOUNTED = "/run/secrets"
SETTING = re.compile(r"^(?:# )?([A-Z_]+)=(.*)$", re.MULTILINE)
INNERMOST = re.compile(r"\$\{([A-Z_]+)(?::([-?])([^${}]*))?\}")
LITERAL_DOLLAR = "\0"

Interpolate = Callable[..., dict[str, Any]]
Services = dict[str, dict[str, Any]]


def _value(match: re.Match[str], values: Mapping[str, str]) -> str:
    name, operator, argument = match.groups()
    if values.get(name):
        return values[name]
    if operator == "-":
        return str(argument)
    raise LookupError(f"{name} is not set: {argument}")


@pytest.fixture(scope="session")
def compose_text() -> str:
    return (ROOT / "docker-compose.yaml").read_text()


@pytest.fixture(scope="session")
def interpolate(compose_text: str) -> Interpolate:
    """A compose document for the values of an environment file; fails like compose where one is missing."""

    def filled(values: Mapping[str, str], path: Path | None = None) -> dict[str, Any]:
        text, count = (path.read_text() if path else compose_text).replace("$$", LITERAL_DOLLAR), 1
        while count:
            text, count = INNERMOST.subn(lambda match: _value(match, values), text)
        document: dict[str, Any] = yaml.safe_load(text.replace(LITERAL_DOLLAR, "$"))
        return document

    return filled


@pytest.fixture(scope="session")
def example() -> dict[str, str]:
    """Every setting that .env.example names, also the ones in comments."""
    return dict(SETTING.findall((ROOT / ".env.example").read_text()))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where deploy/make_env.py has written `.env` and `secrets`."""
    folder = tmp_path_factory.mktemp("made")
    subprocess.run([sys.executable, "-I", str(MAKE_ENV), "--folder", str(folder)], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def secrets(made: Path) -> dict[str, str]:
    """The secrets that make_env.py wrote, by the names of their files."""
    return {path.name: path.read_text() for path in (made / "secrets").iterdir()}


@pytest.fixture(scope="session")
def document(interpolate: Interpolate, made: Path) -> dict[str, Any]:
    """The compose file with the `.env` that make_env.py wrote."""
    lines = [line for line in (made / ".env").read_text().splitlines() if "=" in line and not line.startswith("#")]
    return interpolate(dict(line.split("=", 1) for line in lines))


@pytest.fixture(scope="session")
def services(document: dict[str, Any]) -> Services:
    found: Services = document["services"]
    return found


@pytest.fixture
def placed(services: Services, made: Path, tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """A service as it runs, with a folder for /run/secrets that holds what the service lists, and nothing else."""

    def service(name: str) -> dict[str, Any]:
        folder = tmp_path / f"secrets-of-{name}"
        folder.mkdir()
        for secret in services[name].get("secrets", ()):
            shutil.copy(made / "secrets" / secret, folder)
        found: dict[str, Any] = json.loads(json.dumps(services[name]).replace(MOUNTED, str(folder)))
        return found

    return service
