"""The features both sides of `refresh` train on: lags, rolling means and rolling deviations of daily returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

LAGS = (1, 2, 3, 4, 5, 10, 20)
MEANS = (5, 10, 20, 40, 60)
DEVIATIONS = (5, 10, 20, 40)


def past_features(returns: pd.Series[float]) -> dict[str, pd.Series[float]]:
    """By name, in mlforecast's order; lag 1 is the newest known return."""
    lags = {f"lag{n}": returns.shift(n - 1) for n in LAGS}
    means = {f"mean{n}": returns.rolling(n).mean() for n in MEANS}
    return lags | means | {f"deviation{n}": returns.rolling(n).std() for n in DEVIATIONS}
