"""Fits mlforecast's global linear regressions, one for each horizon. Started by the rivals' own interpreter.

python mlforecast_fit.py RETURNS.npy HORIZONS THREADS OUTPUT.npz
"""

import sys
import time

import numpy as np
import pandas as pd
from mlforecast import MLForecast  # type: ignore[import-not-found]
from mlforecast.lag_transforms import RollingMean, RollingStd  # type: ignore[import-not-found]
from mlforecast_features import DEVIATIONS, LAGS, MEANS  # type: ignore[import-not-found]
from sklearn.linear_model import LinearRegression  # noqa: TID253 - a script of its own


def main() -> None:
    """Time one fit from the long table to five fitted regressions."""
    given, horizons, threads, wanted = sys.argv[1:]
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
        models=[LinearRegression(n_jobs=int(threads))],
        freq="B",
        lags=list(LAGS),
        lag_transforms=transforms,
        num_threads=int(threads),
    )
    start, cpu = time.perf_counter(), time.process_time()
    forecast.fit(table, max_horizon=int(horizons))
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    features = forecast.preprocess(table[table["unique_id"] == "A0000"], max_horizon=int(horizons), dropna=False)
    names = [name for name in features.columns if name not in ("unique_id", "ds", "y") and not name.startswith("y")]
    models = forecast.models_["LinearRegression"]
    np.savez(
        wanted,
        seconds=seconds,
        cpu_seconds=cpu,
        models=len(models),
        names=names,
        features=features[names].to_numpy(float),
    )


if __name__ == "__main__":
    main()
