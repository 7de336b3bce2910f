"""``brain tables``: what there is to ask."""

from __future__ import annotations

from datetime import UTC, datetime

from rich import box
from rich.table import Table
from rich.text import Text

from brain.display import PlainConsole

console = PlainConsole()


def tables() -> None:
    """Show the published tables and views, and make those that are not there yet: empty, commented, readable."""
    from brain.core.moment import Moment
    from brain.core.settings import Settings
    from brain.usecases.published import make_ready, shown, shown_of_all
    from brain.workspace import open_workspace

    listed = Table("table or view", "what it says", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    made: list[str] = []
    for run in open_workspace(Settings.load()).runs(Moment(datetime.now(UTC))):
        made += make_ready(run)
        for table in shown(run.use_case, run.section):
            listed.add_row(Text(table.name), Text(table.meaning))
    for table in shown_of_all():
        listed.add_row(Text(table.name), Text(table.meaning))
    console.print(listed)
    if made:
        console.print(f"Made, empty until the first run: {', '.join(made)}.", highlight=False)
    console.print("Columns: docs/tables.md, and the comments in the database. Ask: brain sql 'SELECT …'", highlight=False)
