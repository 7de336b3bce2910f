"""As-of alignment of many sources onto one asset, against ``pandas.merge_asof`` called per source."""

from __future__ import annotations

import statistics
import time

import numpy as np
import pandas as pd

from benchmarks.bounds import exactly
from benchmarks.report import Report
from brain.extract.asof import aggregate, asof_positions, take_known

SOURCES = 10
COLUMNS = 4
ROWS, ROWS_QUICK = 100_000, 20_000
MAX_AGE = np.timedelta64(30, "D")
HOLDS = {"cells_that_differ": exactly(0)}
TIMED = ("*_seconds", "*_ratio")


def run(quick: bool) -> Report:
    rows, repeats = (ROWS_QUICK, 2) if quick else (ROWS, 15)
    left = pd.DataFrame({"Date": np.datetime64("1700-01-01", "us") + np.arange(rows) * np.timedelta64(1, "D")})
    sources = [_source(rows, number) for number in range(SOURCES)]
    ours, theirs, differing = [], [], 0
    for _ in range(repeats):
        start = time.perf_counter()
        found = _ours(left, sources)
        ours.append(time.perf_counter() - start)
        start = time.perf_counter()
        expected = _pandas(left, sources)
        theirs.append(time.perf_counter() - start)
        differing += int((~np.isclose(found.T, expected, rtol=0, atol=0, equal_nan=True)).sum())
    seconds, pandas_seconds = statistics.median(ours), statistics.median(theirs)
    windows, windows_pandas = _windows(rows, repeats)
    return Report(
        title=f"Alignment of {SOURCES} sources x {rows} rows x {COLUMNS} columns: median of {repeats}",
        columns=("what", "seconds", "pandas", "ratio"),
        rows=[
            ("as-of, max_age 30 days", seconds, pandas_seconds, f"{pandas_seconds / seconds:.1f}x faster"),
            ("daily min/mean/max/count/std", windows, windows_pandas, f"{windows_pandas / windows:.1f}x faster"),
        ],
        figures={
            "cells_that_differ": differing,
            "asof_seconds": round(seconds, 4),
            "merge_asof_seconds": round(pandas_seconds, 4),
            "asof_ratio": round(pandas_seconds / seconds, 2),
            "window_ratio": round(windows_pandas / windows, 2),
        },
        notes=[
            "Every cell of both sides is compared: as-of exactly, aggregates within 1e-9.",
            "The sources' dates are irregular, so that no two of them share their positions.",
            "pandas for the windows: groupby on the day of six-hourly values, the only alignment it does in one call.",
        ],
    )


def _source(rows: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    days = np.cumsum(random.integers(0, 3, rows)) + 1
    frame = pd.DataFrame({"Date": np.datetime64("1700-01-01", "us") + days * np.timedelta64(1, "D")})
    frame = frame.drop_duplicates(ignore_index=True)
    for column in range(COLUMNS):
        frame[f"s{seed}_{column}"] = random.normal(size=len(frame))
    return frame


def _ours(left: pd.DataFrame, sources: list[pd.DataFrame]) -> np.ndarray:
    dates = left["Date"].to_numpy()
    parts = []
    for source in sources:
        values = source.iloc[:, 1:].to_numpy().T
        parts.append(take_known(values, asof_positions(dates, source["Date"].to_numpy(), MAX_AGE)))
    return np.concatenate(parts)


def _pandas(left: pd.DataFrame, sources: list[pd.DataFrame]) -> np.ndarray:
    merged = [pd.merge_asof(left, s, on="Date", tolerance=pd.Timedelta(MAX_AGE)).iloc[:, 1:] for s in sources]
    return np.concatenate([part.to_numpy() for part in merged], axis=1)


def _windows(rows: int, repeats: int) -> tuple[float, float]:
    stamps = np.datetime64("1900-01-01", "us") + np.arange(rows) * np.timedelta64(6, "h")
    values = np.random.default_rng(1).normal(size=rows)
    days = np.unique(stamps.astype("datetime64[D]"))
    ours, theirs = [], []
    for _ in range(repeats):
        start = time.perf_counter()
        begins = days.astype("datetime64[us]")
        bounds = np.searchsorted(stamps, begins), np.searchsorted(stamps, begins + np.timedelta64(1, "D"))
        found = aggregate(values, *bounds, ("min", "mean", "max", "count", "stddev"))
        ours.append(time.perf_counter() - start)
        start = time.perf_counter()
        grouped = pd.Series(values).groupby(stamps.astype("datetime64[D]").astype(np.int64))
        expected = grouped.agg(["min", "mean", "max", "count", "std"])
        theirs.append(time.perf_counter() - start)
        np.testing.assert_allclose(found.T, expected.to_numpy(), rtol=1e-9)
    return statistics.median(ours), statistics.median(theirs)
