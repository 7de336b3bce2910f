"""``brain explain``: why a published number is what it is."""

from __future__ import annotations

import shlex
import textwrap
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from brain.cli_models import Target, Unit
from brain.core.nearest import nearest
from brain.display import PlainConsole

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from brain.replaying import Explanation
    from brain.scoring.reasons import Reason
    from brain.usecases.protocol import Run

console = PlainConsole(soft_wrap=True, highlight=False)
WIDTH = 80
SHOWN = 10  # features: the rest fits no screen
LEAST = 5e-5  # of a part: less is shown as 0
INDENT = " " * 19

AsOf = Annotated[
    datetime | None,
    typer.Option(
        "--as-of",
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f"],
        help="The day, or the time in UTC, of the row that the number was computed from; the newest if omitted.",
    ),
]
UseCaseName = Annotated[str | None, typer.Option("--use-case", help="Only this use case.")]


def explain(unit: Unit, target: Target, as_of: AsOf = None, use_case: UseCaseName = None) -> None:
    """Say why a published number is what it is, from the base rate to each feature, and prove it by recomputing it."""
    from brain.core.moment import Moment
    from brain.core.settings import Settings
    from brain.replaying import explanation_of, has_target, last_published
    from brain.workspace import open_workspace

    row = None if as_of is None else as_of.replace(tzinfo=UTC)
    known = open_workspace(Settings.load()).runs(Moment(datetime.now(UTC)))
    runs = [run for run in known if use_case in (None, run.use_case.name)]
    meant = [run for run in runs if has_target(run, target)]
    published = [(run, found) for run in meant if (found := last_published(run, unit, target, row))]
    if len(published) != 1:
        raise typer.BadParameter(_nothing(runs, unit, target, row, len(published)))
    run, found = published[0]
    told = explanation_of(run, found)
    console.print(f"{unit}, {target}: {found.value:.4f} as of {found.as_of}, by model version {found.model_version}")
    if told.replay.identical:
        _show(told)
    for obstacle in told.replay.obstacles:
        console.print(Text(obstacle, style="red"))
    typed = f"{shlex.quote(unit)} {shlex.quote(target)} --as-of {_typed(found.as_of)}"
    console.print(f"Recompute it: brain replay {typed}")
    if not told.replay.identical:
        raise typer.Exit(1)


def _show(told: Explanation) -> None:
    """A line a reason: its part in log-odds and in points of probability, and its words."""
    if not told.reasons:
        console.print("Its use case does not say what it is made of.")
        return
    console.print("\nlog-odds   points   from 50 %")
    before = 0.5
    for reason, chance in _folded(told):
        if abs(reason.part) >= LEAST:
            console.print(_line(f"{reason.part:+8.4f}  {100 * (chance - before):+7.2f}  ", reason.words))
        before = chance
    total = sum(reason.part for reason in told.reasons)
    console.print(f"{total:+8.4f}  {100 * told.replay.published.value:7.2f} %  published\n")


def _line(numbers: str, words: str) -> str:
    return textwrap.fill(numbers + words, WIDTH, subsequent_indent=INDENT, drop_whitespace=True, break_on_hyphens=False)


def _folded(told: Explanation) -> Iterable[tuple[Reason, float]]:
    """The reasons, each with the probability that it leads to; features beyond the first `SHOWN` as one."""
    from scipy.special import expit

    from brain.scoring.reasons import Reason

    features = [reason for reason in told.reasons if reason.feature is not None]
    rest = features[SHOWN:] if len(features) > SHOWN + 1 else []
    odds = 0.0
    for reason in told.reasons:
        if reason in rest and reason is not rest[-1]:
            continue
        if rest and reason is rest[-1]:
            words = f"{len(rest)} other features."
            reason = Reason("features", words, sum(one.part for one in rest))
        odds += reason.part
        yield reason, float(expit(odds))


def _nothing(runs: Sequence[Run], unit: str, target: str, row: datetime | None, found: int) -> str:
    """Why there is nothing to explain, and what may have been meant."""
    if found:
        return f"{found} use cases have published {unit}, {target}; say which with --use-case"
    targets = {one.name: one.targets for run in runs for one in run.units}
    if unit not in targets:
        near = nearest(unit, targets)
        names = f"did you mean {near}?" if near else f"there are {', '.join(targets) or 'none'}"
        return f"no unit {unit} is known; {names}"
    wanted = {run.use_case.target(target) for run in runs}
    if not wanted & set(targets[unit]):
        near = nearest(next(iter(wanted), target), targets[unit])
        meant = f"did you mean {near}? " if near else ""
        return f"{unit} has no target {target}; {meant}It has {', '.join(targets[unit])}"
    day = "" if row is None else f" as of {_typed(row)}"
    return f"nothing was published for {unit}, {target}{day} yet"


def _typed(as_of: object) -> str:
    """A day or time as the options take it."""
    if not isinstance(as_of, datetime):
        return str(as_of)
    as_of = as_of.astimezone(UTC)
    return f"{as_of:%Y-%m-%d}" if as_of.time() == datetime.min.time() else f"{as_of:%Y-%m-%dT%H:%M:%S.%f}"
