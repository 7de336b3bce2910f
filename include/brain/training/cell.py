"""One asset at one horizon: rows, labels, folds, and fitting a pipeline to some of them."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import ThreadpoolController

from brain.core.keys import ModelKey
from brain.training import linear, search_space
from brain.training.calibration import log_odds
from brain.training.splits import Fold, WalkForward, thinned, walk_forward

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

    from brain.core.catalog import TrainingSettings
    from brain.training.base_rate import BaseRates
    from brain.training.dataset import AssetDataset
    from brain.training.linear import Design, Linear

    Rows = NDArray[np.intp]

WITHOUT_WEIGHTS = {"neighbours", "bagged_svc", "svc"}
ROWS_FOR_SLOW = {"svc": 1500, "bagged_svc": 1500, "neighbours": 4000}  # newest rows these are fitted to


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
    design: Design
    labels: NDArray[np.float64]
    base_rates: BaseRates
    folds: WalkForward
    thin: str = ""

    @cached_property
    def rows(self) -> Rows:
        """Positions of the labelled rows."""
        return np.flatnonzero(~np.isnan(self.labels))

    def known_by(self, train: Rows) -> int:
        """The row by which the labels of the rows at `train`, ascending, are known."""
        return int(train[-1]) + self.horizon

    def base_rate(self, train: Rows) -> float:
        """The base rate to publish then."""
        return self.base_rates.rate(self.horizon, self.known_by(train))


def cut_cell(dataset: AssetDataset, horizon: int, settings: TrainingSettings, base_rates: BaseRates) -> Cell:
    """The cell of one horizon.

    Raises:
        TrainingError: The horizon was refused when the dataset was prepared.
    """
    if horizon in dataset.refused:
        raise dataset.refused[horizon]
    labels = dataset.labels[horizon]
    key = ModelKey.direction(dataset.asset, horizon)
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
    return replace(whole, folds=folds, thin=_one_sided(labels, horizon, folds))


def _one_sided(labels: NDArray[np.float64], horizon: int, folds: WalkForward) -> str:
    for number, fold in enumerate(folds.all, 1):
        known = labels[thinned(fold.train, horizon)[0]]
        if not len(fold.test) or not 0 < known.sum() < len(known):
            return f"only one outcome before fold {number} of {len(folds.all)}, or no labelled row in it"
    return ""


@dataclass(frozen=True)
class Fitted:
    """A pipeline fitted to some rows, and the mean log-odds it gives them: where its evidence is zero."""

    pipeline: Pipeline
    center: float


def fit(cell: Cell, parameters: Mapping[str, Any], train: Rows) -> Fitted:
    """Fit the pipeline of `parameters` to the rows at `train`, thinned and weighted for overlapping labels."""
    if linear.is_plain(parameters):
        model = _fit_linear(cell, parameters, train)
        return Fitted(linear.into_pipeline(model, parameters), model.center)
    rows, weight = _sample(cell, parameters, train)
    X, y = cell.X[rows], cell.labels[rows]
    pipeline = search_space.build(parameters, *X.shape)
    weighted = parameters["classifier"] not in WITHOUT_WEIGHTS
    pipeline.fit(X, y.astype(np.int64), **({"classifier__sample_weight": np.full(len(y), weight)} if weighted else {}))
    return Fitted(pipeline, float(log_odds(pipeline.predict_proba(X)[:, 1]).mean()))


@dataclass(frozen=True)
class FoldForecast:
    """What was said about a fold's test rows by a model that knew only its training rows.

    Args:
        fold: The fold.
        odds: The model's log-odds, shape (test rows,).
        center: Their mean over the training rows; the evidence of a row is how far its log-odds are from it.
    """

    fold: Fold
    odds: NDArray[np.float64]
    center: float

    @property
    def evidence(self) -> NDArray[np.float64]:
        return self.odds - self.center


def forecast(cell: Cell, parameters: Mapping[str, Any], fold: Fold) -> FoldForecast:
    """Fit to the fold's training rows and predict its test rows."""
    if linear.is_plain(parameters):
        model = _fit_linear(cell, parameters, fold.train)
        return FoldForecast(fold, model.log_odds(cell.X[fold.test]), model.center)
    fitted = fit(cell, parameters, fold.train)
    return FoldForecast(fold, log_odds(fitted.pipeline.predict_proba(cell.X[fold.test])[:, 1]), fitted.center)


def _fit_linear(cell: Cell, parameters: Mapping[str, Any], train: Rows) -> Linear:
    rows, weight = _sample(cell, parameters, train)
    stride = int(rows[1] - rows[0]) if len(rows) > 1 else 1
    chosen = slice(int(rows[0]), int(rows[-1]) + 1, stride)
    even = rows[-1] - rows[0] == stride * (len(rows) - 1)
    return linear.fit_linear(parameters, cell.design, chosen if even else rows, cell.labels[rows], weight)


def _sample(cell: Cell, parameters: Mapping[str, Any], train: Rows) -> tuple[Rows, float]:
    """Rows to fit to and the weight of each."""
    rows, weight = (train, 1 / cell.horizon) if cell.thin else thinned(train, cell.horizon)
    return rows[-ROWS_FOR_SLOW.get(parameters["classifier"], len(rows)) :], weight


@cache
def _threads() -> ThreadpoolController:
    """Found once a process: looking for the libraries costs as much as training a small model."""
    return ThreadpoolController()


@contextmanager
def quiet_single_thread() -> Iterator[None]:
    """Fit many small models fast: one thread, inputs already checked, and known harmless warnings kept out of logs."""
    with (
        _threads().limit(limits=1),
        sklearn.config_context(assume_finite=True, skip_parameter_validation=True),
        np.errstate(divide="ignore", invalid="ignore"),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        warnings.filterwarnings("ignore", message="Features .* are constant", category=UserWarning)
        yield
