"""Drift: how often is an alarm raised where nothing has changed, and how soon where one feature has?

The series that have not changed move as slowly as features of prices do: autoregressions, random walks, seasons, moving
averages. A table for independent rows (the two-sample test of Kolmogorov and Smirnov at the same rate) stands beside.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from scipy.stats import ks_2samp

from benchmarks.bounds import at_least, at_most
from benchmarks.drifting import NULLS, null, rows_until_found, spans_with_alarm
from benchmarks.report import Report
from brain.learning.drift import measure
from brain.learning.drift_span import RATE, WINDOW

ROWS, QUICK_ROWS, FEATURES = 3500, 2300, 10
SERIES, QUICK_SERIES = 10, 6
SHIFTS = {
    "mean by 1": ("independent", 1.0, 1.0),
    "mean by 2": ("independent", 2.0, 1.0),
    "spread times 2": ("independent", 0.0, 2.0),
    "mean by 3 at 0.9": ("ar_0.9", 3.0, 1.0),
}
HOLDS = {
    "false_alarms": at_most(RATE + 0.03),
    "false_alarms_*": at_most(RATE + 0.08),
    "found_*": at_least(0.6),
    "usual_test_walk": at_least(0.5),
    "series": at_least(QUICK_SERIES),
}
TIMED = ("milliseconds",)


def run(quick: bool) -> Report:
    """False alarms by kind of series, shifts found, and the cost of one look."""
    rows, series = (QUICK_ROWS, QUICK_SERIES) if quick else (ROWS, SERIES)
    alarms = {kind: [one for seed in range(series) for one in _alarms(kind, rows, seed)] for kind in NULLS}
    usual = {kind: float(np.mean([_usual_test(kind, rows, seed) for seed in range(series)])) for kind in NULLS}
    found = {
        name: [rows_until_found(kind, FEATURES, seed, mean, spread, QUICK_ROWS) for seed in range(series)]
        for name, (kind, mean, spread) in SHIFTS.items()
    }
    every = [one for of_kind in alarms.values() for one in of_kind]
    return Report(
        title=f"Drift of {FEATURES} features: {series} series a kind of {rows} rows, windows of {WINDOW}",
        columns=("series", "spans judged", "alarm", "KS test of the newest window"),
        rows=[
            *(
                (kind, len(of_kind), f"{np.mean(of_kind):.1%}", f"{usual[kind]:.0%}")
                for kind, of_kind in alarms.items()
            ),
            *((f"shift: {name}", len(one), f"{np.mean(_known(one)):.0%} found", "") for name, one in found.items()),
        ],
        figures={
            "series": series,
            "false_alarms": round(float(np.mean(every)), 4),
            **{f"false_alarms_{_named(kind)}": round(float(np.mean(one)), 4) for kind, one in alarms.items()},
            **{f"found_{_named(name)}": float(np.mean(_known(one))) for name, one in found.items()},
            "usual_test_walk": usual["walk"],
            "milliseconds": round(_milliseconds(rows), 1),
        },
        notes=[
            f"At most {RATE:.0%} of spans are to raise an alarm where nothing has changed, looked at on every row.",
            "The last column: share of series of which a test for independent rows, at the same rate over all features"
            " together, calls the newest window another distribution.",
            "Shifts are of one feature, in its standard deviations; found within three windows.",
        ],
    )


def _alarms(kind: str, rows: int, seed: int) -> list[bool]:
    return spans_with_alarm(kind, rows, FEATURES, seed)


def _usual_test(kind: str, rows: int, seed: int) -> bool:
    values = null(kind, rows, FEATURES, seed)
    return any(ks_2samp(column[-WINDOW:], column[:-WINDOW]).pvalue < RATE / FEATURES for column in values.T)


def _known(found: list[int | None]) -> list[bool]:
    return [one is not None for one in found]


def _named(text: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in text)


def _milliseconds(rows: int) -> float:
    values: Any = null("technical", rows, FEATURES, 0)
    start = time.perf_counter()
    for _ in range(5):
        measure(values)
    return (time.perf_counter() - start) / 5 * 1000
