"""Commands on the ledgers: score what has come true, and look at it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from brain.core.moment import entered
from brain.display import PlainConsole, show_answer, show_narrow, show_overview

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from brain.core.moment import Moment
    from brain.usecases.protocol import Run
    from brain.warehouse.evaluation import Evaluation
    from brain.warehouse.read import Answer

console = PlainConsole()
SHOWN = ("accuracy", "skill", "calibration_slope", "pinball_loss", "interval_coverage", "alarms")

Until = Annotated[
    datetime | None,
    typer.Option(
        "--until", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Moment of the run, in UTC; now if omitted."
    ),
]
UseCaseName = Annotated[str | None, typer.Option("--use-case", help="Only this use case.")]


def evaluate(
    until: Until = None,
    full: Annotated[bool, typer.Option("--full", help="Look at every number again, not only at what is new.")] = False,
    use_case: UseCaseName = None,
) -> None:
    """Score the published numbers that have come true, and say how good they were."""
    from brain import steps

    for run in _runs(until, use_case):
        evaluations = steps.evaluate(run, full=full)
        for found in evaluations:
            console.print(found.line(), highlight=False, soft_wrap=True)
            if found.total.resolved:
                show_answer(console, _lines(found))
        if not any(found.total.resolved for found in evaluations):
            show_scorecard(console, run)


def outcomes(
    last: Annotated[int, typer.Option("--last", min=1, help="How many numbers, the newest first.")] = 20,
    use_case: UseCaseName = None,
) -> None:
    """Show what came true of the numbers in the ledger, live and hindcast; `brain evaluate` finds out."""
    from brain.warehouse.read import ask, resolved_rows

    for run in _runs(None, use_case):
        for ledger in run.use_case.ledgers:
            counted, rows = resolved_rows(ledger, last)
            ((live, hindcast),) = ask(run.settings.warehouse_url, counted).rows
            number = live + hindcast
            parts = f"{live} live, {hindcast} hindcast"
            console.print(f"{ledger.name}: {number} numbers resolved: {parts}", highlight=False)
            if hindcast:
                console.print("hindcast: computed after its day, seen by nobody on it", highlight=False)
            if number:
                answer = ask(run.settings.warehouse_url, rows)
                title = f"The newest {last} of {number}" if last < number else ""
                show_narrow(console, answer.columns, answer.rows, title)


def show_scorecard(console: Console, run: Run) -> None:
    """How good the numbers were that have come true so far, and when the first will have where none has."""
    from brain.summary import scorecard, waiting

    answer, shown = scorecard(run), run.use_case.scorecard
    if answer is not None and answer.rows and shown is not None:
        console.print()
        show_overview(console, answer, shown)
    for line in waiting(run):
        console.print(f"\n{line}", highlight=False, soft_wrap=True)


def _lines(found: Evaluation) -> Answer:
    """What fits a terminal of the lines; `evaluation_runs` has them all."""
    from brain.warehouse.read import Answer

    measures = [name for name in SHOWN if found.total.measures.get(name) is not None]
    rows = [
        (line.target, line.due, line.resolved, line.pending, *(line.measures.get(name) for name in measures))
        for line in found.lines
    ]
    return Answer(("target", "due", "scored", "open", *measures), rows)


def _runs(until: datetime | None, use_case: str | None) -> Iterator[Run]:
    from brain.core.settings import Settings
    from brain.workspace import open_workspace

    workspace, moment = open_workspace(Settings.load()), _moment(until)
    yield from [workspace.run(use_case, moment)] if use_case is not None else workspace.runs(moment)


def _moment(until: datetime | None) -> Moment:
    now = datetime.now(UTC)
    return entered(until.replace(tzinfo=UTC) if until else now, now)
