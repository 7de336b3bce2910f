"""``brain bars``: what arrives by topics."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from brain.core.errors import CatalogueError, UnknownName
from brain.core.moment import entered
from brain.display import PlainConsole

if TYPE_CHECKING:
    from brain.core.bar_settings import BarSettings
    from brain.core.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Read bars that arrive by the topics of a broker.")
console = PlainConsole()
NOTHING_READ = "nothing was read of it yet"


@app.callback()
def bars() -> None:
    """Read bars that arrive by the topics of a broker."""


@app.command()
def read(
    until: Annotated[
        datetime | None,
        typer.Option("--until", formats=["%Y-%m-%dT%H:%M:%S"], help="Moment of the run, in UTC; now if omitted."),
    ] = None,
) -> None:
    """Read what the topics have had since the last time into the table bars, each message exactly once.

    A message that is no bar goes to bar_dead_letters, with the reason.
    """
    from brain.ingestion import read_bars

    settings, section = _opened()
    clock = datetime.now(UTC)
    done = read_bars(settings, section, entered(until.replace(tzinfo=UTC) if until else clock, clock), clock)
    for result in done.results:
        if not result.ok:
            console.print(Text.assemble(("failed ", "red"), result.reason), highlight=False, soft_wrap=True)
        elif result.rows or "refused" in result.reason:
            console.print(f"{result.unit}: {result.reason}", highlight=False, soft_wrap=True)
    console.print(done.line(), highlight=False, soft_wrap=True)
    if done.dropped:
        console.print(f"Dropped, too old: {', '.join(done.dropped)}", highlight=False, soft_wrap=True)
    if not all(result.ok for result in done.results):
        raise typer.Exit(1)


@app.command()
def rewind(topic: Annotated[str, typer.Argument(help="The topic's name.")]) -> None:
    """Let the next run read a topic from its beginning: it was made anew, or the broker has lost messages.

    What is known already is not written again.
    """
    from brain.warehouse.bar_upkeep import rewind as rewind_topic

    settings, _ = _opened()
    partitions = rewind_topic(settings.warehouse_url, topic)
    if not partitions:
        raise UnknownName(
            topic,
            found=NOTHING_READ,
            expected="a topic that bar_offsets names",
            remedy="Correct the name: brain sql 'SELECT topic FROM bar_offsets'.",
        )
    console.print(f"{topic}: the next run reads {partitions} partitions from the beginning.", highlight=False)


@app.command()
def send(
    file: Annotated[
        Path, typer.Argument(help="A CSV file with the columns symbol, at, open, high, low, close, volume.")
    ],
) -> None:
    """Write the bars of a file to the topics, as messages that the catalogue describes."""
    import pandas as pd

    from brain.demo.bars import send_bars

    settings, section = _opened()
    try:
        frame = pd.read_csv(file, dtype={"symbol": str}, parse_dates=["at"])
    except (OSError, ValueError) as error:
        raise UnknownName(
            str(file),
            found=str(error),
            expected="a CSV file with the columns symbol, at, open, high, low, close, volume",
            remedy="Correct the name or the file.",
        ) from None
    console.print(f"Sent {send_bars(settings, section, frame):,} messages.", highlight=False)


def _opened() -> tuple[Settings, BarSettings]:
    from brain.core.catalogue import load_catalogue
    from brain.core.settings import Settings
    from brain.usecases import USE_CASES

    settings = Settings.load()
    section = load_catalogue(settings.catalogue_path, USE_CASES).bars
    if section is None:
        raise CatalogueError(
            str(settings.catalogue_path),
            found="no section `bars`",
            expected="the topics that bars arrive by",
            remedy="Add it: `bars: {}` reads every topic INTRADAY_<SYMBOL>; docs/bars.md says more.",
        )
    return settings, section
