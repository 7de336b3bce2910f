"""Two catalogues on the same past days: which of them would have said the better numbers?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from brain.core.errors import ScoringError
from brain.learning.difference import Difference, difference
from brain.warehouse.ledger_statements import ALL
from brain.warehouse.losses import LOSS, losses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brain.hindcasting import Hindcast
    from brain.usecases.protocol import Run
    from brain.warehouse.ledger import Ledger

_OTHER = "other"


@dataclass(frozen=True)
class Compared:
    """One target, or all of them, of two hindcasts.

    Args:
        loss: Mean loss of the first.
        other: Of the second, on the same outcomes.
        gap: The first's less the second's: below 0 the first is better.
    """

    target: str
    loss: float
    other: float
    gap: Difference


Said = dict[str, pd.DataFrame]


def said(hindcast: Hindcast, workers: int | None = None) -> Said:
    """By table that a ledger keeps, everything that a hindcast says, the first time that it says it."""
    days = [dict(hindcast.rows(run)) for run in hindcast.replay(workers)]
    return {
        ledger.table.name: pd.concat([rows[ledger.table.name] for rows in days])
        .dropna(subset=[ledger.scoring.value])
        .drop_duplicates(list(ledger.key))
        for ledger in hindcast.work.run.use_case.ledgers
    }


def compare(first: Said, second: Said, ledger: Ledger, now: Run) -> list[Compared]:
    """What two hindcasts said where both said something; a ledger is neither read nor written.

    Args:
        now: The run by which outcomes are known.

    Returns:
        A line a target, ascending, and one over all of them.

    Raises:
        ScoringError: They have no outcome in common.
    """
    known = [_losses(now, ledger, rows[ledger.table.name]) for rows in (first, second)]
    both = known[0].merge(known[1].rename(columns={LOSS: _OTHER}), on=list(ledger.key), validate="one_to_one")
    if both.empty:
        raise ScoringError(
            ledger.name,
            found="no number of which both catalogues said something and the outcome is known",
            expected="one at least",
            remedy="Choose earlier days, or units and targets that both catalogues have.",
        )
    return list(_lines(ledger, both))


def _losses(now: Run, ledger: Ledger, rows: pd.DataFrame) -> pd.DataFrame:
    since = rows.groupby(list(ledger.table.key))[[ledger.as_of]].min().reset_index()
    return losses(now.settings.warehouse_url, ledger, rows, now.use_case.outcomes(now, ledger, since))


def _lines(ledger: Ledger, both: pd.DataFrame) -> Iterator[Compared]:
    if ledger.target is not None:
        yield from (_line(ledger, str(target), part) for target, part in both.groupby(ledger.target))
    yield _line(ledger, ALL, both)


def _line(ledger: Ledger, target: str, pairs: pd.DataFrame) -> Compared:
    span = int(pairs[ledger.span].max()) if isinstance(ledger.span, str) else ledger.span
    days = pd.to_datetime(pairs[ledger.as_of], utc=True).dt.tz_localize(None).to_numpy().astype("datetime64[D]")
    gap = (pairs[LOSS] - pairs[_OTHER]).to_numpy(float)
    return Compared(target, float(pairs[LOSS].mean()), float(pairs[_OTHER].mean()), difference(days, gap, span))
