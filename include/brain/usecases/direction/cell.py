"""One asset at one horizon: what its model is trained on, and its base rates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from brain.learning.kept import KeptForecasts
from brain.learning.training_rows import TrainingRows
from brain.usecases.direction.names import model_key

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from brain.learning.settings import TrainingSettings
    from brain.usecases.direction.base_rate import BaseRates
    from brain.usecases.direction.dataset import AssetDataset


@dataclass(frozen=True)
class Cell:
    """One asset at one horizon.

    Args:
        dates: Days of the rows, ascending, shape (n,).
        features: Names of the columns of `training.X`.
        training: What the model is trained on; its span is the horizon.
        base_rates: Those of the asset.
    """

    dates: NDArray[np.datetime64]
    features: tuple[str, ...]
    training: TrainingRows
    base_rates: BaseRates

    @property
    def horizon(self) -> int:
        return self.training.span

    @property
    def today(self) -> int:
        """The row by which all labels are known; the newest row where labels are missing before it."""
        return max(self.training.known_by(self.training.rows), len(self.dates) - 1)

    @property
    def base_rate(self) -> float:
        """The base rate to publish."""
        return self.base_rates.rate(self.horizon, self.today)


def cut_cell(
    dataset: AssetDataset,
    horizon: int,
    settings: TrainingSettings,
    base_rates: BaseRates,
    kept: KeptForecasts | None = None,
) -> Cell:
    """The cell of one horizon.

    Args:
        kept: What is known of its forecasts.

    Raises:
        TrainingError: The horizon was refused when the dataset was prepared.
    """
    if horizon in dataset.refused:
        raise dataset.refused[horizon]
    key = model_key(dataset.asset, horizon)
    labels = dataset.labels[horizon]
    rows = TrainingRows(key, dataset.X, dataset.design, labels, span=horizon, kept=kept or KeptForecasts())
    training = rows.with_folds(settings.folds, settings.embargo)
    if dataset.blind:
        training = replace(rows, thin=dataset.blind)
    return Cell(dataset.dates, dataset.features, training, base_rates)
