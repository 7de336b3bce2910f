"""docs/commands.md, made from the command line itself: ``python -m local.command_docs docs/commands.md``."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from brain.cli_examples import HEAD as HEAD_OF_EXAMPLES
from local.command import app

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = """# The command line

<!-- Made by `make docs` from the code; change that, not this page. -->

`.venv/bin/brain`, or `docker compose run --rm brain` where Brain is deployed. An error is one sentence and exit
code 1; a wrong option, or a name that is not there, is exit code 2, and says what comes nearest. `BRAIN_DEBUG=1`
shows the traceback of an error that nobody foresaw."""


def render() -> str:
    """The page as Markdown."""
    root: Any = typer.main.get_command(app)
    parts = [HEAD, *(_section(name, command) for name, command in commands("brain", root))]
    return "\n\n".join(parts) + "\n"


def commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Every command by its full name, a group before its own."""
    yield name, command
    for below, found in getattr(command, "commands", {}).items():
        yield from commands(f"{name} {below}", found)


def parameters(command: Any) -> list[Any]:
    """The arguments and options of a command, without ``--help``."""
    return [parameter for parameter in command.params if parameter.name != "help"]


def examples_of(command: Any) -> list[str]:
    """What its help shows of it, as typed."""
    return [line for line in (command.epilog or "").split("\n\n") if line != HEAD_OF_EXAMPLES and line]


def _section(name: str, command: Any) -> str:
    arguments = [parameter for parameter in parameters(command) if parameter.param_type_name == "argument"]
    lines = [f"## {name}", "", command.help or ""]
    if arguments:
        lines += ["", f"`{' '.join(map(_usage, arguments))}`"]
    if parameters(command):
        lines += ["", "| | |", "|---|---|"]
        lines += [f"| {_spelled(parameter)} | {parameter.help or ''} |" for parameter in parameters(command)]
    if examples := examples_of(command):
        lines += ["", "```console", *(f"$ {words}" for words in examples), "```"]
    return "\n".join(lines)


def _usage(argument: Any) -> str:
    name = argument.name.upper() + (" …" if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _spelled(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.name.upper()}`"
    value = "" if parameter.is_flag else f" {_kind(parameter)}"
    return ", ".join(f"`{option}{value}`" for option in sorted(parameter.opts, key=len, reverse=True))


def _kind(option: Any) -> str:
    kinds: dict[type, str] = {datetime: "DATE", int: "NUMBER", Path: "FOLDER"}
    return option.metavar or kinds.get(option.type_descriptor.annotation, "TEXT")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(), encoding="utf-8")
