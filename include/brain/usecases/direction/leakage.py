"""What must not be trained on, with the evidence: a target that looks backward, a feature that looks forward."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from brain.core.errors import LeakageError, TrainingError
from brain.usecases.direction import column_leaks
from brain.usecases.direction.coming_days import Prices
from brain.usecases.direction.feature_leaks import knows_the_future
from brain.usecases.direction.names import CLOSE, target_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from brain.usecases.direction.catalogue import AssetSpec

MATCH = 0.9  # share of signs that must agree with Close for a target to be called that return
PRICES = (CLOSE, "Open", "High", "Low", "Volume")
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


def leaking_features(
    frame: pd.DataFrame,
    names: Sequence[str],
    values: NDArray[np.float64],
    spec: AssetSpec,
    corrected: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """The evidence by feature, for each that knows what was not known on its row and is not trusted.

    Args:
        frame: The asset's rows, ascending by Date.
        names: Of the columns of `values`, shape (n, features).
        spec: Its horizons and `trust_features` are used.
        corrected: Columns that the extraction found corrected again and again, each with the evidence.
    """
    prices = _prices(frame)
    known = np.where(np.isfinite(values), values, np.nan)
    with np.errstate(all="ignore"):
        scaled = column_leaks.normalised(names, known, prices.close)
    found = {
        **scaled,
        **{name: corrected[name] for name in names if name in corrected},
        **column_leaks.late(names, known),
        **knows_the_future(names, known, prices, spec.horizons),
    }
    return {name: found[name] for name in names if name in found and name not in spec.trust_features}


def _prices(frame: pd.DataFrame) -> Prices:
    columns = {name: frame[name].to_numpy(np.float64, na_value=np.nan) for name in PRICES if name in frame}
    return Prices(*(columns.get(name) for name in PRICES))  # type: ignore[arg-type]


def _agreement(returns: NDArray[np.float64], change: NDArray[np.float64], shift: int) -> float:
    """Share of rows where `returns`, from row `shift` on, has the sign of Close's `change`."""
    of_target, of_close = returns[shift : shift + len(change)], change[: len(returns) - shift]
    known = ~np.isnan(of_close) & ~np.isnan(of_target)
    agreeing = ((of_target >= 0) == (of_close >= 0)) & known
    return float(agreeing.sum() / known.sum()) if known.any() else 0.0
