"""``brain models``: look at the stored models, go back to an older one, take one elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from brain.core.nearest import nearest
from brain.display import PlainConsole, plain
from brain.model_screen import screen_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from brain.core.keys import ModelKey
    from brain.store.browse import Listed
    from brain.store.models import ModelStore

app = typer.Typer(no_args_is_help=True, help="Look at the stored models, go back to an older one, take one elsewhere.")
console = PlainConsole(soft_wrap=True)

SCREEN = 30  # lines of a list that is shown in full unasked
LARGEST = 2**31 - 2  # number that a version can have
Version = Annotated[
    int | None, typer.Option("--version", "-v", min=1, max=LARGEST, help="A version instead of the champion.")
]
Seen = Annotated[
    int | None, typer.Option("--version", "-v", min=1, max=LARGEST, help="Only if this is the version that waits.")
]
Units = Annotated[list[str] | None, typer.Argument(help="Units by name (assets, …); all if none is named.")]
Unit = Annotated[str, typer.Argument(help="The unit: GOLD.")]
Target = Annotated[str, typer.Argument(help="What is predicted of it: 25 or RETURNS25.")]
UseCaseName = Annotated[
    str | None, typer.Option("--use-case", help="Only this use case; needed where several have a unit of the name.")
]


@app.command("list")
def list_champions(
    units: Units = None,
    use_case: UseCaseName = None,
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="A line for each, also where that is more than a screen.")
    ] = False,
) -> None:
    """Show every champion: version, classifier, skill, and whether its data was corrected since.

    More than a screen of them are summed by unit, unless units are named or --all is given.
    """
    from brain.store.browse import list_models

    found = [line for store in _knowing(use_case, units) for line in list_models(store, units or None)]
    found = _marked(found)
    lines = sorted(found, key=lambda line: (line.entity, len(line.target), line.target))  # 2 before 10
    if units or everything or len(lines) <= SCREEN:
        console.print(_every(lines))
        return
    console.print(_by_unit(lines))
    told = f"{len(lines)} models. One unit: brain models list {lines[0].entity}   All: brain models list --all"
    console.print(told, highlight=False)


def _marked(lines: Iterable[Listed]) -> list[Listed]:
    """The same, with a word on units that the catalogue no longer names."""
    known = _in_catalogue()
    gone = "no longer in the catalogue"
    return [
        replace(line, note="; ".join(filter(None, (gone, line.note)))) if known and line.entity not in known else line
        for line in lines
    ]


def _every(lines: Iterable[Listed]) -> Table:
    table = _table("unit", "model", "version", "classifier", "trained", "skill", "has skill", "note")
    for line in lines:
        skill = "" if line.skill is None else f"{line.skill:+.4f}"
        judged = {True: "yes", False: "no", None: ""}[line.has_skill]
        trained = f"{line.trained_at:%Y-%m-%d}" if line.trained_at else ""
        told = (line.entity, line.target, str(line.version or ""), line.classifier, trained, skill, judged, line.note)
        table.add_row(*map(Text, told))
    return table


def _by_unit(lines: Iterable[Listed]) -> Table:
    """A line a unit: how many models, how many with proven skill and the best of them, and what is to be known."""
    table = _table("unit", "models", "has skill", "best of these", "last trained", "note")
    for unit, each in groupby(lines, lambda line: line.entity):
        models = list(each)
        proven = [line for line in models if line.has_skill]
        best = max(proven, key=lambda line: line.skill or 0.0, default=None)
        trained = max((line.trained_at for line in models if line.trained_at), default=None)
        notes = [line.note for line in models if line.note]
        told = f"{notes[0]} (and {len(notes) - 1} more)" if len(notes) > 1 else "".join(notes)
        named = f"{best.target} {best.skill or 0.0:+.4f}" if best else ""
        day = f"{trained:%Y-%m-%d}" if trained else ""
        table.add_row(*map(Text, (unit, str(len(models)), str(len(proven) or ""), named, day, told)))
    return table


@app.command()
def decisions(units: Units = None, use_case: UseCaseName = None) -> None:
    """Show what the last training decided for each model, and why."""
    from brain.store.browse import last_decisions

    table = _table("unit", "models", "moment", "decision", "why")
    for store in _knowing(use_case, units):
        alike: dict[tuple[str, str, str, str], list[str]] = {}
        made_last = last_decisions(store, units or None)
        for made in sorted(made_last, key=lambda made: (made.entity, len(made.target), made.target)):
            told = (made.entity, f"{made.moment:%Y-%m-%d %H:%M}", made.action, made.reason)
            alike.setdefault(told, []).append(made.target)
        for (name, moment, action, reason), targets in alike.items():
            table.add_row(*map(Text, (name, ", ".join(targets), moment, action, reason)))
    console.print(table)


@app.command()
def show(
    unit: Unit,
    target: Target,
    version: Version = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything that is stored of it, as JSON.")] = False,
    use_case: UseCaseName = None,
) -> None:
    """Show what a verified version is, what was judged of it and what it was trained on, on one screen."""
    from brain.store.browse import show_model

    store, key = _model(use_case, unit, target)
    shown = show_model(store, key, version)
    if as_json:
        typer.echo(json.dumps(shown, indent=2))
        return
    screen = Table.grid(padding=(0, 2, 0, 0))
    for label, told in screen_of(shown):
        screen.add_row(Text(label, "bold"), Text(told))
    console.print(screen)


@app.command()
def history(unit: Unit, target: Target, use_case: UseCaseName = None) -> None:
    """Show all versions of a model, newest first, and when each was made the champion."""
    from brain.store.browse import history as versions

    store, key = _model(use_case, unit, target)
    found = versions(store, key)
    if not found:
        console.print(f"{key}: no version is stored.", highlight=False)
        raise typer.Exit(1)
    table = _table("version", "created", "classifier", "skill", "why", "champion since")
    for past in found:
        mark = f"{past.version} *" if past.is_champion else str(past.version)
        skill = "" if past.skill is None else f"{past.skill:+.4f}"
        moves = ", ".join(f"{moment:%Y-%m-%d}" for moment in past.promoted)
        created = f"{past.created_on:%Y-%m-%d}" if past.created_on else ""
        told = (mark, created, past.classifier, skill, past.decision, moves)
        table.add_row(*map(Text, told))
    console.print(table)


@app.command()
def backcast(
    unit: Unit,
    target: Target,
    last: Annotated[int, typer.Option("--last", min=1, max=LARGEST, help="How many of the newest rows.")] = 20,
    use_case: UseCaseName = None,
) -> None:
    """Show what the champion says of past rows, most of which it has been trained on."""
    from brain.core.moment import Moment
    from brain.core.settings import Settings
    from brain.lake.lake import Lake
    from brain.scoring.backcast import backcast as said
    from brain.usecases import USE_CASES
    from brain.warehouse.counters import KeptCounters

    store, key = _model(use_case, unit, target)
    settings = Settings.load()
    lake = Lake(settings.lake_url, settings.models_signer, KeptCounters(settings.warehouse_url))
    space = USE_CASES[key.use_case].space
    rows = said(store, lake, space, key, Moment(datetime.now(UTC)), last)
    table = _table("as of", "raw", "value")
    for as_of, raw, value in rows.itertuples(index=False, name=None):
        table.add_row(f"{as_of:%Y-%m-%d %H:%M}".removesuffix(" 00:00"), f"{raw:.4f}", f"{value:.4f}")
    console.print(table)


@app.command()
def diff(
    unit: Unit,
    target: Target,
    before: Annotated[int, typer.Argument(min=1, max=LARGEST, help="One version.")],
    after: Annotated[int, typer.Argument(min=1, max=LARGEST, help="The other version.")],
    use_case: UseCaseName = None,
) -> None:
    """Show what differs between two versions of a model."""
    from brain.store.browse import diff as differences

    table = Table("field", f"v{before}", f"v{after}", box=box.SIMPLE_HEAD)
    for difference in differences(*_model(use_case, unit, target), before, after):
        table.add_row(*map(Text, (difference.field, plain(difference.before), plain(difference.after))))
    console.print(table)


@app.command()
def rollback(
    unit: Unit,
    target: Target,
    version: Annotated[int, typer.Argument(min=1, max=LARGEST, help="The version to go back to.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for the history.")] = "rolled back by hand",
    use_case: UseCaseName = None,
) -> None:
    """Make an older version, verified first, the champion again."""
    store, key = _model(use_case, unit, target)
    replaced = store.rollback(key, version, at=datetime.now(UTC), reason=reason)
    store.backend.counters.keep()
    before = f"v{replaced}" if replaced else "a pointer that was refused"
    console.print(f"{key}: v{version} is the champion again, in place of {before}.", highlight=False)


@app.command()
def waiting(units: Units = None, use_case: UseCaseName = None) -> None:
    """Show the versions that wait for a person's approval, each beside the champion that is served until then."""
    from brain.store.approval import questions

    table = _table("unit", "model", "version", "skill", "instead of", "skill", "trained", "why")
    for one in (one for store in _knowing(use_case, units) for one in questions(store, units or None)):
        old, new = ("" if skill is None else f"{skill:+.4f}" for skill in (one.old, one.new))
        versions = (f"v{one.version}", new, f"v{one.champion}", old)
        table.add_row(*map(Text, (one.key.entity, one.key.target, *versions, f"{one.trained_at:%Y-%m-%d}", one.reason)))
    console.print(table if table.row_count else "No version waits for approval.")


