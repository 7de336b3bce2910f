"""Every command that a remedy, a docstring, a doc or the README quotes can be typed."""

from __future__ import annotations

import itertools
import re
from importlib.util import find_spec
from typing import Any

import pytest
import typer

from local.command import app
from tests.docs.reading import ROOT, Quoted, files, prose, quoted

BRAIN = quoted("brain")
MAKE = quoted("make")
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
BENCHMARKS = sorted(
    {(path, name) for path in files() for name in re.findall(r"python -m benchmarks ([a-z_]+)", prose(path))}
    | {(quote.path, word[5:]) for quote in MAKE for word in quote.words if word.startswith("NAME=")}
)
PLACEHOLDER = re.compile(r"\{[^}]*\}|…")
SOME_VALUES = ("1", "2020-01-01", "doctor")


def complaint(words: tuple[str, ...]) -> str:
    """What the command line says against these words; empty if it takes them, or only misses some more."""
    gaps = [place for place, word in enumerate(words) if PLACEHOLDER.search(word)]
    told = []
    for values in itertools.product(SOME_VALUES, repeat=len(gaps)):
        filled = list(words)
        for place, value in zip(gaps, values, strict=True):
            filled[place] = PLACEHOLDER.sub(value, filled[place])
        told.append(_complaint(filled))
    return "" if "" in told else told[0]


def _complaint(words: list[str]) -> str:
    command: Any = typer.main.get_command(app)
    context = None
    try:
        while True:
            context = command.make_context(command.name, list(words), parent=context)
            if not hasattr(command, "commands"):
                return ""
            _, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
    except Exception as error:
        kind = type(error).__name__
        return "" if kind in ("MissingParameter", "NoArgsIsHelpError", "Exit") else f"{kind}: {error}"


@pytest.mark.parametrize("quote", BRAIN, ids=str)
def test_a_brain_command_that_is_quoted_can_be_typed(quote: Quoted) -> None:
    assert not complaint(quote.words), f"{quote.path} quotes `brain {' '.join(quote.words)}`"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("train", "--asset", "GOLD"), "No such option"),
        (("trian", "GOLD"), "No such command"),
        (("models", "backcast", "GOLD", "5", "--last", "soon"), "valid integer"),
        (("status", "GOLD"), "unexpected extra argument"),
        (("replay", "{name}", "{horizon}", "--as-of", "{day}"), ""),
        (("models", "rollback"), ""),
    ],
)
def test_a_command_that_cannot_be_typed_is_noticed(words: tuple[str, ...], told: str) -> None:
    said = complaint(words)
    assert told in said if told else not said


@pytest.mark.parametrize("quote", MAKE, ids=str)
def test_a_make_target_that_is_quoted_exists(quote: Quoted) -> None:
    assert quote.words[0] in TARGETS


@pytest.mark.parametrize(("path", "name"), BENCHMARKS)
def test_a_benchmark_that_is_quoted_exists(path: str, name: str) -> None:
    assert find_spec(f"benchmarks.{name}"), f"{path} quotes it"


def test_quoted_commands_are_found_in_every_kind_of_text() -> None:
    homes = {quote.path.rpartition(".")[2] for quote in (*BRAIN, *MAKE)}
    assert {"md", "py", "yaml"} <= homes
    assert len(BRAIN) > 30
    assert len(MAKE) > 20
