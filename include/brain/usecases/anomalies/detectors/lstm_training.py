"""A small LSTM and its training in NumPy: forward, backward through time, Adam. Gates in ONNX's order i, o, f, c."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

HIDDEN, EPOCHS, BATCH, RATE = 8, 6, 128, 1e-2
DECAYS, TINY, LARGEST = (0.9, 0.999), 1e-8, 5.0  # of Adam; the largest norm of a gradient


@dataclass
class Weights:
    """Of one layer with one input, and of the two heads that read its last state.

    Args:
        inputs: Shape (1, 4 hidden).
        recurrent: Shape (hidden, 4 hidden).
        bias: Shape (4 hidden,).
        center, scale: Shape (hidden,).
    """

    inputs: Values
    recurrent: Values
    bias: Values
    center: Values
    center_bias: float
    scale: Values
    scale_bias: float

    @classmethod
    def drawn(cls, random: np.random.Generator) -> Weights:
        wide = 4 * HIDDEN
        bias = np.zeros(wide)
        bias[2 * HIDDEN : 3 * HIDDEN] = 1.0  # at first it forgets slowly
        sizes = random.normal(0, 0.3, (1, wide)), random.normal(0, 0.3, (HIDDEN, wide)), random.normal(0, 0.1, HIDDEN)
        return cls(sizes[0], sizes[1], bias, sizes[2] * 0, 0.0, sizes[2], -2.0)


def forward(weights: Weights, windows: Values, trace: list[Any] | None = None) -> Values:
    """The hidden state after each step of `windows` (n, steps), shape (steps, n, hidden).

    Args:
        trace: What the way back needs is put into it.
    """
    count, steps = windows.shape
    hidden, cell = np.zeros((count, HIDDEN)), np.zeros((count, HIDDEN))
    states = np.empty((steps, count, HIDDEN))
    for step in range(steps):
        raw = windows[:, step : step + 1] * weights.inputs + hidden @ weights.recurrent + weights.bias
        i, o, f = np.split(expit(raw[:, : 3 * HIDDEN]), 3, axis=1)
        c = np.tanh(raw[:, 3 * HIDDEN :])
        before, cell = cell, f * cell + i * c
        shown = np.tanh(cell)
        if trace is not None:
            trace.append((hidden, before, i, o, f, c, shown))
        hidden = o * shown
        states[step] = hidden
    return states


def train(windows: Values, target: Values, seed: int, smallest: float, widest: float) -> Weights:
    """Weights that make the targets likely under a Laplace distribution around the predicted center.

    Args:
        windows: Shape (n, steps).
        target: What follows each, shape (n,).
        smallest, widest: The scale is ``smallest + widest * sigmoid(head)``.
    """
    random = np.random.default_rng(seed)
    weights = Weights.drawn(random)
    names = [field.name for field in fields(Weights)]
    first, second = ({name: 0.0 * np.asarray(getattr(weights, name)) for name in names} for _ in range(2))
    moves = 0
    for epoch in range(EPOCHS):
        order = random.permutation(len(windows))
        for start in range(0, len(order) - len(order) % BATCH or len(order), BATCH):
            rows, moves = order[start : start + BATCH], moves + 1
            slopes = gradient(weights, windows[rows], target[rows], smallest, widest)
            norm = np.sqrt(sum(float(np.sum(slope**2)) for slope in slopes.values()))
            for name, slope in slopes.items():
                given = slope * min(1.0, LARGEST / max(norm, TINY))
                first[name] = DECAYS[0] * first[name] + (1 - DECAYS[0]) * given
                second[name] = DECAYS[1] * second[name] + (1 - DECAYS[1]) * given**2
                mean, spread = first[name] / (1 - DECAYS[0] ** moves), second[name] / (1 - DECAYS[1] ** moves)
                moved = getattr(weights, name) - RATE * 0.6**epoch * mean / (np.sqrt(spread) + TINY)
                setattr(weights, name, float(moved) if np.ndim(moved) == 0 else moved)
    return weights


def gradient(weights: Weights, windows: Values, target: Values, smallest: float, widest: float) -> dict[str, Values]:
    """Of the mean of |target - center| / scale + log(scale), by each weight."""
    trace: list[Any] = []
    hidden = forward(weights, windows, trace)[-1]
    squeezed = expit(hidden @ weights.scale + weights.scale_bias)
    scale, off = smallest + widest * squeezed, target - hidden @ weights.center - weights.center_bias
    by_center = -np.sign(off) / scale / len(target)
    by_scale = (1 / scale - np.abs(off) / scale**2) * widest * squeezed * (1 - squeezed) / len(target)
    slopes: dict[str, Any] = {
        "inputs": np.zeros_like(weights.inputs),
        "recurrent": np.zeros_like(weights.recurrent),
        "bias": np.zeros_like(weights.bias),
        "center": by_center @ hidden,
        "center_bias": by_center.sum(),
        "scale": by_scale @ hidden,
        "scale_bias": by_scale.sum(),
    }
    by_hidden = np.outer(by_center, weights.center) + np.outer(by_scale, weights.scale)
    by_cell = np.zeros_like(by_hidden)
    for step in range(windows.shape[1] - 1, -1, -1):
        before, cell, i, o, f, c, shown = trace[step]
        by_cell = by_cell + by_hidden * o * (1 - shown**2)
        raw = [by_cell * c * i * (1 - i), by_hidden * shown * o * (1 - o), by_cell * cell * f * (1 - f)]
        by_raw = np.concatenate([*raw, by_cell * i * (1 - c**2)], axis=1)
        slopes["inputs"] += windows[:, step] @ by_raw
        slopes["recurrent"] += before.T @ by_raw
        slopes["bias"] += by_raw.sum(axis=0)
        by_hidden, by_cell = by_raw @ weights.recurrent.T, by_cell * f
    return slopes
