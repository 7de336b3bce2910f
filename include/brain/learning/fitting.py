"""Fitting pipelines to the past of a cell, and what they say of the rows that follow."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import ThreadpoolController

from brain.learning import linear, search_space
from brain.portable.heads import log_odds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

    from brain.learning.splits import Fold
    from brain.usecases.direction.cell import Cell

    Rows = NDArray[np.intp]
    Values = NDArray[np.float64]

WITHOUT_WEIGHTS = {"neighbours", "bagged_svc", "svc"}
BREAKDOWNS = (ValueError, ArithmeticError, np.linalg.LinAlgError)  # what a fit raises that the data do not allow
ROWS_FOR_SLOW = {"svc": 1500, "bagged_svc": 1500, "neighbours": 4000}  # newest rows these are fitted to


class Fitted(Protocol):
    """A pipeline fitted to some rows."""

    @property
    def pipeline(self) -> Pipeline:
        """As scikit-learn has it."""
        ...

    @property
    def center(self) -> float:
        """Mean log-odds it gives the rows it was fitted to: where its evidence is zero."""
        ...

    def log_odds(self, X: Values) -> Values:
        """Of each row of `X`, shape (n, d), NaN where missing; returns shape (n,)."""
        ...


@dataclass(frozen=True)
class _FittedPipeline:
    """Any pipeline but the linear ones that `linear` fits."""

    pipeline: Pipeline
    center: float

    def log_odds(self, X: Values) -> Values:
        return log_odds(self.pipeline.predict_proba(X)[:, 1])


def fit(cell: Cell, parameters: Mapping[str, Any], trains: Sequence[Rows]) -> Sequence[Fitted]:
    """Fit the pipeline of `parameters` to each of several stretches of the past, thinned and weighted for overlap.

    Args:
        trains: Positions of labelled rows; each stretch starts at the first of them and is no shorter than the last.
    """
    ends = [cell.sampled(train) for train in trains]
    if linear.is_plain(parameters):
        return linear.fit_linear(parameters, cell.sample_design, cell.labels[cell.sample], ends, cell.weight)
    return [_fit(cell, parameters, cell.sample[:end]) for end in ends]


def _fit(cell: Cell, parameters: Mapping[str, Any], rows: Rows) -> _FittedPipeline:
    newest = rows[-ROWS_FOR_SLOW.get(parameters["classifier"], len(rows)) :]
    X, y = cell.X[newest], cell.labels[newest]
    pipeline = search_space.build(parameters, *X.shape)
    weighted = parameters["classifier"] not in WITHOUT_WEIGHTS
    weights = {"classifier__sample_weight": np.full(len(y), cell.weight)} if weighted else {}
    pipeline.fit(X, y.astype(np.int64), **weights)
    return _FittedPipeline(pipeline, float(log_odds(pipeline.predict_proba(X)[:, 1]).mean()))


@dataclass(frozen=True)
class FoldForecast:
    """What was said about a fold's test rows by a model that knew only its training rows.

    Args:
        fold: The fold.
        odds: The model's log-odds, shape (test rows,).
        center: Their mean over the training rows; the evidence of a row is how far its log-odds are from it.
    """

    fold: Fold
    odds: Values
    center: float

    @property
    def evidence(self) -> Values:
        return self.odds - self.center


def forecast(cell: Cell, fitted: Fitted, fold: Fold) -> FoldForecast:
    """What a model fitted to the fold's training rows says of its test rows."""
    return FoldForecast(fold, fitted.log_odds(cell.X[fold.test]), fitted.center)


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
