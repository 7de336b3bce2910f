"""The `brain` command."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from brain.cli_models import app as models_app
from brain.core.errors import BrainError
from brain.core.moment import Moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from brain.steps import UnitResult, Workspace

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="One model per asset and horizon, kept in MongoDB, served as a table in PostgreSQL.",
)
app.add_typer(models_app, name="models")
console = Console()

Assets = Annotated[list[str] | None, typer.Argument(help="Assets by name; all of the catalogue if none is named.")]
Horizons = Annotated[list[int] | None, typer.Option("--horizon", "-n", help="Rows ahead; may be repeated.")]
Force = Annotated[bool, typer.Option("--force", help="Search anew even where the champion is fresh.")]
Until = Annotated[
    datetime | None,
    typer.Option("--until", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="End of the data interval, in UTC [now]."),
]


def main() -> None:
    """Run the command line; an expected error is one sentence on standard error and exit code 1."""
    try:
        app()
    except BrainError as error:
        Console(stderr=True).print(f"[bold red]{type(error).__name__}[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)


@app.command()
def demo(
    assets: Assets = None,
    as_of: Annotated[
        datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="Load only what was known that day.")
    ] = None,
) -> None:
    """Load real market data into the source database."""
    from brain.core.settings import read_connections
    from brain.demo.load import load_demo

    url = os.environ.get("BRAIN_DEMO_URL") or read_connections(_home()).get("BRAIN_DEMO_URL")
    if url is None:
        raise typer.BadParameter("no BRAIN_DEMO_URL, and no embedded servers here; run `brain up` first")
    loaded = load_demo(url, as_of=as_of.date() if as_of else None, assets=assets or None)
    table = Table("asset", "rows", "written", "removed", "last day")
    for line in loaded:
        table.add_row(line.asset, str(line.rows), str(line.written), str(line.removed), str(line.last_day))
    console.print(table)


@app.command()
def extract(
    assets: Assets = None,
    until: Until = None,
    full: Annotated[
        bool, typer.Option("--full", help="Compare every row with the source, not only the newest.")
    ] = False,
) -> None:
    """Read what is new in the asset tables into the lake, through the quality gate."""
    from brain import steps

    workspace, moment = _workspace(), _moment(until)
    outcomes = steps.extract(workspace, _names(workspace, assets), moment, full=full)
    console.print(f"Verdicts in full: {steps.document(workspace, moment)}", soft_wrap=True)
    _tell(outcomes)


@app.command()
def train(
    assets: Assets = None,
    horizons: Horizons = None,
    until: Until = None,
    force: Force = False,
) -> None:
    """Train, refresh or skip models, then judge the whole grid's skill."""
    from brain import steps

    workspace, moment = _workspace(), _moment(until)
    names = _names(workspace, assets)
    outcomes = steps.train(workspace, names, moment, horizons=horizons or (), force=force)
    console.print(steps.judge(workspace, moment))
    _tell(outcomes)


@app.command()
def score(assets: Assets = None, until: Until = None) -> None:
    """Score the newest rows through their champions; nothing is published yet."""
    from brain import steps

    workspace = _workspace()
    _tell(steps.score(workspace, _names(workspace, assets), _moment(until)))


@app.command()
def publish(until: Until = None) -> None:
    """Score everything and replace the published tables in one transaction."""
    from brain import steps

    workspace, moment = _workspace(), _moment(until)
    outcomes = steps.score(workspace, workspace.assets.names, moment)
    console.print(steps.publish(workspace, [workspace.assets.names], moment))
    _tell(outcomes)


@app.command()
def run(until: Until = None, force: Force = False) -> None:
    """Run every step once, without Airflow."""
    from brain.display import shown
    from brain.pipeline import run_all

    workspace, moment = _workspace(), _moment(until)
    with shown(console, workspace.progress(moment)):
        outcomes = run_all(workspace, moment, force=force)
    sql()
    _tell(outcome for outcome in outcomes if not outcome.ok)


@app.command()
def sql(query: Annotated[str, typer.Argument(help="One SQL query; the wide table if omitted.")] = "") -> None:
    """Ask the published tables, as the read-only user where there is one."""
    from brain.core.settings import Settings
    from brain.display import show_answer, show_probabilities
    from brain.warehouse.read import WIDE_TABLE, ask, reader_url

    answer = ask(reader_url(Settings.load()), query or WIDE_TABLE)
    show_answer(console, answer) if query else show_probabilities(console, answer)


@app.command()
def replay(
    asset: str,
    horizon: int,
    as_of: Annotated[
        datetime, typer.Option("--as-of", formats=["%Y-%m-%d"], help="The day the number was computed for.")
    ],
) -> None:
    """Recompute a published probability bit for bit, or say what is missing or changed."""
    from brain.core.settings import Settings
    from brain.lake.lake import Lake
    from brain.scoring.replay import replay as replayed
    from brain.store.models import ModelStore
    from brain.warehouse.read import published

    settings = Settings.load()
    found = published(settings.warehouse_url, asset, horizon, as_of.date())
    if found is None:
        console.print(f"Nothing was published for {asset}, {horizon} days, as of {as_of.date()}.")
        raise typer.Exit(1)
    result = replayed(ModelStore.open(settings, "direction"), Lake(settings.lake_url), "assets", found)
    console.print(f"published   {found.value!r}  on {found.published_at} by v{found.model_version}", soft_wrap=True)
    console.print(f"recomputed  {result.recomputed!r}  (raw {result.raw!r}), data {found.data_sha256}", soft_wrap=True)
    for obstacle in result.obstacles:
        console.print(f"[red]{obstacle}[/]", soft_wrap=True)
    console.print("[green]identical, bit for bit[/]" if result.identical else "[red]not reproduced[/]")
    if not result.identical:
        raise typer.Exit(1)


@app.command()
def tidy(until: Until = None) -> None:
    """Delete snapshots, model versions and leavings of past runs that nobody needs any more."""
    from brain import steps

    _tell(steps.tidy(_workspace(), _moment(until)))


@app.command()
def doctor() -> None:
    """Check every setting and connection, and say what to do about what is wrong."""
    from brain.doctor import examine

    table = Table("check", "", "what was found")
    findings = list(examine(_home()))
    for finding in findings:
        table.add_row(finding.subject, "[green]ok[/]" if finding.ok else "[red]wrong[/]", finding.message)
    console.print(table)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _home() -> Path:
    import os

    from brain.core.settings import find_home

    return find_home(os.environ)


def _workspace() -> Workspace:
    from brain.core.settings import Settings
    from brain.steps import open_workspace

    return open_workspace(Settings.load())


def _names(workspace: Workspace, assets: Sequence[str] | None) -> tuple[str, ...]:
    return workspace.assets.only(assets or ()).names


def _moment(until: datetime | None) -> Moment:
    return Moment(until.replace(tzinfo=UTC) if until else datetime.now(UTC))


def _tell(outcomes: Iterable[UnitResult]) -> None:
    """One line for each asset; exit code 1 when any of them failed."""
    told = list(outcomes)
    if not told:
        return
    table = Table("asset", "", "what happened")
    for outcome in told:
        table.add_row(outcome.asset, "[green]ok[/]" if outcome.ok else "[red]failed[/]", outcome.reason)
    console.print(table)
    if not all(outcome.ok for outcome in told):
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
