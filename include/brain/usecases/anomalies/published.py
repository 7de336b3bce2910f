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
    query = f"SELECT * FROM {ANOMALIES.name} WHERE feed = %s AND first_published < %s ORDER BY anomaly"  # noqa: S608
    try:
        found = ask(url, query, (feed, moment.at))
    except UnknownTable:
        return pd.DataFrame(columns=list(COLUMNS))
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    # A release that published before may have known fewer columns.
    return pd.DataFrame([[row.get(name) for name in COLUMNS] for row in rows], columns=list(COLUMNS), dtype=object)
