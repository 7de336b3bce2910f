"""What each feature adds to a model's log-odds for one row, read from its ONNX form alone.

A linear model is taken apart exactly: coefficient times distance from the mean of the training rows, which the imputer
and the scalers in the graph hold. A tree ensemble is taken apart along the row's path: what is to be expected changes
at every split, and the change is the split feature's (Saabas, 2014, "Interpreting random forests"). The mean of several
models is taken apart member by member. Any other model is asked what it says without a feature and with nothing but it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from brain.portable.evaluate import Graph, LinearModel, rejected
from brain.portable.graph_parts import GraphParts, Unfamiliar
from brain.portable.heads import log_odds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brain.portable.evaluate import Evaluator

    Values = NDArray[np.float64]


@dataclass(frozen=True)
class Parts:
    """A model's log-odds for one row: ``reference + features.sum() + together + limits``.

    Args:
        features: What each feature adds, shape (features,).
        reference: What the model says of a row about which nothing is known.
        together: What no single feature accounts for; 0 for linear models and trees.
        limits: What it takes away that no model is believed beyond the log-odds of one in a million.
        means: Each feature's mean over the training rows, where the model holds it, else NaN; shape (features,).
        ranks: The share of training rows that have less of each feature, likewise.
    """

    features: Values
    reference: float
    together: float
    limits: float
    means: Values
    ranks: Values

    @property
    def total(self) -> float:
        """The log-odds as a head takes them."""
        return self.reference + float(self.features.sum()) + self.together + self.limits


def log_odds_parts(evaluator: Evaluator, row: Values, subject: str, center: float | None = None) -> Parts:
    """What the log-odds of a classifier of two classes are made of.

    Args:
        row: What it takes, shape (features,), NaN where missing.
        center: The mean of its log-odds over the training rows, if it is known: trees do not tell.

    Raises:
        ArtifactRejected: It does not take such a row.
    """
    if row.ndim != 1:
        raise rejected(subject, f"a row of shape {row.shape}")
    if isinstance(evaluator, LinearModel):
        return _of_linear(evaluator, row)
    if isinstance(evaluator, Graph):
        with suppress(Unfamiliar, LookupError, TypeError, ValueError):  # a number never fails for want of its reasons
            return _of_graph(evaluator, row, center)
    return _of_answers(evaluator, row)


def _of_linear(model: LinearModel, row: Values) -> Parts:
    odds = _said(model.outputs(row[None, :]))
    found = row[model.columns]
    moved = np.where(np.isnan(found), 0.0, found - model.fill) * model.weights
    parts, means = np.zeros(len(row)), _unknown(row)
    np.add.at(parts, model.columns, moved)
    means[model.columns] = model.fill
    reference = float(model.fill @ model.weights + model.bias[0])
    return Parts(parts, reference, 0.0, odds - reference - float(parts.sum()), means, _unknown(row))


def _of_graph(graph: Graph, row: Values, center: float | None) -> Parts:
    found = GraphParts(graph, row)
    split = found.split(center)
    limits = _said(found.outputs) - split.reference - float(split.parts.sum())
    return Parts(split.parts, split.reference, 0.0, limits, found.means, found.ranks())


def _of_answers(evaluator: Evaluator, row: Values) -> Parts:
    """By asking: each feature gets the mean of what it changes alone and of what it changes in the presence of all.

    For a model in which features act by themselves or in pairs that is Shapley's value, and nothing is left; else what
    is left is `together`. A feature of which nothing is known is a missing one, in whose place the model puts its mean.
    """
    count, odds = len(row), _said(evaluator.outputs(row[None, :]))
    unknown = np.full((2 * count + 1, count), np.nan)
    np.fill_diagonal(unknown[:count], row)  # nothing but one
    unknown[count:-1] = row
    np.fill_diagonal(unknown[count:-1], np.nan)  # all but one
    said = log_odds(evaluator.outputs(unknown)[:, -1])
    alone, without, nothing = said[:count], said[count:-1], float(said[-1])
    parts = ((alone - nothing) + (odds - without)) / 2
    if not np.isfinite(said).all():  # it takes no missing values
        parts, nothing = np.zeros(count), 0.0
    return Parts(parts, nothing, odds - nothing - float(parts.sum()), 0.0, _unknown(row), _unknown(row))


def _said(outputs: Values) -> float:
    """The log-odds of the first row, as a head takes them."""
    return float(log_odds(outputs[:1, -1])[0])


def _unknown(row: Values) -> Values:
    return np.full(len(row), np.nan)
