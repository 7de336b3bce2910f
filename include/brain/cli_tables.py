"""``brain tables``: what there is to ask."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from brain.display import PlainConsole

if TYPE_CHECKING:
    from brain.usecases.protocol import Run
    from brain.workspace import Workspace

console = PlainConsole()


def tables() -> None:
    """Show the published tables and views, and make those that are not there yet: empty, commented, readable."""
    from brain.usecases.published import shown, shown_of_all

    listed = Table("table or view", "what it says", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    make_tables()
    for table in (*(one for run in _runs(_workspace()) for one in shown(run.use_case, run.section)), *shown_of_all()):
        listed.add_row(Text(table.name), Text(table.meaning))
    console.print(listed)
    console.print(
        "Columns: docs/tables.md, and the comments in the database. Ask: brain sql 'SELECT …'", highlight=False
    )


def make_tables() -> None:
    """Make the published tables and views that are not there yet, and say so.

    Raises:
        BrainError: The catalogue or the warehouse cannot be used.
    """
    from brain.usecases.published import make_ready

    workspace = _workspace()
    if workspace.catalogue.bars is not None:
        from brain.warehouse.bar_writing import make_bar_tables

        make_bar_tables(workspace.settings.warehouse_url)
    made = [name for run in _runs(workspace) for name in make_ready(run)]
    if made:
        told = f"{len(made)} published tables and views are there now, empty until the first run: {', '.join(made)}"
        console.print(told, highlight=False)


def _runs(workspace: Workspace) -> tuple[Run, ...]:
    from brain.core.moment import Moment

    return workspace.runs(Moment(datetime.now(UTC)))


def _workspace() -> Workspace:
    from brain.core.settings import Settings
    from brain.workspace import open_workspace

    return open_workspace(Settings.load())
