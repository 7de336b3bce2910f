"""Text from data reaches the console as it is, whatever it looks like."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from brain.display import PlainConsole, show_answer, show_overview, show_status
from brain.progress_view import Line, ProgressView
from brain.usecases import USE_CASES
from brain.usecases.protocol import Overview
from brain.warehouse.read import Answer
from local.command import app

INCLUDE = Path(__file__).parents[1] / "include"
HOSTILE = ("[/x]", "[red]GOLD[/]", "[link=x]GOLD[/link]", ":smile:", "[@click=quit]")
TERMINAL_COMMANDS = ("\x1b]0;owned\x07", "\x1b[2J", "\x9b2J", "a\rb")
CATALOGUE = 'defaults: {horizons: [5]}\nassets: ["[/x]", VIX]\n'


@dataclass(frozen=True)
class Server:
    name: str
    running: bool
    address: str
    log: Path


@pytest.fixture
def shown() -> StringIO:
    return StringIO()


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("kind", [Console, PlainConsole])
def test_an_answer_and_its_title_are_shown_as_they_are(shown: StringIO, kind: type[Console], text: str) -> None:
    show_answer(kind(file=shown, width=200), Answer((text,), [(text,)]), title=text, query=text)
    assert shown.getvalue().count(text) == 4


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("kind", [Console, PlainConsole])
def test_an_overview_is_shown_as_it_is(shown: StringIO, kind: type[Console], text: str) -> None:
    show_overview(kind(file=shown, width=200), Answer((text,), [(text,)]), Overview(text, "SELECT 1"))
    assert shown.getvalue().count(text) == 3


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("kind", [Console, PlainConsole])
def test_the_paths_of_servers_are_shown_as_they_are(shown: StringIO, kind: type[Console], text: str) -> None:
    path = Path("/logs/x.log")
    show_status(kind(file=shown, width=200), [Server(text, True, text, path)])
    assert shown.getvalue().count(text) == 2
    assert path.name in shown.getvalue()
    assert "Logs are in /logs\n" in shown.getvalue()


def test_status_fits_a_terminal(tmp_path: Path) -> None:
    status = CliRunner().invoke(app, ["status"], env={"BRAIN_HOME": str(tmp_path), "COLUMNS": "80"})
    assert status.exit_code == 0, status.exception
    assert max(len(line) for line in status.output.splitlines() if str(tmp_path) not in line) <= 80


@pytest.mark.parametrize(
    ("value", "told"),
    [(True, "true"), (None, ""), ([1, None], "[1, null]"), ({"a": False}, '{"a": false}'), (0.25, "0.2500"), (3, "3")],
)
def test_an_answer_is_in_no_language_of_ours(shown: StringIO, value: object, told: str) -> None:
    show_answer(PlainConsole(file=shown, width=200), Answer(("value",), [(value,)]))
    assert shown.getvalue().split() == ["value", shown.getvalue().split()[1], *told.split()]


@pytest.mark.parametrize(
    ("value", "told"),
    [("266.42", "266.42"), ("0.00", "0.00"), ("7", "7"), ("0.123456", "0.1235"), ("1E+3", "1E+3"), ("NaN", "nan")],
)
def test_what_was_rounded_in_sql_stays_so(shown: StringIO, value: str, told: str) -> None:
    show_answer(PlainConsole(file=shown, width=200), Answer(("value",), [(Decimal(value),)]))
    assert shown.getvalue().split()[-1].lower() == told.lower()


def test_horizons_are_shown_by_their_number_and_those_without_a_value_are_not(shown: StringIO) -> None:
    columns = ("assetname", "5_Day_Probability", "21_Day_Probability", "as_of", "published_at", "2_Day_Probability")
    rows = [("GOLD", 0.5, None, date(2024, 1, 2), None, 0.25), ("OIL", None, None, date(2024, 1, 2), None, 0.5)]
    show_overview(PlainConsole(file=shown, width=80), Answer(columns, rows), USE_CASES["direction"].overview)
    assert [line.split() for line in shown.getvalue().splitlines()[1:]] == [
        ["assetname", "2d", "5d", "as_of"],
        ["GOLD", ".250", ".500", "2024-01-02"],
        ["OIL", ".500", "2024-01-02"],
    ]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown_as_it_is(shown: StringIO, terminal: bool, text: str) -> None:
    with ProgressView(PlainConsole(file=shown, width=300, force_terminal=terminal)) as view:
        view.show(Line(text, 1, 2, text, text, ended=True))
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.getvalue()).splitlines()[-1]
    assert last.count(text) == 3


@pytest.mark.parametrize("text", TERMINAL_COMMANDS)
def test_data_cannot_command_the_terminal(shown: StringIO, text: str) -> None:
    console = PlainConsole(file=shown, width=200)
    console.print(text)
    show_answer(console, Answer((text,), [(text,)]), title=text)
    assert [sign for sign in shown.getvalue() if not sign.isprintable() and sign != "\n"] == []


def test_an_asset_that_looks_like_markup_is_named_in_what_failed(connections: dict[str, str], home: Path) -> None:
    catalogue = home / "catalogue.yaml"
    catalogue.write_text(CATALOGUE)
    environ = {**connections, "BRAIN_HOME": str(home), "BRAIN_CATALOGUE": str(catalogue), "COLUMNS": "300"}
    extracted = CliRunner().invoke(app, ["extract", "[/x]"], env=environ)
    assert extracted.exit_code == 1
    assert "[/x]" in extracted.output
    assert extracted.exception is None or isinstance(extracted.exception, SystemExit)
    looked_at = CliRunner().invoke(app, ["doctor"], env=environ)
    assert "[/x]" in looked_at.output


def test_a_home_that_looks_like_markup_is_shown(tmp_path: Path) -> None:
    environ = {"BRAIN_HOME": str(tmp_path / "[red]" / "[" / "x]"), "COLUMNS": "300"}
    status = CliRunner().invoke(app, ["status"], env=environ)
    assert status.exit_code == 0, status.exception
    assert "/[red]/[/x]/" in status.output


def test_every_console_is_a_plain_one() -> None:
    """Colour comes by `Text`: neither another console nor markup stands in the code."""
    for path in INCLUDE.rglob("*.py"):
        text = path.read_text()
        assert not re.search(r"(?<!Plain)\bConsole\(", text.replace("class PlainConsole(Console)", "")), path
        assert not re.search(r"\[/\]|\[(bold|dim|red|green)\b[^\]]*\]", text), path


def test_a_number_that_rounds_to_nothing_has_no_sign(shown: StringIO) -> None:
    answer = Answer(("a", "b", "c"), [(-0.0002, -0.0006, 0.5)])
    show_overview(PlainConsole(file=shown, width=80), answer, Overview("", "SELECT 1"))
    assert shown.getvalue().split()[-3:] == [".000", "-.001", ".500"]
