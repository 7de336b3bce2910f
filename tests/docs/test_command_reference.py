"""docs/commands.md is what the command line says of itself, and the command line says it of everything."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from local.command import app
from local.command_docs import commands, parameters, render
from tests.docs.reading import ROOT

COMMANDS = dict(commands("brain", typer.main.get_command(app)))


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / "commands.md").read_text() == render(), "run `make docs`"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_says_what_it_is(name: str) -> None:
    command: Any = COMMANDS[name]
    assert command.help
    assert [parameter.name for parameter in parameters(command) if not parameter.help] == []


def test_the_page_has_every_command() -> None:
    assert {"brain models rollback", "brain replay", "brain up"} < set(COMMANDS)
    assert "`--as-of DATE`" in render()
