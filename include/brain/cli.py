"""The `brain` command."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from brain import __version__, cli_backup, cli_demo, cli_explain, cli_hindcast, cli_ledger, cli_tables
from brain.cli_bars import app as bars_app
from brain.cli_errors import refuse_bytes, unforeseen
from brain.cli_keys import app as keys_app
from brain.cli_models import Target, Unit, require_known
from brain.cli_models import app as models_app
from brain.core.alike import by_reason
from brain.core.errors import BrainError, UnknownName, UnknownTable
from brain.core.moment import entered
from brain.display import PlainConsole, marked, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from brain.core.moment import Moment
    from brain.core.settings import Settings
    from brain.results import UnitResult
    from brain.scoring.replay import TableReplay
    from brain.workspace import Work, Workspace

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(models_app, name="models")
app.add_typer(keys_app, name="keys")
app.add_typer(bars_app, name="bars")
app.command()(cli_demo.demo)
app.command()(cli_ledger.evaluate)
app.command()(cli_ledger.outcomes)
app.command()(cli_hindcast.hindcast)
app.command()(cli_tables.tables)
console = PlainConsole()


def _tell_version(asked: bool) -> None:
    if asked:
        console.print(__version__, highlight=False)
        raise typer.Exit


Units = Annotated[
    list[str] | None, typer.Argument(help="Units by name (assets, …); all of the catalogue if none is named.")
]
UseCaseName = Annotated[
    str | None, typer.Option("--use-case", help="Only this use case; needed where several have a unit of the name.")
]
Targets = Annotated[
    list[str] | None, typer.Option("--target", "-t", help="What is predicted: 25 or RETURNS25; may be repeated.")
]
Force = Annotated[bool, typer.Option("--force", help="Search anew even where the champion is fresh.")]
Until = Annotated[
    datetime | None,
    typer.Option(
        "--until", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Moment of the run, in UTC; now if omitted."
    ),
]
After = Annotated[
    datetime | None,
    typer.Option("--after", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="In UTC; now if omitted."),
]
AsOf = Annotated[
    datetime | None,
    typer.Option(
        "--as-of",
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f"],
        help="The day, or the time in UTC, of the row that the number is of; omitted for lists and segments.",
    ),
]


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Models trained on database tables, kept in MongoDB, served as tables in PostgreSQL."""


def main() -> None:
    """Run the command line; an error is one sentence on standard error and exit code 1, 2 for a wrong name.

    The traceback of an error that nobody foresaw is kept in a file; with BRAIN_DEBUG set, it is shown instead.
    """
    try:
        refuse_bytes(sys.argv[1:])
        app()
    except BrainError as error:
        told = error
    except Exception as error:
        if os.environ.get("BRAIN_DEBUG"):
            raise
        told = unforeseen(error)
    else:
        return
    line = Text.assemble((type(told).__name__, "bold red"), f" {told}")
    PlainConsole(stderr=True).print(line, highlight=False, soft_wrap=True)
    sys.exit(2 if isinstance(told, UnknownName | UnknownTable) else 1)


@app.command()
def extract(
    units: Units = None,
    until: Until = None,
    full: Annotated[bool, typer.Option("--full", help="Read whole tables again.")] = False,
    use_case: UseCaseName = None,
) -> None:
    """Read what is new in the source tables into the lake, through the quality gate."""
    from brain import steps

    workspace, moment = _workspace(), _moment(until)
    results, pages = [], ""
    for work in _work(workspace, moment, units, use_case=use_case):
        results += steps.extract(work.run, work.names, full=full)
        pages = steps.document(work.run)
    console.print(f"Data Docs: {pages}", soft_wrap=True)
    _tell(results)


