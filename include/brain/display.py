"""What a person sees on a terminal: tables that are never cut short, text that is never taken for anything else."""

from __future__ import annotations

import json
import re
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rich.console import ConsoleOptions, RenderableType
    from rich.segment import Segment

    from brain.usecases.protocol import Overview
    from brain.warehouse.read import Answer


PLACES = 4  # behind the point
# A terminal obeys these; a name or a message from a table must not command it.
CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}
# Nor may it be shown in another order than it is read in.
DIRECTIONS = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
CONTROLS |= {code: f"\\u{code:04x}" for code in DIRECTIONS}


class PlainConsole(Console):
    """Prints text as it is: no markup, no emoji codes, control characters by their numbers; colour comes by `Text`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=segment.text.translate(CONTROLS))


def marked(ok: bool, good: str = "ok", bad: str = "failed") -> Text:
    """The word for how something went, in its colour."""
    return Text(good, "green") if ok else Text(bad, "red")


class ServerLine(Protocol):
    """What is shown of a server."""

    @property
    def name(self) -> str: ...
    @property
    def running(self) -> bool: ...
    @property
    def address(self) -> str: ...
    @property
    def log(self) -> Path: ...


def show_answer(console: Console, answer: Answer, title: str = "", query: str = "") -> None:
    """Print a query's result whole: a line that does not fit is the terminal's to wrap, a digit is never dropped."""
    if title:
        console.print(Text.assemble("\n", (title, "bold"), "\n", (query, "dim")), soft_wrap=True, highlight=False)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    for name in answer.columns:
        table.add_column(Text(name), no_wrap=True)
    for row in answer.rows:
        table.add_row(*map(_shown, row))
    _print_whole(console, table)


def show_overview(console: Console, answer: Answer, overview: Overview) -> None:
    """Print a use case's main table narrow enough for 80 columns: ``.531`` for 0.531, and its own short headings."""
    kept = [(place, label) for place, name in enumerate(answer.columns) if (label := overview.label(name))]
    kept.sort(key=lambda one: overview.place(answer.columns[one[0]]))
    if answer.rows:  # a column without any value is left from what the catalogue no longer has
        kept = [one for one in kept if any(row[one[0]] is not None for row in answer.rows)]
    rows = ([row[place] for place, _ in kept] for row in answer.rows)
    show_narrow(console, [label for _, label in kept], rows, overview.title)
    if not answer.rows:
        console.print("It is empty: `make run` or `brain run` fills it.", highlight=False)


def show_narrow(console: Console, labels: Iterable[str], rows: Iterable[Iterable[object]], title: str) -> None:
    """Print rows with as little room between columns as can be: ``.531`` for 0.531."""
    table = Table(box=None, padding=(0, 1, 0, 0), title=Text(title), title_justify="left")
    for label in labels:
        table.add_column(Text(label), no_wrap=True, justify="right")
    for row in rows:
        table.add_row(*map(_short, row))
    _print_whole(console, table)


def plain(value: object) -> str:
    """A value in a person's words: lists and mappings as JSON, nothing for what is not there."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return repr(float(value))  # all its digits, and no more
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)


def show_status(console: Console, servers: Iterable[ServerLine]) -> None:
    """Print which servers run on this machine, where they listen and log; the folder of the logs once."""
    table = Table("server", "running", "address", "log", box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False)
    folders: dict[str, None] = {}
    for line in servers:
        table.add_row(Text(line.name), marked(line.running, "yes", "no"), Text(line.address), Text(line.log.name))
        folders[str(line.log.parent)] = None
    _print_whole(console, table)
    for folder in folders:
        console.print(Text(f"Logs are in {folder}"), soft_wrap=True)


def _print_whole(console: Console, table: Table) -> None:
    needed = Measurement.get(console, console.options.update(max_width=10_000), table).maximum
    wide = PlainConsole(file=console.file, width=max(needed, console.width), force_terminal=console.is_terminal)
    wide.print(table)


def _shown(value: object) -> Text:
    """A value as it is: text from data is never taken for markup."""
    if value is None:
        return Text("")
    if isinstance(value, datetime):
        return Text(f"{value:%Y-%m-%d %H:%M}")
    if isinstance(value, bool):
        return Text("true" if value else "false")  # as SQL has it
    is_whole = isinstance(value, Decimal) and value == value.to_integral_value()  # a sum of counts
    if not isinstance(value, float | Decimal) or is_whole:
        return Text(plain(value))
    exponent = value.as_tuple().exponent if isinstance(value, Decimal) else None  # what was rounded in SQL stays so
    return Text(f"{value:.{min(PLACES, -exponent) if isinstance(exponent, int) else PLACES}f}")


def _short(value: object) -> Text:
    if not isinstance(value, float):
        return _shown(value)
    rounded = f"{value:.3f}"
    return Text(re.sub(r"^(-?)0\.", r"\1.", rounded.removeprefix("-") if float(rounded) == 0 else rounded))
