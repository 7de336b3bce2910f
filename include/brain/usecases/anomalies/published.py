"""What was published before this moment: anomalies stay, and are told once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from brain.core.errors import UnknownTable
from brain.usecases.anomalies.tables import ANOMALIES
from brain.warehouse.read import ask

if TYPE_CHECKING:
    from pydantic import SecretStr

    from brain.core.moment import Moment

COLUMNS = ANOMALIES.row_names


def read_published(url: SecretStr, feed: str, moment: Moment) -> pd.DataFrame:
    """The anomalies of a feed first published before `moment`; a rerun does not see its own."""
    columns = ", ".join(COLUMNS)
    query = f"SELECT {columns} FROM {ANOMALIES.name} WHERE feed = %s AND first_published < %s ORDER BY anomaly"  # noqa: S608
    try:
        found = ask(url, query, (feed, moment.at)).rows
    except UnknownTable:
        found = []
    return pd.DataFrame(found, columns=list(COLUMNS))