@app.command()
def train(
    units: Units = None,
    targets: Targets = None,
    until: Until = None,
    force: Force = False,
    use_case: UseCaseName = None,
) -> None:
    """Train, refresh or skip models, then judge which champions may claim skill."""
    from brain import steps

    workspace, moment = _workspace(), _moment(until)
    results = []
    for work in _work(workspace, moment, units, targets, use_case):
        results += steps.train(work.run, work.names, work.targets, force=force)
        judged = ", ".join(f"{name} {count}" for name, count in steps.judge(work.run).items())
        console.print(f"judged {work.run.use_case.name}: {judged}" if judged else "")
    _tell(results)


@app.command()
def score(units: Units = None, until: Until = None, use_case: UseCaseName = None) -> None:
    """Score the newest rows through their champions; nothing is published yet."""
    from brain import steps

    work = _work(_workspace(), _moment(until), units, use_case=use_case)
    _tell(result for one in work for result in steps.score(one.run, one.names))


@app.command()
def publish(until: Until = None, use_case: UseCaseName = None) -> None:
    """Score everything and replace the published tables in one transaction."""
    from brain import steps

    results = []
    for work in _work(_workspace(), _moment(until), use_case=use_case):
        results += steps.score(work.run, work.names)
        done = steps.publish(work.run, [work.names])
        console.print(f"{work.run.use_case.name}: {done.line()}", highlight=False, soft_wrap=True)
    _tell(results)


@app.command()
def run(
    until: Until = None,
    force: Force = False,
    full: Annotated[bool, typer.Option("--full", help="Read, judge, score and evaluate all, new or not.")] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Training processes; one a core if omitted, 1: this one.")
    ] = None,
) -> None:
    """Run every step once, without Airflow."""
    from brain.core.progress import ProgressLog
    from brain.pipeline import run_all
    from brain.progress_view import following

    workspace, moment = _workspace(), _moment(until)
    with following(console, ProgressLog.of(workspace.settings.home, moment)):
        results = run_all(workspace, moment, force=force, full=full, workers=workers)
    _overviews(workspace)
    _tell(result for result in results if not result.ok)


@app.command()
def sql(query: Annotated[str, typer.Argument(help="One SQL query; the main tables if omitted.")] = "") -> None:
    """Ask the published tables, as the read-only user where there is one."""
    from brain.display import show_answer
    from brain.warehouse.read import ask, reader_url

    if not query:
        _overviews(_workspace())
        return
    show_answer(console, ask(reader_url(_settings()), query))


@app.command()
def replay(unit: Unit, target: Target, as_of: AsOf = None, use_case: UseCaseName = None) -> None:
    """Recompute a published number, a list or segments, bit for bit, or say what is missing or changed."""
    from brain.replaying import has_target, last_published, replay_of, table_replays

    runs = [run for run in _workspace().runs(_moment(None)) if use_case in (None, run.use_case.name)]
    runs = [run for run in runs if has_target(run, target)]
    if not runs:
        raise typer.BadParameter(f"no use case has a target {target}; `brain models list` shows those of the models")
    if tables := table_replays(runs, unit, target):
        _tell_tables(tables, unit, target)
        return
    if as_of is None:
        raise typer.BadParameter("--as-of is needed: the day or time of the row that the number was computed from")
    row = as_of.replace(tzinfo=UTC)
    published = [(run, found) for run in runs if (found := last_published(run, unit, target, row))]
    if not published:
        require_known(use_case, unit, target)
    if len(published) != 1:
        several = f" in one use case; say which with --use-case ({len(published)} have it)" if published else ""
        console.print(f"Nothing was published for {unit}, {target}, as of {as_of:%Y-%m-%d}{several}.")
        raise typer.Exit(1)
    run, found = published[0]
    result = replay_of(run, found)
    told = f"published   {plain(found.value)}  for {found.published_at:%Y-%m-%d %H:%M} UTC by v{found.model_version}"
    console.print(told, soft_wrap=True)
    told = f"recomputed  {plain(result.recomputed)}  (raw {plain(result.raw)}), data {found.data_sha256[:12]}"
    console.print(told, soft_wrap=True)
    for obstacle in result.obstacles:
        console.print(Text(obstacle, style="red"), soft_wrap=True)
    console.print(marked(result.identical, "identical, bit for bit", "not reproduced"))
    if not result.identical:
        raise typer.Exit(1)


