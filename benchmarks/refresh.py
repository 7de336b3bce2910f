"""A day's refresh of 2,500 linear models against mlforecast's fit of 5 global regressions on the same rows."""

from __future__ import annotations

import statistics
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.report import Report
from benchmarks.rivals.environment import run_script
from benchmarks.rivals.mlforecast_features import past_features
from brain.core.catalog import AssetSpec
from brain.core.keys import CLOSE, DATE, Sha256, target_name
from brain.training.candidate import Candidate, DataReference, Incumbent
from brain.training.trainer import train_asset

ASSETS, QUICK_ASSETS, ROWS = 500, 20, 1000
HORIZONS = (1, 2, 3, 4, 5)
REPEATS = 5
PARAMETERS = {"classifier": "logistic", "scale": "standard", "select": "none", "C": 0.01, "penalty": "l2", "seed": 7}
YESTERDAY, TODAY = datetime(2023, 1, 2, tzinfo=UTC), datetime(2023, 1, 3, tzinfo=UTC)


def run(quick: bool) -> Report:
    """Both sides in turn, medians; CPU seconds beside wall seconds, because a shared machine stretches the latter."""
    assets = QUICK_ASSETS if quick else ASSETS
    returns = np.random.default_rng(7).normal(scale=0.01, size=(assets, ROWS))
    frames = [_frame(series) for series in returns]
    theirs, ours = [], []
    for _ in range(1 if quick else REPEATS):
        theirs.append(_mlforecast(returns, frames[0]))
        ours.append(_refresh(frames))
    wall = statistics.median(t[0] for t in ours), statistics.median(t[0] for t in theirs)
    cpu = statistics.median(t[1] for t in ours), statistics.median(t[1] for t in theirs)
    models = assets * len(HORIZONS)
    return Report(
        title=f"Refresh of {models} linear models: {assets} assets, {len(HORIZONS)} horizons, {ROWS} rows, 16 features",
        columns=("who", "models fitted", "wall seconds", "CPU seconds", "CPU ms a model"),
        rows=[
            ("mlforecast: one regression a horizon over all assets", len(HORIZONS), wall[1], cpu[1], cpu[1] / 5 * 1e3),
            ("ours: one model an asset and horizon", models, wall[0], cpu[0], cpu[0] / models * 1e3),
        ],
        figures={
            "wall_ratio": round(wall[0] / wall[1], 2),
            "cpu_ratio": round(cpu[0] / cpu[1], 2),
            "ours_cpu_ms_per_model": round(cpu[0] / models * 1e3, 2),
        },
        notes=[
            "The work differs. mlforecast computes the features and fits 5 regressions of the return. Ours gets the "
            "same features pre-calculated, and for each of its models checks the target for leakage, refits 7 purged "
            "folds, recalibrates, tests for skill and fits on everything: 8 fits a model.",
            "One process and one thread on both sides; the features of the first asset are checked to be the same.",
        ],
    )


def _frame(returns: np.ndarray) -> pd.DataFrame:
    close = pd.Series(100 * np.exp(np.cumsum(returns)))
    targets = {target_name(n): close.shift(-n) / close - 1 for n in HORIZONS}
    dates = pd.bdate_range("2019-01-01", periods=len(close))
    return pd.DataFrame({DATE: dates, CLOSE: close, **past_features(pd.Series(returns)), **targets})


def _refresh(frames: list[pd.DataFrame]) -> tuple[float, float]:
    features = tuple(past_features(pd.Series(np.zeros(2))))
    incumbent = Incumbent(1, PARAMETERS, features, YESTERDAY, YESTERDAY, Sha256("a" * 64))
    data = DataReference(Sha256("b" * 64), date(2023, 1, 3), ("asset",))
    wall, cpu = time.perf_counter(), time.process_time()
    for number, frame in enumerate(frames):
        spec = AssetSpec(name=f"A{number:04d}", table="asset", horizons=HORIZONS)
        outcomes = train_asset(frame, spec, data, dict.fromkeys(HORIZONS, incumbent), interval_end=TODAY)
        if not all(isinstance(o, Candidate) and o.decision.action == "refresh" for o in outcomes):
            raise RuntimeError(f"not refreshed: {outcomes}")
    return time.perf_counter() - wall, time.process_time() - cpu


def _mlforecast(returns: np.ndarray, first: pd.DataFrame) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        given, wanted = Path(folder) / "returns.npy", Path(folder) / "fit.npz"
        np.save(given, returns)
        run_script("mlforecast_fit.py", given, len(HORIZONS), wanted)
        done = np.load(wanted)
        ours = first[list(past_features(pd.Series(np.zeros(2))))].to_numpy()
        # Its row t + 1 holds what was known at t.
        np.testing.assert_allclose(done["features"][100:], ours[99:-1], rtol=1e-4, atol=1e-6)
        return float(done["seconds"]), float(done["cpu_seconds"])
