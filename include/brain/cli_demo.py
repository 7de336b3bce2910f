"""The command that loads the demo data, and lets its days pass."""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from brain.display import PlainConsole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brain.demo.load import LoadedTable
    from brain.demo.shop import LoadedShop

console = PlainConsole()


def demo(
    assets: Annotated[
        list[str] | None, typer.Argument(help="Assets by name, all if none is named; or customers; or anomalies.")
    ] = None,
    as_of: Annotated[
        datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="Load only what was known that day.")
    ] = None,
    next_day: Annotated[
        bool, typer.Option("--next-day", help="Let one trading day pass: each asset gets its next row.")
    ] = False,
) -> None:
    """Load real market data into the source database, without the last 20 rows of each asset.

    Those are days to come: --next-day lets one pass. Loading again keeps the days that have passed. The name customers
    loads the orders of a real shop instead, which catalogue-customers.yaml describes; anomalies sends bars with one bad
    day to the topics of catalogue-anomalies.yaml.
    """
    from brain.demo import days
    from brain.demo.load import load_demo
    from brain.demo.market_bars import ANOMALIES
    from brain.demo.shop import CUSTOMERS, load_shop

    if next_day and as_of:
        raise typer.BadParameter("--next-day and --as-of exclude each other: the next day is that after the last row")
    url, names = _url(), assets or None
    if names == [CUSTOMERS]:
        _show_shop(load_shop(url, next_day=next_day))
        return
    if names == [ANOMALIES]:
        _send_bars(url)
        return
    if next_day:
        _show(loaded := days.next_day(url, names))
        console.print(passed(loaded), soft_wrap=True)
        return
    _show(loaded := load_demo(url, as_of.date(), names) if as_of else days.start_demo(url, names))
    if moved := [line for line in loaded if line.moved_back]:
        names_of = ", ".join(f"{line.asset} from {line.last_day_before} to {line.last_day}" for line in moved)
        told = (
            f"Set back: {names_of}. Numbers published of newer rows stay and are marked stale, with the reason, until"
            " the tables reach their day again (`brain demo --next-day` adds one day); `make clean` begins anew."
        )
        console.print(told, soft_wrap=True)


def passed(loaded: Sequence[LoadedTable]) -> str:
    """How many assets have gone on, and how many days are left."""
    gone_on = sum(line.last_day != line.last_day_before for line in loaded)
    left = max((line.left for line in loaded), default=0)
    if not gone_on:
        return "No day has passed: every row of the demo data is in its table. `make clean` begins anew."
    return f"One trading day has passed for {gone_on} of {len(loaded)} assets; {left or 'no'} more to come."


def _show(loaded: Sequence[LoadedTable]) -> None:
    table = Table("asset", "rows", "written", "removed", "last day", "to come")
    for line in loaded:
        table.add_row(Text(line.asset), *map(str, (line.rows, line.written, line.removed, line.last_day, line.left)))
    console.print(table)


def _show_shop(loaded: LoadedShop) -> None:
    table = Table("table", "rows")
    for name, rows in loaded.rows.items():
        table.add_row(Text(name), f"{rows:,}")
    console.print(table)
    told = f"From {loaded.source}; orders up to {loaded.last_day:%Y-%m-%d}, {loaded.left:,} lines to come."
    console.print(told, highlight=False, soft_wrap=True)


def _send_bars(url: str) -> None:
    from brain.core.bar_settings import BarSettings
    from brain.core.settings import Settings
    from brain.demo.bars import send_bars
    from brain.demo.market_bars import make_feedback, spoiled

    make_feedback(url)
    frame = spoiled()
    sent = send_bars(Settings.load(), BarSettings(), frame)
    last = frame["at"].max()
    told = (
        f"{sent:,} bars sent, up to {last:%Y-%m-%d %H:%M} UTC. `brain bars read` brings them into the table bars;"
        " `brain run --until 2017-12-29T22:00:00` watches them."
    )
    console.print(told, highlight=False, soft_wrap=True)


def _url() -> str:
    from brain.core.environment import brain_variables
    from brain.core.settings import find_home, read_connections

    url = brain_variables(os.environ).get("BRAIN_DEMO_URL")
    url = url or read_connections(find_home(os.environ)).get("BRAIN_DEMO_URL")
    if url is None:
        raise typer.BadParameter("no BRAIN_DEMO_URL, and no embedded servers here; run `brain up` first")
    return url