def _tell_tables(tables: Sequence[TableReplay], unit: str, target: str) -> None:
    """What came of recomputing the tables that a model fills."""
    for told in tables:
        console.print(f"{told.rows} rows of {unit}, {target} are shown" if told.rows else "Nothing was published.")
        for obstacle in told.obstacles:
            console.print(Text(obstacle, style="red"), soft_wrap=True)
        if told.rows:
            console.print(marked(told.identical, "identical, bit for bit", "not reproduced"))
    if not all(told.identical for told in tables):
        raise typer.Exit(1)


app.command()(cli_explain.explain)


@app.command()
def tidy(until: Until = None) -> None:
    """Delete snapshots, model versions and what past runs left over that nobody needs any more."""
    from brain import steps

    _tell(steps.tidy(_workspace(), _moment(until)))


@app.command()
def repair(
    after: After = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this, it is only shown.")] = False,
) -> None:
    """Take back what was made for moments after one: by a clock that was wrong, or a typo in --until.

    Snapshots, models, champions and published rows are again what they were before; what explains them comes with the
    next publication. Train and publish afterwards.
    """
    from brain.repair import carry_out, find_repairs

    moment = _moment(after)
    found = find_repairs(_workspace(), moment)
    if not found:
        console.print(f"Nothing was made for a moment after {moment.at:%Y-%m-%d %H:%M:%S} UTC.", highlight=False)
        return
    if yes:
        _tell(carry_out(found))
        return
    table = Table("", "what is to be taken back")
    for one in found:
        table.add_row(Text(one.subject), Text(one.told))
    console.print(table)
    console.print("Nothing was changed. If this is right: the same command with --yes.", highlight=False)
    raise typer.Exit(1)


app.command()(cli_backup.backup)
app.command()(cli_backup.restore)


@app.command()
def doctor() -> None:
    """Check every setting and connection, and say what to do about what is wrong."""
    from brain.doctor import examine

    table = Table("check", "", "what was found")
    checks = list(examine(_home(), _moment(None)))
    for check in checks:
        table.add_row(Text(check.subject), marked(check.ok, bad="wrong"), Text(check.message))
    console.print(table)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


def _home() -> Path:
    from brain.core.settings import find_home

    return find_home(os.environ)


def _settings() -> Settings:
    from brain.core.settings import Settings

    return Settings.load()


def _workspace() -> Workspace:
    from brain.workspace import open_workspace

    return open_workspace(_settings())


def _work(
    workspace: Workspace,
    moment: Moment,
    units: list[str] | None = None,
    targets: list[str] | None = None,
    use_case: str | None = None,
) -> list[Work]:
    from brain.workspace import choose

    return choose(workspace, moment, units or (), targets or (), use_case)


def _moment(until: datetime | None) -> Moment:
    now = datetime.now(UTC)
    return entered(until.replace(tzinfo=UTC) if until else now, now)


def _overviews(workspace: Workspace) -> None:
    from brain.display import show_overview
    from brain.usecases import USE_CASES
    from brain.warehouse.read import ask, reader_url

    for name in workspace.catalogue.sections:
        overview = USE_CASES[name].overview
        show_overview(console, ask(reader_url(workspace.settings), overview.query), overview)


def _tell(results: Iterable[UnitResult]) -> None:
    """A line for all units of which the same is to be said; exit code 1 when any of them failed."""
    told = list(results)
    if not told:
        return
    table = Table("unit", "", "what happened")
    for (ok, reason), units in by_reason((result.unit, (result.ok, result.reason)) for result in told).items():
        table.add_row(Text(", ".join(units)), marked(ok), Text(reason))
    console.print(table)
    if not all(result.ok for result in told):
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
