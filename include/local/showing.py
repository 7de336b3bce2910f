"""What `make run` and `make day` say of a run once it has ended."""

from __future__ import annotations

from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING

from brain.cli_ledger import show_scorecard
from brain.display import show_answer
from brain.summary import skipped, summary_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Console

    from brain.summary import Scored, Summary, TableRead
    from brain.usecases.protocol import Run

WIDTH, INDENT = 80, 12
DONE = {"search": "searched", "refresh": "refreshed", "skip": "skipped", "failed": "failed"}


def show_scorecards(console: Console, runs: Iterable[Run]) -> None:
    """How good the numbers of each use case were that have come true, or when the first will have."""
    for run in runs:
        show_scorecard(console, run)
    console.print()


def show_skipped(console: Console, runs: Iterable[Run]) -> None:
    """What was not done, and why: after a second run, everything."""
    for run in runs:
        for line in skipped(summary_of(run)):
            console.print(line, highlight=False, soft_wrap=True)


def show_summaries(console: Console, runs: Iterable[Run]) -> None:
    """What each use case's run read, trained, published and scored, and what changed most."""
    for run in runs:
        found = summary_of(run)
        for name, text in _lines(found):
            for number, line in enumerate(wrap(text, WIDTH - INDENT, break_on_hyphens=False)):
                console.print(f"{'' if number else name:<{INDENT}}{line}", highlight=False, soft_wrap=True)
        for name, answer in found.changes.items():
            if answer.rows:
                show_answer(console, answer, f"What changed most in {name}")


def _lines(found: Summary) -> Iterator[tuple[str, str]]:
    yield "Read", f"{found.new_rows} new rows of {len(found.read)} tables"
    yield from (("", line) for line in _tables(found.read))
    done = [f"{count} {word}" for action, word in DONE.items() if (count := found.models(action))]
    yield "Models", ", ".join(done) or "none"
    left = f", {found.kept} could not be computed" if found.kept else ""
    yield "Published", f"{found.published} numbers, {found.changed} of them new{left}"
    for scored in found.scored:
        yield "Resolved", _scored(scored)


def _tables(read: Iterable[TableRead]) -> Iterator[str]:
    """Tables that went alike in one line."""

    def alike(table: TableRead) -> tuple[str, str, int]:
        return str(table.watermark), table.verdict, table.new

    for (day, verdict, new), tables in groupby(sorted(read, key=alike), alike):
        told = f"{new} new" if verdict == "appended" else verdict
        yield f"{day}  {told}: {' '.join(table.name for table in tables)}"


def _scored(scored: Scored) -> str:
    told = f"{scored.resolved} of {scored.due} due, {scored.pending} open"
    if scored.accuracy is None or scored.log_loss is None or scored.base_log_loss is None:
        return told
    hits = round(scored.accuracy * scored.resolved)
    return f"{told}: {hits} hits, log loss {scored.log_loss:.3f} against {scored.base_log_loss:.3f} of the base rate"
