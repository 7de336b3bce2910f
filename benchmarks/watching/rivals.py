"""What others do, on the same bars: Sub-PCA, and an LSTM whose error is compared with one constant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brain.usecases.anomalies.detectors.detector import Known, Scorer
from brain.usecases.anomalies.detectors.lstm import STEPS, FittedLstm, Lstm, squashed
from brain.usecases.anomalies.detectors.lstm_training import forward
from brain.usecases.anomalies.series import Series

FIXED = 0.65  # of the system that this one replaces, in the unit of the values
WINDOW, BLOCK = 32, 20_000


@dataclass(frozen=True)
class SubPca:
    """Principal components of windows (Aggarwal; TSB-AD's best univariate detector): far along small components."""

    mean: np.ndarray
    axes: np.ndarray
    sizes: np.ndarray

    @classmethod
    def fit(cls, series: Series) -> SubPca:
        rows = _windows(series)[WINDOW:]
        mean = rows.mean(axis=0)
        sizes, axes = np.linalg.eigh(np.cov((rows - mean).T))
        return cls(mean, axes, np.maximum(sizes, 1e-12 * sizes.max()))

    def score(self, series: Series) -> np.ndarray:
        found = ((_windows(series) - self.mean) @ self.axes) ** 2 / self.sizes
        scores: np.ndarray = found.sum(axis=1)
        scores[:WINDOW] = 0.0
        return scores


def fixed_lstm(series: Series, fitted: Scorer) -> np.ndarray:
    """Absolute difference of a value from the predicted one, in the values' own unit, by `FIXED`."""
    assert isinstance(fitted, FittedLstm)
    known, parts = Known(series), []
    rows = Lstm().look(known)
    for start in range(0, len(rows), BLOCK):
        hidden = forward(fitted.weights, squashed(rows[start : start + BLOCK, :STEPS]))[-1]
        parts.append(hidden @ fitted.weights.center + fitted.weights.center_bias)
    expected = np.concatenate(parts) * known.moves.size
    before = np.append(series.value[0], series.value[:-1])
    predicted = before * np.exp(expected) if (series.value > 0).all() else before + expected
    found: np.ndarray = np.abs(series.value - predicted) / FIXED
    return found


def _windows(series: Series) -> np.ndarray:
    """Windows of values, each less its mean and by the usual size of a change."""
    path = np.cumsum(Known(series).moves.z)
    padded = np.concatenate([np.zeros(WINDOW - 1), path])
    rows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)
    found: np.ndarray = rows - rows.mean(axis=1, keepdims=True)
    return found
