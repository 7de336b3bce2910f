"""A day's refresh of 2,500 linear models against mlforecast's fit of 5 global regressions on the same rows."""

from __future__ import annotations

import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmarks.bounds import at_least, exactly
from benchmarks.report import Report
from benchmarks.rivals.environment import run_script
from benchmarks.rivals.mlforecast_features import past_features
from brain.core.keys import Sha256
from brain.core.moment import Moment
from brain.learning.candidate import Candidate, ChampionSummary, DataReference
from brain.usecases.direction.catalogue import AssetSpec
from brain.usecases.direction.names import CLOSE, DATE, target_name
from brain.usecases.direction.trainer import History, train_asset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brain.learning.candidate import TrainingResult

ASSETS, QUICK_ASSETS, ROWS = 500, 4, 1000
HORIZONS = (1, 2, 3, 4, 5)
REPEATS = 5
CORES = 2
CHUNK = 25  # assets handed to a process at a time
HOLDS = {"models": at_least(QUICK_ASSETS * len(HORIZONS)), "not_refreshed": exactly(0)}
TIMED = ("wall_ratio_*", "cpu_ratio_*", "ours_cpu_ms_per_model_*")
PARAMETERS = {"classifier": "logistic", "scale": "standard", "select": "none", "C": 0.01, "penalty": "l2", "seed": 7}
YESTERDAY, TODAY = datetime(2023, 1, 2, tzinfo=UTC), Moment(datetime(2023, 1, 3, tzinfo=UTC))


def run(quick: bool) -> Report:
    """Both sides in turn, medians: on one core, and on as many as the pipeline uses."""
    assets = QUICK_ASSETS if quick else ASSETS
    returns = np.random.default_rng(7).normal(scale=0.01, size=(assets, ROWS))
    frames = [_frame(series) for series in returns]
    models = assets * len(HORIZONS)
    rows: list[tuple[Any, ...]] = []
    figures: dict[str, float] = {"models": models, "not_refreshed": sum(map(_not_refreshed, frames[:QUICK_ASSETS]))}
    with ProcessPoolExecutor(CORES) as pool:
        list(pool.map(_refresh, [frames[:1]] * CORES))  # imports are not what is compared
        for cores in (1, CORES):
            theirs, ours = [], []
            for _ in range(1 if quick else REPEATS):
                if not quick:
                    theirs.append(_mlforecast(returns, frames[0], cores))
                ours.append(_timed_refresh(frames, pool, cores))
            us = _median(ours)
            figures[f"ours_cpu_ms_per_model_{cores}"] = round(us[1] / models * 1e3, 2)
            if quick:
                rows.append((f"ours, cores: {cores}", models, *us, ""))
                continue
            them = _median(theirs)
            rows += [
                (f"mlforecast, cores: {cores}", len(HORIZONS), *them, ""),
                (f"ours, cores: {cores}", models, *us, f"{us[0] / them[0]:.1f}x"),
            ]
            figures[f"wall_ratio_{cores}"] = round(us[0] / them[0], 2)
            figures[f"cpu_ratio_{cores}"] = round(us[1] / them[1], 2)
    return Report(
        title=f"Refresh of {models} linear models: {assets} assets, {len(HORIZONS)} horizons, {ROWS} rows, 16 features",
        columns=("who", "models fitted", "wall seconds", "CPU seconds", "wall against mlforecast"),
        rows=rows,
        figures=figures,
        notes=[
            "The work differs. mlforecast computes the features and fits 5 regressions of the return, one a horizon "
            "over all assets. Ours gets the same features pre-calculated, and for each of its models checks the target "
            "for leakage, refits 7 purged folds, recalibrates, tests for skill and fits on everything: 8 fits a model.",
            "On more cores ours deals the assets over processes, as the pipeline does; mlforecast is given that number "
            "as num_threads and n_jobs. The features of the first asset are checked to be the same.",
        ],
    )


def _median(timings: list[tuple[float, float]]) -> tuple[float, float]:
    """Of wall and of CPU seconds."""
    return statistics.median(t[0] for t in timings), statistics.median(t[1] for t in timings)


def _timed_refresh(frames: list[pd.DataFrame], pool: ProcessPoolExecutor, cores: int) -> tuple[float, float]:
    """Wall seconds, and CPU seconds of all processes."""
    start = time.perf_counter()
    if cores == 1:
        cpu = _refresh(frames)
    else:
        chunks = [frames[first : first + CHUNK] for first in range(0, len(frames), CHUNK)]
        cpu = sum(pool.map(_refresh, chunks))
    return time.perf_counter() - start, cpu


def _frame(returns: np.ndarray) -> pd.DataFrame:
    close = pd.Series(100 * np.exp(np.cumsum(returns)))
    targets = {target_name(n): close.shift(-n) / close - 1 for n in HORIZONS}
    dates = pd.bdate_range("2019-01-01", periods=len(close))
    return pd.DataFrame({DATE: dates, CLOSE: close, **past_features(pd.Series(returns)), **targets})


def _refresh(frames: list[pd.DataFrame]) -> float:
    """Refresh every asset's models; CPU seconds it took."""
    start = time.process_time()
    for frame in frames:
        _refreshed(frame)
    return time.process_time() - start


def _not_refreshed(frame: pd.DataFrame) -> int:
    """How many of an asset's models came out otherwise than refreshed."""
    return sum(not (isinstance(one, Candidate) and one.decision.action == "refresh") for one in _refreshed(frame))


def _refreshed(frame: pd.DataFrame) -> Sequence[TrainingResult]:
    features = tuple(past_features(pd.Series(np.zeros(2))))
    champion = ChampionSummary(1, PARAMETERS, features, YESTERDAY, YESTERDAY, Sha256("a" * 64))
    data = DataReference(Sha256("b" * 64), date(2023, 1, 3), ("asset",))
    spec = AssetSpec(name="A", table="asset", horizons=HORIZONS)
    return train_asset(History(frame, data), spec, dict.fromkeys(HORIZONS, champion), moment=TODAY)


def _mlforecast(returns: np.ndarray, first: pd.DataFrame, cores: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        given, wanted = Path(folder) / "returns.npy", Path(folder) / "fit.npz"
        np.save(given, returns)
        run_script("mlforecast_fit.py", given, len(HORIZONS), cores, wanted, threads=cores)
        done = np.load(wanted)
        ours = first[list(past_features(pd.Series(np.zeros(2))))].to_numpy()
        # Its row t + 1 holds what was known at t.
        np.testing.assert_allclose(done["features"][100:], ours[99:-1], rtol=1e-4, atol=1e-6)
        return float(done["seconds"]), float(done["cpu_seconds"])