@app.command()
def approve(unit: Unit, target: Target, version: Seen = None, use_case: UseCaseName = None) -> None:
    """Make the version that waits, verified first, the champion; the next judging says whether it may claim skill."""
    from brain.store.approval import approve as answer

    store, key = _model(use_case, unit, target)
    number = answer(store, key, version, at=datetime.now(UTC), by="hand")
    store.backend.counters.keep()
    console.print(f"{key}: v{number} is the champion.", highlight=False)


@app.command()
def reject(unit: Unit, target: Target, version: Seen = None, use_case: UseCaseName = None) -> None:
    """Keep the champion, and be asked no more about the version that waits; a newer one is a new question."""
    from brain.store.approval import reject as answer

    store, key = _model(use_case, unit, target)
    number = answer(store, key, version, at=datetime.now(UTC))
    console.print(f"{key}: v{number} is rejected; v{store.champion_version(key)} stays the champion.", highlight=False)


@app.command()
def delete(unit: Unit, target: Target, version: Version = None, use_case: UseCaseName = None) -> None:
    """Delete a model altogether, or one version of it; what was published of it stays until the next publication.

    Rows of the history that a deleted version made can no longer be replayed.
    """
    store, key = _model(use_case, unit, target)
    count = store.delete(key, version)
    console.print(f"{key}: {count} version{'' if count == 1 else 's'} deleted.", highlight=False)
    if not count:
        raise typer.Exit(1)


