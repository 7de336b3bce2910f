"""Drift: whether the newest rows of some features are stranger than any stretch of their own past.

The newest window is compared with all rows before it, and so was every window of the past. What is strange is judged by
these, not by a table for independent rows. docs/decisions/drift-against-its-own-past.md says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from brain.learning.drift_span import RATE, WINDOW

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

BEFORE = 4  # windows, at least, that the first one is compared with
LEAST_SPANS = 19  # past spans that are needed for it: 1 / RATE - 1
POINTS = 32  # shares at which distributions are compared
INDEPENDENT_SPREAD = 0.35  # between the quartiles of Kuiper's distance of n independent values, times sqrt(n)


@dataclass(frozen=True)
class Drift:
    """How the newest window of some features stands to their past; arrays of shape (features,).

    Args:
        statistic: Kuiper's distance, 0 to 1, between the newest window and all rows before it; NaN where there are too
            few rows.
        quantile: Share of past spans that never were as far off as this one is; NaN where there are too few.
        drifted: Which features are so far off that an alarm is raised.
        spans: Past spans that the newest one is judged by.
        since: Number of the first row of the newest span whose window was so far off; None where none is.
    """

    statistic: Values
    quantile: Values
    drifted: NDArray[np.bool_]
    spans: int
    since: int | None


def measure(X: Values) -> Drift:
    """Compare the newest window of each feature with all rows before it.

    Rows are cut into spans of `WINDOW`, counted from the first one. A window ends on each row of a span; the span is as
    far off as the farthest of them, so that looking every day costs nothing. Where the newest span could change places
    with any of the past, it is among the farthest `RATE` of them in no more than that share of spans.

    Args:
        X: Features in the order of time, shape (n, features). What is missing counts as a value of its own.
    """
    count, features = X.shape
    first = WINDOW * (1 + BEFORE) - 1
    if count <= first or not features:
        nothing = np.full(features, np.nan)
        return Drift(nothing, nothing, np.zeros(features, bool), 0, None)
    start = first + (count - 1 - first) // WINDOW * WINDOW  # of the newest span
    daily = np.column_stack([_distances(column, start)[first:] for column in X.T])
    spans = np.maximum.reduceat(daily, np.arange(0, len(daily), WINDOW), axis=0)
    past, newest = spans[:-1], daily[start - first :]
    if len(past) < LEAST_SPANS:
        return Drift(daily[-1], np.full(features, np.nan), np.zeros(features, bool), len(past), None)
    center, spread = _usual(past)
    allowed = int(RATE * (len(past) + 1) + 1e-9)
    limit = np.sort(_strangest(past))[-allowed]
    off = (newest - center) / spread > limit
    found = np.flatnonzero(off.any(axis=1))
    return Drift(
        daily[-1],
        (past < newest.max(axis=0)).mean(axis=0),
        off.any(axis=0),
        len(past),
        start + int(found[0]) if len(found) else None,
    )


def _distances(column: Values, known: int) -> Values:
    """Kuiper's distance (1960) between the window that ends on each row and all rows before it, shape (n,).

    Args:
        known: Rows from which the points are taken at which the two distributions are compared.
    """
    values = np.where(np.isfinite(column), column, -np.inf)
    before = values[:known][np.isfinite(values[:known])]
    points = np.unique(np.quantile(before, np.arange(POINTS) / POINTS)) if len(before) else np.zeros(1)
    below = np.zeros((len(values) + 1, len(points)))
    np.cumsum(values[:, None] < points, axis=0, out=below[1:])
    distances = np.full(len(values), np.nan)
    ends = np.arange(2 * WINDOW, len(values) + 1)
    starts = ends - WINDOW
    apart = (below[ends] - below[starts]) / WINDOW - below[starts] / starts[:, None]
    distances[ends - 1] = np.maximum(apart.max(axis=1), 0) - np.minimum(apart.min(axis=1), 0)
    return distances


def _usual(spans: Values) -> tuple[Values, Values]:
    """Median and distance of the quartiles over some spans; the latter not below that of independent values."""
    low, center, high = np.quantile(spans, (0.25, 0.5, 0.75), axis=0)
    return center, np.maximum(high - low, INDEPENDENT_SPREAD / np.sqrt(WINDOW))


def _strangest(past: Values) -> Values:
    """How far off the strangest feature of each span was, measured by all other spans; shape (spans,)."""
    found = np.empty(len(past))
    for place, span in enumerate(past):
        center, spread = _usual(np.delete(past, place, axis=0))
        found[place] = ((span - center) / spread).max()
    return found
