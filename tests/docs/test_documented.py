"""Nothing that a person may name is undocumented: variables, commands with examples, tables, views, columns."""

from __future__ import annotations

import re
import shlex
import subprocess
from typing import Any

import pytest
import typer

from brain.cli_examples import EXAMPLES
from brain.core.settings import Settings
from brain.usecases import USE_CASES
from brain.usecases.published import shown, shown_of_all
from brain.warehouse.tables import spelled
from local.command import app
from local.command_docs import commands, examples_of
from tests.docs.reading import ROOT
from tests.docs.test_commands import complaint

PLACES = ("include", "dags", "plugins", "scripts", "deploy", "benchmarks", "docker-compose.yaml", "Makefile")
VARIABLE = re.compile(r"\bBRAIN_[A-Z][A-Z_]*[A-Z]\b")
ROWS = dict(re.findall(r"^\| `(BRAIN_[A-Z_]+)` \|.*\| (.+) \|$", (ROOT / "docs" / "settings.md").read_text(), re.M))
COMMANDS = {
    name: command
    for name, command in commands("brain", typer.main.get_command(app))
    if not getattr(command, "commands", None)
}
TABLES = [*(one for use_case in USE_CASES.values() for one in shown(use_case, use_case.example)), *shown_of_all()]


def _used() -> set[str]:
    listed = subprocess.run(["git", "ls-files", *PLACES], cwd=ROOT, capture_output=True, text=True, check=True)
    texts = [(ROOT / path).read_text(errors="replace") for path in listed.stdout.splitlines() if (ROOT / path).exists()]
    named = {name for text in texts for name in VARIABLE.findall(text)}
    return {name.removesuffix("_FILE") for name in named}


def test_every_variable_is_documented_and_no_other() -> None:
    assert sorted(ROWS) == sorted(_used())
    assert all(meaning.endswith(".") for meaning in ROWS.values())


def test_every_setting_is_a_variable_that_is_documented() -> None:
    assert {field.alias for field in Settings.model_fields.values() if field.alias} <= ROWS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_what_it_looks_like(name: str) -> None:
    """An example is typed as that command, and the command line takes it."""
    command: Any = COMMANDS[name]
    examples = examples_of(command)
    assert examples, f"add {name.split()[-1]} to brain.cli_examples"
    for example in examples:
        assert example.startswith(name)
        assert not complaint(tuple(shlex.split(example)[1:])), example


def test_no_example_is_left_of_a_command_that_is_gone() -> None:
    assert {name.split()[-1] for name in COMMANDS} >= set(EXAMPLES)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_view_and_column_is_documented(table: Any) -> None:
    page = (ROOT / "docs" / "tables.md").read_text()
    assert f"## {table.name}\n\n{table.meaning}" in page or f"`{table.name}`. {table.meaning}" in page
    for column in table.columns:
        assert f"`{spelled(column.name)}`" in page
        assert column.meaning.replace("|", "\\|") in page