@app.command()
def verify(units: Units = None, use_case: UseCaseName = None) -> None:
    """Verify every stored version in full; exit code 1 if one is not what was stored."""
    from brain.store.browse import verify_models

    count, problems = 0, 0
    for store in _knowing(use_case, units):
        for checked in verify_models(store, units or None):
            count += 1
            if checked.problem:
                problems += 1
                console.print(Text.assemble((checked.id, "red"), f": {checked.problem}"), highlight=False)
    console.print(f"{count} versions verified, {problems} refused.", highlight=False)
    if problems:
        raise typer.Exit(1)


@app.command()
def export(
    unit: Unit,
    target: Target,
    version: Version = None,
    folder: Annotated[Path, typer.Option("--to", help="Where to write.")] = Path(),
    use_case: UseCaseName = None,
) -> None:
    """Write a model as .onnx with a card that says how to use it from any language."""
    from brain.store.browse import export_model

    onnx, card = export_model(*_model(use_case, unit, target), version, folder)
    console.print(f"{onnx}\n{card}", highlight=False)


def _table(*columns: str) -> Table:
    """One that fits a terminal of 80 columns."""
    return Table(*columns, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)


def _stores(use_case: str | None) -> Iterator[ModelStore]:
    """The stores of all use cases, or of the one named; models outlive their place in the catalogue."""
    from brain.core.settings import Settings
    from brain.store.models import ModelStore
    from brain.usecases import USE_CASES
    from brain.warehouse.counters import KeptCounters

    if use_case not in (None, *USE_CASES):
        raise typer.BadParameter(f"no use case {use_case}; there are: {', '.join(USE_CASES)}")
    settings = Settings.load()
    counters = KeptCounters(settings.warehouse_url)
    return (ModelStore.open(settings, name, counters) for name in USE_CASES if use_case in (None, name))


