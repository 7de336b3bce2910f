"""The command that replays history, so that there is a scorecard on the first day."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brain.core.moment import Moment
from brain.display import PlainConsole, show_answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from brain.core.settings import Settings
    from brain.hindcasting import days_between, hindcasts

    if catalogue is not None and against is None:
        raise typer.BadParameter("--catalogue says what to compare: it goes with --against")
    now = Moment(datetime.now(UTC))
    days = days_between(first.date(), last.date(), every)
    settings = Settings.load()
    workspaces = [_with(settings, path) for path in (catalogue, against)]
    mine, theirs = (hindcasts(one, days, now, units or (), targets or (), use_case) for one in workspaces)
    for one in mine:
        run = workspaces[0].run(one.work.run.use_case.name, now)
        if against is None:
            _fill(one, run, workers)
        for other in theirs:
            if against is not None and other.work.run.use_case is one.work.run.use_case:
                _compare(one, other, run, workers)


def _fill(one: Hindcast, run: Run, workers: int | None) -> None:
    from brain import steps
    from brain.hindcasting import fill
    from brain.progress_view import following
    from brain.warehouse.hindcast_scores import hindcast_scores

    with following(console, one.progress):
        filled = fill(one, workers)
    _tell_failed(one)
    console.print(f"{run.use_case.name}: {filled.days} days, {filled.noted} numbers noted", highlight=False)
    steps.evaluate(run)
    for ledger in run.use_case.ledgers:
        console.print(f"{ledger.name}, all that is marked hindcast:", highlight=False)
        show_answer(console, _scores(hindcast_scores(run.settings.warehouse_url, ledger)))


def _scores(lines: Sequence[tuple[str, int, int, Mapping[str, float | None]]]) -> Answer:
    from brain.warehouse.read import Answer

    measures = [name for name in SHOWN if any(measured.get(name) is not None for *_, measured in lines)]
    rows = [(target, *counts, *map(measured.get, measures)) for target, *counts, measured in lines]
    return Answer(("target", "numbers", "scored", *measures), rows)


def _compare(one: Hindcast, other: Hindcast, run: Run, workers: int | None) -> None:
    from brain.comparing import compare
    from brain.progress_view import following
    from brain.warehouse.read import Answer

    with following(console, one.progress), following(console, other.progress):
        lines = compare(one, other, run, workers)
    for each in (one, other):
        _tell_failed(each)
    for ledger, compared in lines.items():
        told = "loss of the one (A) less that of the other (B), --against: below 0, A is better; intervals of 90 %"
        console.print(f"{ledger}: {told}", highlight=False, soft_wrap=True)
        rows = [
            (
                line.target,
                line.gap.pairs,
                line.loss,
                line.other,
                line.gap.mean,
                line.gap.low,
                line.gap.high,
                line.gap.blocks,
            )
            for line in compared
        ]
        show_answer(console, Answer(("target", "pairs", "A", "B", "A - B", "low", "high", "blocks"), rows))


def _tell_failed(one: Hindcast) -> None:
    for told, days in one.failed.most_common():
        console.print(f"on {days} of {len(one.days)} days, {told}", highlight=False, soft_wrap=True)


def _with(settings: Settings, path: Path | None) -> Workspace:
    from brain.workspace import open_workspace

    return open_workspace(settings.model_copy(update={"catalogue_path": path.absolute()}) if path else settings)
