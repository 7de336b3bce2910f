"""The compose file as Docker would see it: merge keys applied, variables filled from an environment file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SETTING = re.compile(r"^(?:# )?([A-Z_]+)=(.*)$", re.MULTILINE)
INNERMOST = re.compile(r"\$\{([A-Z_]+)(?::([-?])([^${}]*))?\}")
LITERAL_DOLLAR = "\0"

Interpolate = Callable[[Mapping[str, str]], dict[str, Any]]


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
    """The compose document for the values of an environment file; fails like compose where one is missing."""

    def filled(values: Mapping[str, str]) -> dict[str, Any]:
        text, count = compose_text.replace("$$", LITERAL_DOLLAR), 1
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
def secrets(example: dict[str, str]) -> dict[str, str]:
    """Values that can be told apart for everything that has no default."""
    return {name: f"value-of-{name.lower()}" for name, value in example.items() if not value}


@pytest.fixture(scope="session")
def services(interpolate: Interpolate, secrets: dict[str, str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = interpolate(secrets)["services"]
    return found
