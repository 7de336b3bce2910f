"""A reader who polls the published tables all the time, and says what it must never see."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.airflow_faults.market import ASSETS, HORIZON
from brain.core.errors import BrainError
from brain.warehouse.read import ask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from pydantic import SecretStr

QUERY = f"""
SELECT d.asset, d.as_of, d.published_at, d.probability, d.stale, p.as_of, p.published_at, p."{HORIZON}_Day_Probability"
FROM probability_details d FULL JOIN Probabilities p ON p.assetname = d.asset
"""
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Row:
    """One asset in both tables, as one statement saw them."""

    asset: str
    as_of: date
    published_at: datetime
    probability: float
    stale: bool
    wide_as_of: date
    wide_published_at: datetime
    wide_probability: float


def complaints_of(rows: Sequence[Row], before: Mapping[str, Row]) -> list[str]:
    """What is wrong with what one statement saw.

    Args:
        before: The last row seen of each asset.
    """
    if not rows and not before:
        return []  # the tables are made before the first publication
    told = []
    if sorted(row.asset for row in rows) != sorted(ASSETS):
        told.append(f"rows of {[row.asset for row in rows]}")
    for row in rows:
        if (row.as_of, row.published_at, row.probability) != (
            row.wide_as_of,
            row.wide_published_at,
            row.wide_probability,
        ):
            told.append(f"the two tables differ: {row}")
        if (last := before.get(row.asset)) and (row.as_of < last.as_of or row.published_at < last.published_at):
            told.append(f"back from {last} to {row}")
    if len({row.published_at for row in rows if not row.stale}) > 1:
        told.append(f"rows of several publications: {rows}")
    return told


@dataclass
class Reader:
    """Polls in a thread of its own between `start` and `stop`.

    Args:
        moments: The publications it saw.
    """

    url: SecretStr
    polls: int = 0
    complaints: list[str] = field(default_factory=list)
    moments: set[datetime] = field(default_factory=set)
    _before: dict[str, Row] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _poll(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            try:
                rows = [Row(*row) for row in ask(self.url, QUERY).rows]
                self._look(rows)
            except BrainError as error:
                if not self._before and "does not exist" in str(error):
                    continue  # nothing is published yet
                self.complaints.append(f"no answer: {error}")
            except Exception as error:  # a thread that died would have nothing to complain of
                self.complaints.append(f"{type(error).__name__}: {error}")

    def _look(self, rows: list[Row]) -> None:
        self.polls += 1
        self.complaints += complaints_of(rows, self._before)
        self._before |= {row.asset: row for row in rows}
        self.moments |= {row.published_at for row in rows}
