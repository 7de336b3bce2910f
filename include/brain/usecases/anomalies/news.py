"""What people are told of a new anomaly: once, in the transaction that shows it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from brain.usecases.anomalies.names import NAME
from brain.usecases.anomalies.picture import picture
from brain.warehouse.news import News
from brain.warehouse.notices import Place, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brain.core.moment import Moment

STEP = "publish"
LONG_AGO = timedelta(days=8)  # what ended before that is no news: bars that came late, or a first long look


def of_row(row: Mapping[str, object], moment: Moment) -> Problem | None:
    """What is told of a row of `anomalies`; None where it is of long ago."""
    started, ended = row["started_at"], row["ended_at"]
    assert isinstance(started, datetime)
    assert isinstance(ended, datetime)
    if ended < moment.at - LONG_AGO:
        return None
    return Problem(
        place=Place(NAME, STEP, str(row["anomaly"])),
        kind="found",
        happened=f"{row['symbol']}, {started:%Y-%m-%d %H:%M} UTC: {row['kind']} ({row['severity']}). {row['told']}.",
        still_right="The bars are as they came; nothing was changed.",
        to_do="Look at it; confirm or dismiss it by its key in the table that `feedback` names.",
        lasting=False,
    )


NEWS = News(of_row, picture)
