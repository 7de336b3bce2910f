"""A scorecard on the first day: `make run` replays a few past months of the demo, as `brain hindcast` does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from brain.core.errors import BrainError
from brain.core.moment import Moment

if TYPE_CHECKING:
    from brain.core.settings import Settings


def fill_scorecard(settings: Settings) -> str:
    """Fill the ledger with the demo's small hindcast; returns what was done, or why not: `make run` goes on without it.

    Empty where the catalogue has none of its assets.
    """
    from brain import steps
    from brain.demo.first_hindcast import EVERY, FIRST, LAST, TARGETS, UNITS
    from brain.hindcasting import days_between, fill, hindcasts
    from brain.workspace import open_workspace

    workspace, now = open_workspace(settings), Moment(datetime.now(UTC))
    known = {unit.name for run in workspace.runs(now) for unit in run.units}
    units, days, noted = [name for name in UNITS if name in known], days_between(FIRST, LAST, EVERY), 0
    if not units:
        return ""
    try:
        for one in hindcasts(workspace, days, now, units, TARGETS):
            noted += fill(one)
            steps.evaluate(workspace.run(one.work.run.use_case.name, now))
    except BrainError as error:
        return f"No hindcast: {error}"
    return f"Hindcast of {', '.join(units)}, {len(days)} past months: {noted} numbers for the scorecard"
