"""What one model is trained on: its rows, their labels and weight, and the folds on which it is validated."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.learning.kept import KeptForecasts, growing_sha256
from brain.learning.splits import WalkForward, thinned, walk_forward

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from brain.core.keys import ModelKey
    from brain.learning.design_matrix import DesignMatrix

    Rows = NDArray[np.intp]
    Values = NDArray[np.float64]


@dataclass(frozen=True)
class TrainingRows:
    """Rows in time order, and what is to be learned from them.

    Args:
        X: Features, shape (n, d); every value is exact in float32, NaN where missing.
        design: `X` laid out for linear fits.
        labels: 0 or 1, NaN where unknown; shape (n,).
        span: Rows until a label is known; labels of rows closer than this overlap.
        folds: Empty where the history is thin.
        thin: Why the history is too short to prove or disprove skill; empty if it is not.
        kept: What models of these rows said before.
    """

    key: ModelKey
    X: Values
    design: DesignMatrix
    labels: Values
    span: int
    folds: WalkForward = field(default_factory=WalkForward)
    thin: str = ""
    kept: KeptForecasts = field(default_factory=KeptForecasts)

    def with_folds(self, folds: int, embargo: int) -> TrainingRows:
        """The same with folds for validation, or with the reason why there can be none.

        Args:
            folds: How many measure skill.
            embargo: Rows left out between training and test, besides those whose labels reach into the test.
        """
        independent, features = len(self.rows) / self.span, self.X.shape[1]
        if independent <= features:
            reason = f"{len(self.rows)} rows hold {independent:.0f} independent labels, {features} features"
            return replace(self, thin=f"{reason} need more than one each")
        try:
            split = walk_forward(~np.isnan(self.labels), self.span, folds, embargo)
        except ValueError as error:
            return replace(self, thin=str(error))
        reason = self._unusable(split)
        return replace(self, thin=reason) if reason else replace(self, folds=split)

    @cached_property
    def rows(self) -> Rows:
        """Positions of the labelled rows."""
        return np.flatnonzero(~np.isnan(self.labels))

    @property
    def sample(self) -> Rows:
        """Positions of the training rows: labelled rows, thinned where their labels overlap.

        A model of the past is fitted to the first of them.
        """
        return self._sample_and_weight[0]

    @property
    def weight(self) -> float:
        """Sample weight of every training row."""
        return self._sample_and_weight[1]

    @cached_property
    def _sample_and_weight(self) -> tuple[Rows, float]:
        return (self.rows, 1 / self.span) if self.thin else thinned(self.rows, self.span)

    @cached_property
    def sample_design(self) -> DesignMatrix:
        """The training rows laid out for linear fits."""
        return self.design.at(self.sample)

    @cached_property
    def fits(self) -> dict[tuple[str, int], Any]:
        """Models fitted to the first training rows, by their parameters and number of rows.

        A search fits to the selection folds, and the backtest of what it found does so again.
        """
        return {}

    @cached_property
    def past_sha256(self) -> Mapping[int, tuple[str, str]]:
        """Hashes of features and labels of the training rows before each fold, by how many they are."""
        ends = np.array([self.sampled(fold.train) for fold in self.folds.all], dtype=np.intp)
        rows, labels = (growing_sha256(values[self.sample], ends) for values in (self.X, self.labels))
        return {end: (rows[end], labels[end]) for end in rows}

    def sampled(self, train: Rows) -> int:
        """How many training rows are not later than the rows at `train`, ascending."""
        return int(np.searchsorted(self.sample, train[-1], side="right"))

    def known_by(self, train: Rows) -> int:
        """The row by which the labels of the rows at `train`, ascending, are known."""
        return int(train[-1]) + self.span

    def _unusable(self, folds: WalkForward) -> str:
        """Why models cannot be fitted or judged on these folds; empty if they can."""
        for number, fold in enumerate(folds.all, 1):
            which = f"fold {number} of {len(folds.all)}"
            if not len(fold.train) or not len(fold.test):
                return f"no labelled row in {which}, or none before it"
            known = self.labels[self.sample[: self.sampled(fold.train)]]
            if not 0 < known.sum() < len(known):
                return f"only one outcome before {which}"
        return ""