def _knowing(use_case: str | None, units: list[str] | None) -> list[ModelStore]:
    """The stores, once it is certain that the units are names: of something stored, or in the catalogue."""
    from brain.store.browse import stored_entities

    stores = list(_stores(use_case))
    if units:
        known = {name for store in stores for name in stored_entities(store)} | _in_catalogue().keys()
        for unit in units:
            if unit not in known:
                there = "`brain models list` shows what is" if known else "nothing is stored at all"
                told = f"the nearest name is {near}" if (near := nearest(unit, known)) else there
                raise typer.BadParameter(f"nothing is stored of a unit {unit}, nor is it in the catalogue; {told}")
    return stores


def _in_catalogue() -> dict[str, set[str]]:
    """The targets of each unit that the catalogue names; none where it cannot be read: models outlive it."""
    from brain.core.catalogue import load_catalogue
    from brain.core.errors import CatalogueError
    from brain.core.settings import Settings
    from brain.usecases import USE_CASES

    try:
        sections = load_catalogue(Settings.load().catalogue_path, USE_CASES).sections
    except CatalogueError:
        return {}
    found: dict[str, set[str]] = {}
    for name, section in sections.items():
        for unit in USE_CASES[name].units(section):
            found.setdefault(unit.name, set()).update(unit.targets)
    return found


def _model(use_case: str | None, unit: str, target: str) -> tuple[ModelStore, ModelKey]:
    """The model that a person means: of the use case named, or of the only one that has a champion of these names."""
    from brain.core.keys import ModelKey
    from brain.store.browse import stored_targets
    from brain.usecases import USE_CASES

    stores = _knowing(use_case, [unit])
    meant = [(store, ModelKey(store.use_case, unit, USE_CASES[store.use_case].target(target))) for store in stores]
    stored = [(store, key) for store, key in meant if store.has_champion(key)]
    if len(stored) > 1:
        names = ", ".join(key.use_case for _, key in stored)
        raise typer.BadParameter(f"{unit} {target} is in {names}; say which with --use-case")
    known = {name for store in stores for name in stored_targets(store, unit)} | _in_catalogue().get(unit, set())
    if not any(key.target in known for _, key in meant):
        asked = meant[0][1].target
        there = f"it has {', '.join(sorted(known))}" if known else "it has none at all"
        told = f"the nearest is {near}" if (near := nearest(asked, known)) else there
        raise typer.BadParameter(f"{unit} has no model {asked}, nor does the catalogue name one; {told}")
    return (stored or meant)[0]


def require_known(use_case: str | None, unit: str, target: str) -> None:
    """Refuse a unit or target that neither the stores nor the catalogue know."""
    _model(use_case, unit, target)
