"""Refuses a pre-calculated target that looks backward, with the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brain.core.errors import LeakageError, TrainingError
from brain.usecases.direction.names import target_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

MATCH = 0.9  # share of signs that must agree with Close for a target to be called that return
CLEAR = 0.02  # by how much a backward reading must agree better than the forward one


def refuse_backward_target(asset: str, horizon: int, returns: NDArray[np.float64], close: NDArray[np.float64]) -> None:
    """Compare a target with the returns Close really had, shifted from fully backward to fully forward.

    A return over `horizon` rows that ends k rows after its own row looks forward only where k is `horizon`; for any
    smaller k, part of it was already known on its row.

    Args:
        returns: The RETURNSn column, shape (n,), NaN where unknown.
        close: Closing prices, shape (n,).

    Raises:
        LeakageError: The target agrees better with a return that ends earlier.
        TrainingError: The target agrees with no such return of Close.
    """
    ends = sorted({0, 1, horizon // 2, horizon - 1} - {horizon})
    change = close[horizon:] - close[:-horizon]
    forward = _agreement(returns, change, 0)
    backward = {end: _agreement(returns, change, horizon - end) for end in ends}
    end = max(backward, key=lambda k: backward[k])
    name = f"{asset} {target_name(horizon)}"
    if backward[end] >= MATCH and backward[end] > forward + CLEAR * (1 - forward):
        raise LeakageError(
            name,
            found=f"signs equal to the return of Close ending {end} rows after the row in {backward[end]:.1%} of rows, "
            f"but to the forward return (ending {horizon} rows after it) in {forward:.1%}",
            expected="the return over the rows to come",
            remedy=f"Compute {target_name(horizon)} as Close.shift(-{horizon}) / Close - 1 and extract again.",
        )
    if forward < MATCH:
        raise TrainingError(
            name,
            found=f"signs equal to the forward return of Close in only {forward:.1%} of rows",
            expected=f"at least {MATCH:.0%}",
            remedy=f"Compute {target_name(horizon)} as Close.shift(-{horizon}) / Close - 1 and extract again.",
        )


def _agreement(returns: NDArray[np.float64], change: NDArray[np.float64], shift: int) -> float:
    """Share of rows where `returns`, from row `shift` on, has the sign of Close's `change`."""
    of_target, of_close = returns[shift : shift + len(change)], change[: len(returns) - shift]
    known = ~np.isnan(of_close) & ~np.isnan(of_target)
    agreeing = ((of_target >= 0) == (of_close >= 0)) & known
    return float(agreeing.sum() / known.sum()) if known.any() else 0.0
