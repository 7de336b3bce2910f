"""Features laid out for linear fits, and means and sums of products of training sets that grow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Rows = NDArray[np.intp]

ROUNDING = float(np.finfo(float).eps)
CANCELLED = 1e-6  # share of a column's mean square: a smaller variance is lost in the difference of two sums


@dataclass(frozen=True)
class DesignMatrix:
    """Feature columns, centred and scaled once for all fits to them.

    Every fit accounts for the centre and scale of its own rows. So the centre and scale of all rows, taken here, change
    no result; they only keep the numbers near 1.

    Args:
        values: Shape (n, d + 1): 0 where missing, the last column all ones.
        holed: Positions of the rows in which a value is missing, ascending, shape (h,).
        missing: These rows, 1 where the value is missing, else 0; shape (h, d + 1).
        center: What was subtracted from each column, shape (d,).
        unit: What the column was then divided by, shape (d,).
    """

    values: Values
    holed: Rows
    missing: Values
    center: Values
    unit: Values

    @classmethod
    def of(cls, X: Values) -> DesignMatrix:
        """The design matrix of `X`, shape (n, d), NaN where missing."""
        missing = np.isnan(X)
        holed = np.flatnonzero(missing.any(axis=1))
        known = np.maximum(1, len(X) - missing.sum(axis=0))
        center = np.where(missing, 0.0, X).sum(axis=0) / known
        values = np.ones((len(X), X.shape[1] + 1))
        centred = np.where(missing, 0.0, X - center)
        deviation = np.sqrt(np.einsum("ij,ij->j", centred, centred) / len(X))
        unit = np.where(_varies(deviation, center, len(X)), deviation, 1.0)
        values[:, :-1] = centred / unit
        return cls(values, holed, with_zero(missing[holed].astype(np.float64)), center, unit)

    def at(self, rows: Rows) -> DesignMatrix:
        """The design matrix of the rows at `rows`, ascending; in the same units."""
        first, end = int(rows[0]), int(rows[-1]) + 1
        values = self.values[first:end] if end - first == len(rows) else self.values[rows]
        places = np.searchsorted(rows, self.holed)
        chosen = np.flatnonzero(rows.take(places, mode="clip") == self.holed)
        return DesignMatrix(values, places[chosen], self.missing[chosen], self.center, self.unit)


@dataclass(frozen=True)
class GrowingSets:
    """k training sets: the first rows of a design matrix, as many as each of `ends` says.

    Missing values of a set are filled with the column's mean in that set.

    Args:
        ends: Number of rows of each set, ascending, shape (k,).
        mean: Mean of the known values of each column, shape (k, d).
        deviation: Standard deviation after filling, shape (k, d).
        gram: Sums of products of the filled columns and the column of ones, shape (k, d + 1, d + 1).
        far: Whether a column's mean in the set lies so many of its deviations from the design's center that rounding
            has spoilt its part of `gram`; shape (k, d).
    """

    design: DesignMatrix
    ends: Rows
    mean: Values
    deviation: Values
    gram: Values
    far: NDArray[np.bool_]

    @classmethod
    def of(cls, design: DesignMatrix, ends: Sequence[int]) -> GrowingSets:
        """The sets of these sizes."""
        sizes = np.asarray(ends)
        gram = np.cumsum([_gram(design.values[start:end]) for start, end in pairwise((0, *ends))], axis=0)
        crossed, missed = _missing_sums(design, sizes)
        known = sizes[:, None] - np.diagonal(missed, axis1=1, axis2=2)[:, :-1]
        mean = gram[:, -1, :-1] / np.maximum(1.0, known)
        fill = with_zero(mean)
        crossed = crossed * fill[:, None, :]
        gram += crossed + crossed.transpose(0, 2, 1) + missed * fill[:, None, :] * fill[:, :, None]
        square = np.diagonal(gram, axis1=1, axis2=2)[:, :-1] / sizes[:, None]
        deviation = np.sqrt(np.maximum(0.0, square - mean**2))
        sets = cls(design, sizes, mean, deviation, gram, far=deviation**2 < CANCELLED * square)
        for which, column in np.argwhere(sets.far):
            deviation[which, column] = sets.rows(which)[:, column].std()
        return sets

    @property
    def varies(self) -> NDArray[np.bool_]:
        """Whether a column is more than a constant in a set, shape (k, d)."""
        return _varies(self.deviation, self.mean, self.ends[:, None])

    def rows(self, which: int) -> Values:
        """The filled rows of one set, shape (ends[which], d + 1)."""
        rows = self.design.values[: self.ends[which]].copy()
        holes = np.searchsorted(self.design.holed, self.ends[which])
        rows[self.design.holed[:holes]] += self.design.missing[:holes] * self._fill[which]
        return rows

    def log_odds(self, theta: Values) -> Values:
        """Log-odds of the largest set's rows by each set's coefficients, shape (k, d + 1); returns shape (n, k)."""
        odds: Values = self.design.values[: self.ends[-1]] @ theta.T
        if len(self._holed):
            odds[self._holed] += self._missing @ (self._fill * theta).T
        return odds

    def gradient(self, chance: Values, y: Values) -> Values:
        """Gradient of each set's log loss, for its probabilities `chance`, shape (n, k); returns shape (k, d + 1)."""
        excess = (chance - y[: self.ends[-1], None]) * self._inside
        gradient: Values = excess.T @ self.design.values[: self.ends[-1]]
        if len(self._holed):
            gradient += self._fill * (excess[self._holed].T @ self._missing)
        return gradient

    @cached_property
    def _holed(self) -> Rows:
        return self.design.holed[: np.searchsorted(self.design.holed, self.ends[-1])]

    @cached_property
    def _missing(self) -> Values:
        return self.design.missing[: len(self._holed)]

    @cached_property
    def _inside(self) -> Values:
        return (np.arange(self.ends[-1])[:, None] < self.ends).astype(np.float64)

    @cached_property
    def _fill(self) -> Values:
        return with_zero(self.mean)


def _gram(values: Values) -> Values:
    return values.T @ values


def _missing_sums(design: DesignMatrix, ends: Rows) -> tuple[Values, Values]:
    """For each number of first rows: the sum of each column over the rows in which each other column is missing, and
    how often two columns are missing together.

    Both of shape (k, d + 1, d + 1); computed anew only where rows with missing values are added.
    """
    counts = np.searchsorted(design.holed, ends)
    sums = {}
    for count in set(counts.tolist()):
        missing = design.missing[:count]
        sums[count] = design.values[design.holed[:count]].T @ missing, missing.T @ missing
    crossed, missed = zip(*(sums[count] for count in counts.tolist()), strict=True)
    return np.array(crossed), np.array(missed)


def with_zero(columns: Values) -> Values:
    """`columns` with a column of zeros appended, which stands for the column of ones."""
    return np.concatenate([columns, np.zeros((len(columns), 1))], axis=1)


def _varies(deviation: Values, mean: Values, rows: int | Rows) -> NDArray[np.bool_]:
    """Whether a column's standard deviation is more than the rounding error of a sum over its rows."""
    varies: NDArray[np.bool_] = deviation > rows * ROUNDING * np.abs(mean)
    return varies
