"""What a fitted pipeline itself says of rows, which its export is compared with.

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


def fitted_probability(pipeline: Any, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(up) of `rows` (n, features) by the fitted pipeline, shape (n,)."""
    transformers, classifier = split_pipeline(pipeline)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names", category=UserWarning)
        if hasattr(pipeline, "steps") and not _is_plain(pipeline):  # it may put its steps together in its own way
            return np.asarray(pipeline.predict_proba(rows), dtype=np.float64)[:, 1]
        prepared = rows
        for transformer in transformers:
            prepared = transformer.transform(prepared)
        if _is_boosted(classifier):
            return np.asarray(classifier.booster_.predict(prepared, num_threads=1), dtype=np.float64)
        if _is_forest(classifier) and np.isfinite(prepared).all():  # whether it takes NaN is for scikit-learn to say
            return _forest(classifier, prepared)
        return np.asarray(classifier.predict_proba(prepared), dtype=np.float64)[:, 1]


def _is_plain(pipeline: Any) -> bool:
    kind = type(pipeline)
    return kind.__name__ == "Pipeline" and kind.__module__ == "sklearn.pipeline"


def _is_forest(classifier: Any) -> bool:
    kind = type(classifier)
    return kind.__name__ in FORESTS and kind.__module__.startswith("sklearn.")


def _is_boosted(classifier: Any) -> bool:
    kind = type(classifier)
    own = kind.__name__ == "LGBMClassifier" and kind.__module__.startswith("lightgbm.")
    return own and classifier.objective_ == "binary"


def _forest(classifier: Any, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    single = np.ascontiguousarray(rows, dtype=np.float32)
    total = np.zeros((len(single), 2))
    for estimator in classifier.estimators_:
        total += estimator.tree_.predict(single)
    up: NDArray[np.float64] = total[:, 1] / len(classifier.estimators_)
    return up
