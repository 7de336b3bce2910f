"""Finds rows whose Close jumps away and comes straight back: a mistyped or misread price, not a move."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brain.usecases.direction.asset_facts import jumps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

# Chosen on the demo: of its 26 assets' 200,000 rows only what is no market move is named. Without a look at the weeks
# around, nine days of real crises were (JPM on 2009-01-20).
_NORMAL = 1.4826  # makes a median absolute deviation estimate a normal's standard deviation
FAR = 8.0  # robust standard deviations of the log return, over all rows and over those around
AROUND = 20  # rows before and after
BACK = 0.15  # share of the jump that may remain a row later


def bad_ticks(close: Values) -> NDArray[np.bool_]:
    """Rows on which Close is away from the row before and the row after, and these two agree; shape (n,)."""
    found = np.zeros(len(close), bool)
    if len(close) < 3:
        return found
    with np.errstate(invalid="ignore", divide="ignore"):
        moves = np.diff(np.log(np.where(close > 0, close, np.nan)))
        returned = np.abs(moves[:-1] + moves[1:]) <= BACK * np.abs(moves[:-1])
        far = jumps(close)[1:] > FAR
    found[1:-1] = far[:-1] & far[1:] & returned
    for row in np.flatnonzero(found):
        around = moves[max(0, row - AROUND) : row + AROUND]
        found[row] = abs(moves[row - 1]) > FAR * _NORMAL * np.nanmedian(np.abs(around))
    return found


def without(label: Values, ticks: NDArray[np.bool_], horizon: int) -> Values:
    """`label` with NaN where its return begins or ends on one of `ticks`; shape (n,)."""
    touched = ticks.copy()
    touched[: len(ticks) - horizon] |= ticks[horizon:]
    left: Values = np.where(touched, np.nan, label)
    return left
