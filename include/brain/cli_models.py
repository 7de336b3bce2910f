"""``brain models``: look at the stored models, go back to an older one, take one elsewhere."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from brain.usecases.direction.names import model_key

if TYPE_CHECKING:
    from brain.store.models import ModelStore

app = typer.Typer(no_args_is_help=True, help="Look at the stored models, go back to an older one, take one elsewhere.")
console = Console(soft_wrap=True)

Version = Annotated[int | None, typer.Option("--version", "-v", help="A version instead of the champion.")]
Assets = Annotated[list[str] | None, typer.Argument(help="Assets by name; all if none is named.")]


@app.command("list")
def list_champions(assets: Assets = None) -> None:
    """Show every champion: version, classifier, skill, and whether its data was corrected since."""
    from brain.store.browse import list_models

    table = _table("asset", "model", "version", "classifier", "trained", "skill", "has skill", "note")
    lines = list_models(_store(), assets or None)
    for line in sorted(lines, key=lambda line: (line.entity, len(line.target), line.target)):  # 2 before 10
        skill = "" if line.skill is None else f"{line.skill:+.4f}"
        judged = {True: "yes", False: "no", None: ""}[line.has_skill]
        trained = f"{line.trained_at:%Y-%m-%d}"
        table.add_row(line.entity, line.target, str(line.version), line.classifier, trained, skill, judged, line.note)
    console.print(table)


@app.command()
def show(asset: str, horizon: int, version: Version = None) -> None:
    """Print everything a verified version says about itself, as JSON."""
    from brain.store.browse import show_model

    typer.echo(json.dumps(show_model(_store(), model_key(asset, horizon), version), indent=2))


@app.command()
def history(asset: str, horizon: int) -> None:
    """Show all versions of a model, newest first, and when each was made the champion."""
    from brain.store.browse import history as versions

    table = _table("version", "created", "classifier", "skill", "why", "champion since")
    for past in versions(_store(), model_key(asset, horizon)):
        mark = f"{past.version} *" if past.is_champion else str(past.version)
        skill = "" if past.skill is None else f"{past.skill:+.4f}"
        moves = ", ".join(f"{moment:%Y-%m-%d}" for moment in past.promoted)
        table.add_row(mark, f"{past.created_on:%Y-%m-%d}", past.classifier, skill, past.decision, moves)
    console.print(table)


@app.command()
def diff(asset: str, horizon: int, before: int, after: int) -> None:
    """Show what differs between two versions of a model."""
    from brain.store.browse import diff as differences

    table = Table("field", f"v{before}", f"v{after}", box=box.SIMPLE_HEAD)
    for difference in differences(_store(), model_key(asset, horizon), before, after):
        table.add_row(difference.field, str(difference.before), str(difference.after))
    console.print(table)


@app.command()
def rollback(
    asset: str,
    horizon: int,
    version: int,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the history.")] = "rolled back by hand",
) -> None:
    """Make an older version, verified first, the champion again."""
    key = model_key(asset, horizon)
    replaced = _store().rollback(key, version, at=datetime.now(UTC), reason=reason)
    console.print(f"{key}: v{version} is the champion again, in place of v{replaced}.", highlight=False)


@app.command()
def verify(assets: Assets = None) -> None:
    """Verify every stored version in full; exit code 1 if one is not what was stored."""
    from brain.store.browse import verify_models

    count, problems = 0, 0
    for checked in verify_models(_store(), assets or None):
        count += 1
        if checked.problem:
            problems += 1
            console.print(f"[red]{checked.id}[/]: {checked.problem}", highlight=False)
    console.print(f"{count} versions verified, {problems} refused.", highlight=False)
    if problems:
        raise typer.Exit(1)


@app.command()
def export(
    asset: str,
    horizon: int,
    version: Version = None,
    folder: Annotated[Path, typer.Option("--to", help="Where to write.")] = Path(),
) -> None:
    """Write a model as .onnx with a card that says how to use it from any language."""
    from brain.store.browse import export_model

    onnx, card = export_model(_store(), model_key(asset, horizon), version, folder)
    console.print(f"{onnx}\n{card}", highlight=False)


def _table(*columns: str) -> Table:
    """One that fits a terminal of 80 columns."""
    return Table(*columns, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)


def _store() -> ModelStore:
    from brain.core.settings import Settings
    from brain.store.models import ModelStore

    return ModelStore.open(Settings.load(), "direction")
