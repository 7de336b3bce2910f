"""Fits mlforecast's global linear regressions, one for each horizon. Started by the rivals' own interpreter.

python mlforecast_fit.py RETURNS.npy HORIZONS OUTPUT.npz
"""

import sys
import time

import numpy as np
import pandas as pd
from mlforecast import MLForecast
from mlforecast.lag_transforms import RollingMean, RollingStd
from sklearn.linear_model import LinearRegression

LAGS = [1, 2, 3, 4, 5, 10, 20]
MEANS = [5, 10, 20, 40, 60]
DEVIATIONS = [5, 10, 20, 40]


def main() -> None:
    """Time one fit from the long table to five fitted regressions."""
    given, horizons, wanted = sys.argv[1:]
    returns = np.load(given)
    assets, rows = returns.shape
    table = pd.DataFrame(
        {
            "unique_id": np.repeat([f"A{n:04d}" for n in range(assets)], rows),
            "ds": np.tile(pd.bdate_range("2019-01-01", periods=rows), assets),
            "y": returns.ravel(),
        }
    )
    transforms = {1: [*(RollingMean(n) for n in MEANS), *(RollingStd(n) for n in DEVIATIONS)]}
    forecast = MLForecast(
        models=[LinearRegression()], freq="B", lags=LAGS, lag_transforms=transforms, num_threads=1
    )
    start = time.perf_counter()
    forecast.fit(table, max_horizon=int(horizons))
    seconds = time.perf_counter() - start
    features = forecast.preprocess(table[table["unique_id"] == "A0000"], max_horizon=int(horizons), dropna=False)
    names = [name for name in features.columns if name not in ("unique_id", "ds", "y") and not name.startswith("y")]
    models = forecast.models_["LinearRegression"]
    np.savez(wanted, seconds=seconds, models=len(models), names=names, features=features[names].to_numpy(float))


if __name__ == "__main__":
    main()
