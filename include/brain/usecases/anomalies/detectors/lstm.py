"""An LSTM that predicts the next change and how far off it will be, trained in NumPy: windows of 48 bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from brain.usecases.anomalies.detectors.lstm_training import Weights, forward, train
from brain.usecases.anomalies.detectors.windows import last

if TYPE_CHECKING:
    from brain.portable.graph import GraphBuilder
    from brain.usecases.anomalies.detectors.detector import Known, Values

STEPS = 48
MOST = 30.0  # z beyond which all are alike
FLOAT, DOUBLE, INT64 = 1, 11, 7  # TensorProto's numbers
SMALLEST, WIDEST = 0.05, 8.0  # of the predicted scale
BLOCK = 8_192


class Lstm:
    """How far a change is from what the 48 before it made expect, by the spread they made expect."""

    name, kind = "lstm", "unexpected move"
    about = "a change far from what the last 48 made expect"
    features = (*(f"z_{lag}_before" for lag in range(STEPS, 0, -1)), "z")
    bars_before = STEPS

    def least(self, chance: float) -> float:  # noqa: ARG002 - its scores have no known distribution
        return 0.0

    def look(self, known: Known) -> Values:
        return last(np.clip(known.moves.z, -MOST, MOST), STEPS + 1)

    def fit(self, rows: Values, seed: int) -> FittedLstm:
        return FittedLstm(train(squashed(rows[:, :STEPS]), rows[:, STEPS], seed, SMALLEST, WIDEST))


def squashed(z: Values) -> Values:
    """What the network sees: far values nearer, and between -1 and 1 roughly."""
    return z / (1.0 + np.abs(z))


@dataclass(frozen=True)
class FittedLstm:
    """The weights, gates in ONNX's order: input, output, forget, cell."""

    weights: Weights

    def score(self, features: Values) -> Values:
        parts = [self._score(features[start : start + BLOCK]) for start in range(0, len(features), BLOCK)]
        return np.concatenate(parts) if parts else np.empty(0)

    def _score(self, features: Values) -> Values:
        hidden = forward(self.weights, squashed(features[:, :STEPS]))[-1]
        center = hidden @ self.weights.center + self.weights.center_bias
        scale = SMALLEST + WIDEST * expit(hidden @ self.weights.scale + self.weights.scale_bias)
        found: Values = np.abs(features[:, STEPS] - center) / scale
        return found

    def write(self, builder: GraphBuilder, width: int) -> str:
        weights, features = self.weights, builder.current
        size = len(weights.center)
        past = builder.combine("Gather", features, np.arange(STEPS), axis=1)
        away = builder.combine("Max", past, builder.combine("Neg", past))
        builder.combine("Div", past, builder.combine("Add", away, np.array([1.0])))
        builder.apply("Cast", to=FLOAT)  # ONNX Runtime has the operator in single precision only
        builder.apply("Transpose", perm=np.array([1, 0]))
        builder.apply("Unsqueeze", np.array([2]))
        inputs = (weights.inputs.T[None], weights.recurrent.T[None], np.append(weights.bias, np.zeros(4 * size))[None])
        builder.apply("LSTM", *(np.ascontiguousarray(one, dtype=np.float32) for one in inputs), hidden_size=size)
        builder.apply("Gather", np.array(STEPS - 1), axis=0)
        builder.apply("Gather", np.array(0), axis=0)
        hidden = builder.apply("Cast", to=DOUBLE)
        center = builder.apply("MatMul", weights.center[:, None])
        center = builder.apply("Add", np.array([weights.center_bias]))
        builder.combine("MatMul", hidden, weights.scale[:, None])
        builder.apply("Add", np.array([weights.scale_bias]))
        builder.apply("Sigmoid")
        builder.apply("Mul", np.array([WIDEST]))
        scale = builder.apply("Add", np.array([SMALLEST]))
        now = builder.combine("Gather", features, np.array([width - 1]), axis=1)
        off = builder.combine("Sub", now, center)
        off = builder.combine("Max", off, builder.combine("Neg", off))
        return builder.combine("Div", off, scale)
