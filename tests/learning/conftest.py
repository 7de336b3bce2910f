"""Rows to train on of which nothing but a signal is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from brain.core.keys import ModelKey
from brain.learning.design_matrix import DesignMatrix
from brain.learning.training_rows import TrainingRows

Make = Callable[..., TrainingRows]


@pytest.fixture
def rows_of() -> Make:
    """Rows with 8 features, of which the first foretells the label; the newest `span` labels are unknown."""

    def make(rows: int = 800, span: int = 1, strength: float = 1.0, labels: np.ndarray | None = None) -> TrainingRows:
        draw = np.random.default_rng(3)
        X = draw.normal(size=(rows, 8)).astype(np.float32).astype(np.float64)
        if labels is None:
            labels = (draw.random(rows) < 1 / (1 + np.exp(-strength * X[:, 0]))).astype(float)
        labels[rows - span :] = np.nan
        return TrainingRows(ModelKey("tests", "rows", "label"), X, DesignMatrix.of(X), labels, span)

    return make
