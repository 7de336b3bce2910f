"""The command that replays history, so that there is a scorecard on the first day."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brain.core.moment import Moment
from brain.display import PlainConsole, show_answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from brain.core.settings import Settings
    from brain.hindcasting import Hindcast
    from brain.usecases.protocol import Run
    from brain.warehouse.read import Answer
    from brain.workspace import Workspace

console = PlainConsole()
SHOWN = ("accuracy", "log_loss", "base_log_loss", "skill", "pinball_loss", "interval_coverage")
COMPARED = ("target", "pairs", "A", "B", "A - B", "low", "high", "blocks")

Units = Annotated[
    list[str] | None, typer.Argument(help="Units by name (assets, …); all of the catalogue if none is named.")
]
FirstDay = Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day.")]
LastDay = Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day; it has to be over.")]
Every = Annotated[str, typer.Option("--every", help="month, week, or a number of days such as 10d.")]
Targets = Annotated[
    list[str] | None, typer.Option("--target", "-t", help="What is predicted, such as 25; may be repeated.")
]
CataloguePath = Annotated[
    Path | None,
    typer.Option(
        "--catalogue",
        metavar="FILE",
        help="With --against: this one in the place of the present catalogue.",
    ),
]
Against = Annotated[
    Path | None,
    typer.Option(
        "--against",
        metavar="FILE",
        help="Compare with this catalogue on the same days; nothing is noted in a ledger.",
    ),
]
UseCaseName = Annotated[
    str | None, typer.Option("--use-case", help="Only this use case; needed where several have a unit of the name.")
]
WorkerCount = Annotated[
    int | None, typer.Option("--workers", min=1, help="Training processes; one a core if omitted, 1: this one.")
]


def hindcast(
    first: FirstDay,
    last: LastDay,
    units: Units = None,
    every: Every = "month",
    targets: Targets = None,
    catalogue: CataloguePath = None,
    against: Against = None,
    use_case: UseCaseName = None,
    workers: WorkerCount = None,
) -> None:
    """Replay past days by what was known on each, and note in the ledger what would have been said, marked as hindcast.

    Champions and published tables stay as they are. Stopped and started again, it goes on where it was.
    """
    from brain.core.settings import Settings
    from brain.hindcasting import days_between, hindcasts, require_over

    if catalogue is not None and against is None:
        raise typer.BadParameter("it goes with --against", param_hint="--catalogue")
    now = Moment(datetime.now(UTC))
    require_over(last.date(), now)
    days = days_between(first.date(), last.date(), every)
    settings = Settings.load()
    named = (("--catalogue", catalogue), ("--against", against))
    workspace, other = (_with(settings, option, path) for option, path in named)
    for one in hindcasts(workspace, days, now, units or (), targets or (), use_case):
        name = one.work.run.use_case.name
        if against is None:
            _fill(one, workspace.run(name, now), workers)
        elif name in other.catalogue.sections:
            for opposite in hindcasts(other, days, now, units or (), targets or (), name):
                _compare(one, opposite, workspace.run(name, now), workers)


def _fill(one: Hindcast, run: Run, workers: int | None) -> None:
    from brain import steps
    from brain.hindcasting import fill
    from brain.warehouse.hindcast_scores import hindcast_scores

    with _followed(one):
        noted = fill(one, workers)
    _tell_failed(one)
    console.print(
        f"{run.use_case.name}: {_counted(len(one.days), 'day')}, {_counted(noted, 'number')} noted", highlight=False
    )
    steps.evaluate(run)
    for ledger in run.use_case.ledgers:
        console.print(f"{ledger.name}, all that is marked hindcast:", highlight=False)
        show_answer(console, _scores(hindcast_scores(run.settings.warehouse_url, ledger)))


def _scores(lines: Sequence[tuple[str, int, int, Mapping[str, float | None]]]) -> Answer:
    from brain.warehouse.read import Answer

    measures = [name for name in SHOWN if any(measured.get(name) is not None for *_, measured in lines)]
    rows = [(target, rows, scored, *map(measured.get, measures)) for target, rows, scored, measured in lines]
    return Answer(("target", "numbers", "scored", *measures), rows)


def _compare(one: Hindcast, other: Hindcast, run: Run, workers: int | None) -> None:
    from brain.comparing import compare, said
    from brain.warehouse.read import Answer

    both = []
    for each in (one, other):
        with _followed(each):
            both.append(said(each, workers))
        _tell_failed(each)
    for ledger in run.use_case.ledgers:
        told = f"{ledger.name}: mean {ledger.scoring.scores[0].name} of A, the first catalogue, and B, --against."
        console.print(f"{told} Below 0, A is better; low and high: interval of 90 %.", highlight=False, soft_wrap=True)
        lines = [
            (line.target, gap.pairs, line.loss, line.other, gap.mean, gap.low, gap.high, gap.blocks)
            for line in compare(both[0], both[1], ledger, run)
            for gap in (line.gap,)
        ]
        show_answer(console, Answer(COMPARED, lines))


@contextmanager
def _followed(one: Hindcast) -> Iterator[None]:
    """Show how far it is; a person who stops it is told that nothing is lost."""
    from brain.progress_view import following

    try:
        with following(console, one.progress):
            yield
    except KeyboardInterrupt:
        console.print("Stopped. The same command goes on where it was.")
        raise


def _tell_failed(one: Hindcast) -> None:
    for told, days in one.failed.most_common():
        console.print(f"on {days} of {_counted(len(one.days), 'day')}: {told}", highlight=False, soft_wrap=True)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _with(settings: Settings, option: str, path: Path | None) -> Workspace:
    from brain.workspace import open_workspace

    if path is not None and not path.is_file():
        raise typer.BadParameter(f"there is no file {path}", param_hint=option)
    return open_workspace(settings.model_copy(update={"catalogue_path": path.absolute()}) if path else settings)
