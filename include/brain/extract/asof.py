"""Time alignment on arrays: the last value known at a time, and aggregates over the time before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from brain.core.table_settings import Aggregate


def asof_positions(
    left: NDArray[np.datetime64], known: NDArray[np.datetime64], max_age: np.timedelta64 | None = None
) -> NDArray[np.int64]:
    """For each time in `left`, the position of the last time in `known` that is not after it, or -1.

    The same rows as ``pandas.merge_asof(direction="backward", tolerance=max_age)`` picks.

    Args:
        left: Ascending times, shape (n,).
        known: Ascending times, shape (m,), of the same unit.
        max_age: A match further back than this is none.
    """
    positions = np.searchsorted(known, left, side="right") - 1
    if max_age is not None and len(known):
        positions[left - known[positions] > max_age] = -1
    return positions


def take_known(values: NDArray[np.float64], positions: NDArray[np.int64]) -> NDArray[np.float64]:
    """Columns of `values` at `positions`, NaN at -1; shapes (c, m), (n,) → (c, n)."""
    if not values.shape[1]:
        return np.full((len(values), len(positions)), np.nan)
    taken = np.take(values, positions, axis=1, mode="wrap")
    taken[:, positions < 0] = np.nan
    return taken


def aggregate(
    values: NDArray[np.float64],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    aggregates: Sequence[Aggregate],
) -> NDArray[np.float64]:
    """Aggregates of one column over the windows ``values[start:stop]``, which may overlap or be empty.

    NaN values are skipped, as SQL skips NULL; an empty window gives NaN, its count 0; stddev is the sample's (n - 1).

    Args:
        values: Shape (m,).
        starts: First position of each window, shape (n,).
        stops: Position after each window, shape (n,).

    Returns:
        Shape (aggregates, n).
    """
    valid = ~np.isnan(values)
    before = np.concatenate([[0], np.cumsum(valid)])
    starts, stops = before[starts], before[stops]
    counts = stops - starts
    filled = np.append(values[valid], 0.0)  # reduceat needs an element at the position after the last window
    bounds = np.column_stack([starts, stops]).ravel()
    mean = np.add.reduceat(filled, bounds)[::2] / np.maximum(counts, 1)
    results: dict[Aggregate, Callable[[], NDArray[np.float64]]] = {
        "count": lambda: counts.astype(np.float64),
        "mean": lambda: np.where(counts > 0, mean, np.nan),
        "min": lambda: np.where(counts > 0, np.minimum.reduceat(filled, bounds)[::2], np.nan),
        "max": lambda: np.where(counts > 0, np.maximum.reduceat(filled, bounds)[::2], np.nan),
        "stddev": lambda: _deviation(filled, starts, counts, mean),
    }
    return np.array([results[name]() for name in aggregates])


def _deviation(
    filled: NDArray[np.float64], starts: NDArray[np.int64], counts: NDArray[np.int64], mean: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Two passes: the sum of squares minus the square of the sum would lose the digits of a price."""
    ends = np.cumsum(counts)
    inside = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
    deviations = filled[np.repeat(starts, counts) + inside] - np.repeat(mean, counts)
    squares = np.add.reduceat(np.append(deviations**2, 0.0), np.column_stack([ends - counts, ends]).ravel())[::2]
    return np.where(counts > 1, np.sqrt(squares / np.maximum(counts - 1, 1)), np.nan)
