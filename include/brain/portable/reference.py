"""What a fitted model itself says of rows, which its export is compared with.

`predict_proba` of a forest spends nine tenths of its time on dispatching one task a tree, that of LightGBM's wrapper on
validating its input, that of a pipeline up to a third on bookkeeping. Here the same fitted steps and trees are asked
directly, by the libraries' own compiled code; the result has the same bits.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.portable.preprocessing import split_pipeline

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORESTS = ("RandomForestClassifier", "ExtraTreesClassifier")
TWO_CLASSES = 2


def is_classifier(model: Any) -> bool:
    """Whether the fitted model has classes."""
    return hasattr(model, "classes_")


def fitted_outputs(model: Any, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the fitted model says of `rows` (n, features), shape (n, outputs).

    A classifier gives the probability of each class, a regressor its prediction.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names", category=UserWarning)
        if not is_classifier(model):
            predicted = np.asarray(model.predict(rows), dtype=np.float64)
            return predicted[:, None] if predicted.ndim == 1 else predicted
        transformers, classifier = split_pipeline(model)
        if hasattr(model, "steps") and not _is_plain(model):  # it may put its steps together in its own way
            return np.asarray(model.predict_proba(rows), dtype=np.float64)
        prepared = rows
        for transformer in transformers:
            prepared = transformer.transform(prepared)
        if _is_boosted(classifier):
            return both_classes(np.asarray(classifier.booster_.predict(prepared, num_threads=1), dtype=np.float64))
        if _is_forest(classifier) and np.isfinite(prepared).all():  # whether it takes NaN is for scikit-learn to say
            return both_classes(_forest(classifier, prepared))
        return np.asarray(classifier.predict_proba(prepared), dtype=np.float64)


def both_classes(up: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probabilities of both classes, shape (n, 2), of a classifier whose second has the probability `up`."""
    return np.column_stack([1 - up, up])


def _is_plain(pipeline: Any) -> bool:
    kind = type(pipeline)
    return kind.__name__ == "Pipeline" and kind.__module__ == "sklearn.pipeline"


def _is_forest(classifier: Any) -> bool:
    kind = type(classifier)
    own = kind.__name__ in FORESTS and kind.__module__.startswith("sklearn.")
    return own and classifier.n_outputs_ == 1 and len(classifier.classes_) == TWO_CLASSES


def _is_boosted(classifier: Any) -> bool:
    kind = type(classifier)
    own = kind.__name__ == "LGBMClassifier" and kind.__module__.startswith("lightgbm.")
    return own and classifier.objective_ == "binary"


def _forest(classifier: Any, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    single = np.ascontiguousarray(rows, dtype=np.float32)
    total = np.zeros((len(single), TWO_CLASSES))
    for estimator in classifier.estimators_:
        total += estimator.tree_.predict(single)
    up: NDArray[np.float64] = total[:, 1] / len(classifier.estimators_)
    return up
