"""The ONNX operators of our own graphs in NumPy, each giving a row the same bits whatever rows stand beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, xlogy

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[Any]
    Kernel = Callable[..., Array]

BLOCK = 2**19  # rows times inner nodes at once: bounds the memory of a large forest or a long history

# TensorProto's numbers for the types our graphs use.
_KINDS: dict[int, type[np.generic]] = {1: np.float32, 2: np.uint8, 7: np.int64, 11: np.float64}


def array(tensor: Any) -> Array:
    """A constant of the model, without copying it."""
    return np.frombuffer(tensor.raw_data, dtype=_KINDS[tensor.data_type]).reshape(tuple(tensor.dims))


def _attributes(node: Any) -> dict[str, Any]:
    return {attribute.name: attribute for attribute in node.attribute}


def _matmul(rows: Array, matrix: Array) -> Array:
    products = rows[:, :, None] * matrix[None, :, :]
    if products.shape[1] == 0:
        return np.zeros((len(rows), matrix.shape[1]))
    return np.add.accumulate(products, axis=1)[:, -1, :]


def _gather(node: Any) -> Kernel:
    axis = _attributes(node)["axis"].i
    return lambda values, places: values.take(places, axis)


def _gather_elements(node: Any) -> Kernel:
    axis = _attributes(node)["axis"].i
    return lambda table, places: np.take_along_axis(table, places, axis)


def _reduce_sum(_: Any) -> Kernel:
    """Sums of whole numbers only: in any order they give the same bits."""
    return lambda values, axes: values.sum(axis=tuple(axes))


def _cast(node: Any) -> Kernel:
    kind = _KINDS[node.attribute[0].i]
    return lambda value: value.astype(kind)


def _integers(attribute: Any) -> NDArray[np.int64]:
    return np.array(attribute.ints, dtype=np.int64)


def _transpose(node: Any) -> Kernel:
    axes = _integers(_attributes(node)["perm"])
    return lambda values: values.transpose(*axes)


def _lstm(node: Any) -> Kernel:
    """One forward layer with a bias and the default activations: every state, shape (steps, 1, n, hidden).

    Products are added up one hidden unit after the other: a BLAS product would change with the batch size.
    """
    size = _attributes(node)["hidden_size"].i

    def run(steps: Array, inputs: Array, recurrent: Array, bias: Array) -> Array:
        given, back = inputs[0].T, recurrent[0].T
        start = bias[0, : 4 * size] + bias[0, 4 * size :]
        hidden = cell = np.zeros((steps.shape[1], size), steps.dtype)
        states = np.empty((len(steps), 1, *hidden.shape), steps.dtype)
        for place, values in enumerate(steps):
            raw = np.broadcast_to(start, (len(values), 4 * size)).copy()
            for column, weights in zip((*values.T, *hidden.T), (*given, *back), strict=True):
                raw += column[:, None] * weights
            gates, new = expit(raw[:, : 3 * size]), 2 * expit(2 * raw[:, 3 * size :]) - 1  # tanh
            cell = gates[:, 2 * size :] * cell + gates[:, :size] * new
            hidden = gates[:, size : 2 * size] * (2 * expit(2 * cell) - 1)
            states[place, 0] = hidden
        return states

    return run


def _tree_ensemble(node: Any) -> Kernel:
    """All rows walk down all trees at once, a level at a time; leaves are numbered after the inner nodes."""
    found = _attributes(node)
    feature, split = _integers(found["nodes_featureids"]), array(found["nodes_splits"].t)[:, None]
    weights, roots, inner = array(found["leaf_weights"].t), _integers(found["tree_roots"]), len(feature)
    right, left = (
        _integers(found[f"nodes_{side}nodeids"]) + inner * _integers(found[f"nodes_{side}leafs"])
        for side in ("false", "true")
    )
    # Two ways on from each node, right and left; both ways on from a leaf lead to itself.
    ways = np.concatenate([np.stack([right, left], 1).ravel(), np.repeat(np.arange(len(weights)) + inner, 2)])
    tracks = found.get("nodes_missing_value_tracks_true")
    missing_left = None if tracks is None else _integers(tracks).astype(bool)[:, None]

    def walk(rows: Array) -> Array:
        value = rows.T.take(feature, axis=0)
        goes_left = value <= split
        if missing_left is not None and np.isnan(rows).any():
            goes_left |= missing_left & np.isnan(value)
        leaves = _descend(goes_left, ways, roots)
        return np.add.accumulate(weights.take(leaves - inner), axis=0)[-1:].T

    block = max(1, BLOCK // inner)
    return lambda rows: np.concatenate([walk(rows[i : i + block]) for i in range(0, len(rows), block)] or [rows[:, :1]])


def _descend(goes_left: Array, ways: Array, roots: Array) -> Array:
    """The leaf each row ends in in each tree, shape (trees, n).

    Args:
        goes_left: At each inner node, shape (inner nodes, n).
        ways: The node or leaf after each, first to the right, then to the left, flat.
    """
    inner, count = goes_left.shape
    rows, left = np.arange(count), goes_left.view(np.int8)
    current = np.repeat(roots[:, None], count, axis=1)
    while (current < inner).any():
        # A leaf's own place is beyond the last inner node and clipped to it: both its ways are the same.
        current = ways.take(2 * current + left.take(current * count + rows, mode="clip"))
    return current


KERNELS: dict[str, Callable[[Any], Kernel]] = {
    "Add": lambda _: np.add,
    "Cast": _cast,
    "Clip": lambda _: np.clip,
    "Concat": lambda _: lambda *parts: np.concatenate(parts, axis=1),
    "Div": lambda _: np.divide,
    "Equal": lambda _: np.equal,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GreaterOrEqual": lambda _: np.greater_equal,
    "IsNaN": lambda _: np.isnan,
    "LSTM": _lstm,
    "Log": lambda _: lambda values: xlogy(1.0, values),  # the same bits on every processor, unlike NumPy's
    "MatMul": lambda _: _matmul,
    "Max": lambda _: np.maximum,
    "Mul": lambda _: np.multiply,
    "Neg": lambda _: np.negative,
    "Pow": lambda _: np.power,
    "ReduceSum": _reduce_sum,
    "Relu": lambda _: lambda values: np.maximum(values, 0.0),
    "Sigmoid": lambda _: expit,
    "Sqrt": lambda _: np.sqrt,  # correctly rounded everywhere
    "Sub": lambda _: np.subtract,
    "Transpose": _transpose,
    "TreeEnsemble": _tree_ensemble,
    "Unsqueeze": lambda _: lambda values, axes: np.expand_dims(values, tuple(axes)),
    "Where": lambda _: np.where,
}
