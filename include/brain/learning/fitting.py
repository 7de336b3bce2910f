"""Fitting pipelines to the past, and what they say of the rows that follow."""

from __future__ import annotations

import json
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
from brain.learning.families import families
from brain.learning.kept import Stretch, key_of
from brain.learning.recipe import recipes_of
from brain.portable.heads import log_odds
from brain.portable.mean import LIMIT, LogOddsMean
from brain.portable.reference import fitted_outputs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

    from brain.learning.splits import Fold
    from brain.learning.training_rows import TrainingRows

    Rows = NDArray[np.intp]
    Values = NDArray[np.float64]

BREAKDOWNS = (ValueError, ArithmeticError, np.linalg.LinAlgError)  # what a fit raises that the data do not allow


class Fitted(Protocol):
    """A pipeline fitted to some rows."""

    @property
    def pipeline(self) -> Pipeline | LogOddsMean:
        """The fitted scikit-learn pipeline, or the mean of several."""
        ...

    @property
    def center(self) -> float:
        """Its mean log-odds over the rows it was fitted to: where its evidence is zero."""
        ...

    def log_odds(self, X: Values) -> Values:
        """Log-odds of each row of `X`, shape (n, d), NaN where missing; returns shape (n,)."""
        ...


@dataclass(frozen=True)
class _FittedPipeline:
    """Any pipeline but the linear ones that `linear` fits."""

    pipeline: Pipeline
    center: float

    def log_odds(self, X: Values) -> Values:
        return log_odds(fitted_outputs(self.pipeline, X)[:, 1])


@dataclass(frozen=True)
class _FittedMean:
    """Several fitted pipelines of which the log-odds are averaged."""

    members: tuple[Fitted, ...]

    @property
    def pipeline(self) -> LogOddsMean:
        return LogOddsMean(tuple(member.pipeline for member in self.members))

    @property
    def center(self) -> float:
        return float(np.mean([member.center for member in self.members]))

    def log_odds(self, X: Values) -> Values:
        odds: Values = np.mean([np.clip(member.log_odds(X), -LIMIT, LIMIT) for member in self.members], axis=0)
        return odds


def fit(training: TrainingRows, parameters: Mapping[str, Any], trains: Sequence[Rows]) -> Sequence[Fitted]:
    """Fit the model of `parameters` to each of several stretches of the past, thinned and weighted for overlap.

    Args:
        trains: Positions of labelled rows; each stretch starts with the first of them and is no shorter than the one
            before.
    """
    recipes = recipes_of(parameters)
    if len(recipes) > 1:
        fitted = zip(*(fit(training, recipe, trains) for recipe in recipes), strict=True)
        return [_FittedMean(members) for members in fitted]
    ends = [training.sampled(train) for train in trains]
    if linear.is_plain(parameters):
        labels = training.labels[training.sample]
        return linear.fit_linear(parameters, training.sample_design, labels, ends, training.weight)
    return [_fit_once(training, parameters, end) for end in ends]


def _fit_once(training: TrainingRows, parameters: Mapping[str, Any], end: int) -> _FittedPipeline:
    key = json.dumps(parameters, sort_keys=True), end
    if key not in training.fits:
        training.fits[key] = _fit(training, parameters, training.sample[:end])
    found: _FittedPipeline = training.fits[key]
    return found


def _fit(training: TrainingRows, parameters: Mapping[str, Any], rows: Rows) -> _FittedPipeline:
    family = families()[parameters["classifier"]]
    newest = rows[-(family.newest_rows or len(rows)) :]
    X, y = training.X[newest], training.labels[newest]
    pipeline = search_space.build(parameters, *X.shape)
    weights = {"sample_weight": np.full(len(y), training.weight)} if family.takes_weights else {}
    before, classifier, known = pipeline[:-1], pipeline[-1], y.astype(np.int64)
    prepared = before.fit_transform(X, known) if before.steps else X  # once, for the fit and for its center
    classifier.fit(prepared, known, **weights)
    return _FittedPipeline(pipeline, float(log_odds(fitted_outputs(classifier, prepared)[:, 1]).mean()))


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


def forecast(training: TrainingRows, fitted: Fitted, fold: Fold) -> FoldForecast:
    """What a model fitted to the fold's training rows says of its test rows."""
    odds: Values = np.clip(fitted.log_odds(training.X[fold.test]), -LIMIT, LIMIT)  # as a head takes them
    return FoldForecast(fold, odds, fitted.center)


def walk(training: TrainingRows, parameters: Mapping[str, Any]) -> tuple[list[FoldForecast], Fitted]:
    """What the model of `parameters` says of each fold, fitted before it, and the model fitted to all labelled rows.

    A fit of which `training.kept` knows what it would say is not made.
    """
    walked = [_walk(training, recipe) for recipe in recipes_of(parameters)]
    if len(walked) == 1:
        return walked[0]
    said = [
        FoldForecast(
            parts[0].fold,
            np.mean([part.odds for part in parts], axis=0),
            float(np.mean([part.center for part in parts])),
        )
        for parts in zip(*(forecasts for forecasts, _ in walked), strict=True)
    ]
    return said, _FittedMean(tuple(fitted for _, fitted in walked))


def _walk(training: TrainingRows, recipe: Mapping[str, Any]) -> tuple[list[FoldForecast], Fitted]:
    folds = training.folds.all
    if linear.is_plain(recipe):  # to fit all of them takes less time than to look them up
        *past, fitted = fit(training, recipe, [*(fold.train for fold in folds), training.rows])
        return [forecast(training, model, fold) for model, fold in zip(past, folds, strict=True)], fitted
    said = [_said(training, recipe, fold) for fold in folds]
    return said, fit(training, recipe, [training.rows])[0]


def _said(training: TrainingRows, recipe: Mapping[str, Any], fold: Fold) -> FoldForecast:
    """As `forecast`, of a fit that is only made where it is not known what it would say."""
    end, last = training.sampled(fold.train), int(fold.test[-1])
    stretch = Stretch.covering(int(training.sample[end - 1]) + 1, last)
    key = key_of(recipe, training.weight, *training.past_sha256[end], stretch)
    found = training.kept.find(key, training.X, stretch, last)
    if found is None:
        fitted = _fit_once(training, recipe, end)
        odds: Values = np.clip(fitted.log_odds(stretch.filled(training.X)), -LIMIT, LIMIT)  # as a head takes them
        found = training.kept.keep(key, training.X, stretch, fitted.center, odds)
    return FoldForecast(fold, found.odds[fold.test - stretch.first], found.center)


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
        warnings.filterwarnings("ignore", message=r"Features [\s\S]* are constant", category=UserWarning)
        yield
