"""One asset at one horizon: rows, labels and folds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from brain.core.keys import ModelKey
from brain.learning.splits import WalkForward, thinned, walk_forward
from brain.usecases.direction.names import model_key

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brain.learning.design_matrix import DesignMatrix
    from brain.learning.settings import TrainingSettings
    from brain.usecases.direction.base_rate import BaseRates
    from brain.usecases.direction.dataset import AssetDataset

    Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Cell:
    """What training sees of one asset at one horizon.

    Args:
        folds: Empty where the history is thin.
        thin: Why the history is too short to prove or disprove skill; empty if it is not.
        design: Of `X`, for linear models.
        base_rates: Of the asset.
    """

    key: ModelKey
    horizon: int
    dates: NDArray[np.datetime64]
    features: tuple[str, ...]
    X: NDArray[np.float64]
    design: DesignMatrix
    labels: NDArray[np.float64]
    base_rates: BaseRates
    folds: WalkForward
    thin: str = ""

    @cached_property
    def rows(self) -> Rows:
        """Positions of the labelled rows."""
        return np.flatnonzero(~np.isnan(self.labels))

    @property
    def sample(self) -> Rows:
        """The labelled rows that models are fitted to; a model of the past is fitted to the first of them."""
        return self._weighted_sample[0]

    @property
    def weight(self) -> float:
        """Of each row of the sample."""
        return self._weighted_sample[1]

    @cached_property
    def _weighted_sample(self) -> tuple[Rows, float]:
        return (self.rows, 1 / self.horizon) if self.thin else thinned(self.rows, self.horizon)

    @cached_property
    def sample_design(self) -> DesignMatrix:
        """Of the rows of the sample."""
        return self.design.at(self.sample)

    def sampled(self, train: Rows) -> int:
        """How many rows of the sample are not later than the rows at `train`, ascending."""
        return int(np.searchsorted(self.sample, train[-1], side="right"))

    def known_by(self, train: Rows) -> int:
        """The row by which the labels of the rows at `train`, ascending, are known."""
        return int(train[-1]) + self.horizon

    @property
    def today(self) -> int:
        """The row by which all labels are known: the newest, whether or not its own past is complete."""
        return max(self.known_by(self.rows), len(self.dates) - 1)

    @property
    def base_rate(self) -> float:
        """The base rate to publish."""
        return self.base_rates.rate(self.horizon, self.today)


def cut_cell(dataset: AssetDataset, horizon: int, settings: TrainingSettings, base_rates: BaseRates) -> Cell:
    """The cell of one horizon.

    Raises:
        TrainingError: The horizon was refused when the dataset was prepared.
    """
    if horizon in dataset.refused:
        raise dataset.refused[horizon]
    labels = dataset.labels[horizon]
    key = model_key(dataset.asset, horizon)
    whole = Cell(
        key,
        horizon,
        dataset.dates,
        dataset.features,
        dataset.X,
        dataset.design,
        labels,
        base_rates,
        WalkForward((), ()),
    )
    independent = len(whole.rows) / horizon
    if independent <= len(dataset.features):
        reason = f"{len(whole.rows)} rows hold {independent:.0f} independent labels, {len(dataset.features)} features"
        return replace(whole, thin=f"{reason} need more than one each")
    try:
        folds = walk_forward(~np.isnan(labels), horizon, settings.folds, settings.embargo)
    except ValueError as error:
        return replace(whole, thin=str(error))
    reason = _one_sided(whole, folds)
    return replace(whole, thin=reason) if reason else replace(whole, folds=folds)


def _one_sided(cell: Cell, folds: WalkForward) -> str:
    for number, fold in enumerate(folds.all, 1):
        which = f"fold {number} of {len(folds.all)}"
        if not len(fold.train) or not len(fold.test):
            return f"no labelled row in {which}, or none before it"
        known = cell.labels[cell.sample[: cell.sampled(fold.train)]]
        if not 0 < known.sum() < len(known):
            return f"only one outcome before {which}"
    return ""
