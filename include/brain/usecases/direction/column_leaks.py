"""Finds features that know the future by how their column is filled, scaled and corrected."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from brain.lake.manifest import Version

    Values = NDArray[np.float64]

LEAST_VALUES = 150
EXACT = 1e-5  # a feature of another making comes that close to mean 0 and deviation 1 once in millions
RECENT = 5  # versions of a table that are looked at
TOO_OFTEN = 3


def late(names: Sequence[str], values: Values) -> Mapping[str, str]:
    """Features that are empty on the newest rows, longer than they ever were: their values are known only later.

    Where most features are, the newest row is unfinished, and scoring refuses it; that says nothing about a feature.

    Args:
        values: Shape (n, d), NaN where missing, ascending in time.
    """
    found = {
        name: f"it is empty on the newest {rows} row(s) and was never before: its values are known only later"
        for name, column in zip(names, values.T, strict=True)
        if (rows := _empty_at_the_end(np.isfinite(column)))
    }
    return found if 2 * len(found) <= len(names) else {}


def _empty_at_the_end(known: NDArray[np.bool_]) -> int:
    """How many newest rows are empty; 0 where that has happened before or there are few values."""
    places = np.flatnonzero(known)
    if len(places) < LEAST_VALUES:
        return 0
    longest = int(np.diff(places).max()) - 1
    empty = len(known) - 1 - int(places[-1])
    return empty if empty > longest else 0


def normalised(names: Sequence[str], values: Values, close: Values) -> Mapping[str, str]:
    """Features scaled with the mean, the deviation or the extremes of all rows, the later ones among them.

    A scale that was fitted to other rows than these is not seen.
    """
    found = {}
    for name, column in zip(names, values.T, strict=True):
        known = np.isfinite(column)
        if known.sum() >= LEAST_VALUES and (told := _scaled_by(column[known], close[known])):
            found[name] = told
    return found


def _scaled_by(column: Values, close: Values) -> str:
    mean, spread = column.mean(), column.std()
    if abs(mean) < EXACT and min(abs(spread - 1), abs(column.std(ddof=1) - 1)) < EXACT:
        return f"its mean over all {len(column)} rows is 0 and its standard deviation 1: later rows have scaled it"
    if column.min() == 0 and column.max() == 1 and spread > 0 and abs(np.corrcoef(column, close)[0, 1]) > 1 - 1e-9:
        return f"it is Close scaled to lie between 0 and 1 over all {len(column)} rows, the later ones among them"
    return ""


def corrected(versions: Iterable[Version], close: str) -> Mapping[str, str]:
    """Columns that were corrected behind the watermark in most of the newest versions: scoring sees other values.

    A correction that changes Close, too, is one of the prices, and no sign of anything.

    Args:
        versions: Those of the asset's table that are known, oldest first.
        close: Name of the price column.
    """
    recent = [version.revision for version in versions][-RECENT:]
    counts = Counter(
        name
        for revision in recent
        if revision is not None and close not in revision.columns
        for name in revision.columns
    )
    return {
        name: f"its values were corrected after the fact in {count} of the last {len(recent)} extractions with news"
        for name, count in counts.items()
        if count >= TOO_OFTEN
    }
