"""A scorecard on the first day: `make run` replays a few past months of the demo, as `brain hindcast` does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from brain.core.errors import BrainError
from brain.core.moment import Moment

if TYPE_CHECKING:
    from brain.core.settings import Settings


def fill_scorecard(settings: Settings) -> str:
    """Fill the ledger with the demo's small hindcast; what was done, or why not: `make run` goes on without it."""
    from brain import steps
    from brain.demo.first_hindcast import EVERY, FIRST, LAST, TARGETS, UNITS
    from brain.hindcasting import days_between, fill, hindcasts
    from brain.workspace import open_workspace

    workspace, now = open_workspace(settings), Moment(datetime.now(UTC))
    days, noted = days_between(FIRST, LAST, EVERY), 0
    try:
        for one in hindcasts(workspace, days, now, UNITS, TARGETS):
            noted += fill(one)
            steps.evaluate(workspace.run(one.work.run.use_case.name, now))
    except BrainError as error:
        return f"No hindcast: {error}"
    return f"Hindcast: {noted} past numbers of {', '.join(UNITS)}; `brain hindcast` replays more"
