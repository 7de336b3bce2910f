"""Evaluating a verified ONNX model: the operators of our own graphs in NumPy, everything else in ONNX Runtime.

Both ways give the same bits for a row whatever rows stand beside it, which replay depends on: sums run strictly from
left to right (`np.add.accumulate`; a BLAS product changes with the batch size), and ONNX Runtime is given one row at a
time. For our own graphs NumPy is also the faster way: no session has to be built for each model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy.special import expit

from brain.core.errors import ArtifactRejected
from brain.store.graph import INPUT, OUTPUT, PRODUCER
from brain.store.inspection import refuse_unsafe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Array = NDArray[Any]
    Kernel = Callable[..., Array]


BLOCK = 64  # rows walked at once: bounds the memory of a forest on a long history


class Evaluator(Protocol):
    """Turns feature rows into probabilities."""

    def probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Raw P(up) of `rows` (n, features) as shape (n,); NaN where the model cannot tell."""
        ...


def read_model(content: bytes, subject: str) -> Evaluator:
    """An evaluator for a model's verified bytes.

    Raises:
        ArtifactRejected: Not an ONNX model, or one with custom operators, functions or external data.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise rejected(subject, f"bytes that are not an ONNX model ({error})") from None
    refuse_unsafe(model, subject)
    if model.producer_name == PRODUCER and all(node.op_type in _KERNELS for node in model.graph.node):
        return Graph(model.graph)
    return Session(content, subject)


class Graph:
    """One of our own graphs: a straight line of operators."""

    def __init__(self, graph: Any) -> None:
        constants = {tensor.name: _array(tensor) for tensor in graph.initializer}
        self.constants: Mapping[str, Array] = constants
        self.operators = [node.op_type for node in graph.node]
        self._steps = [(_KERNELS[n.op_type](n), tuple(n.input), n.output[0]) for n in graph.node]
        self._result = graph.node[-1].input[-1]  # P(up), before Concat puts both classes side by side

    def probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        values: dict[str, Array] = {INPUT: rows, **self.constants}
        for kernel, inputs, output in self._steps:
            values[output] = kernel(*(values[name] for name in inputs))
        up: NDArray[np.float64] = values[self._result][:, 0]
        return up


class Session:
    """Any other ONNX classifier, in ONNX Runtime with one thread, row by row."""

    def __init__(self, content: bytes, subject: str) -> None:
        self._session = open_session(content, subject)
        source = self._session.get_inputs()[0]
        self._input, self._type = source.name, np.float64 if source.type == "tensor(double)" else np.float32

    def probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        typed = rows.astype(self._type)
        run, name = self._session.run, self._input
        up = [run([OUTPUT], {name: typed[i : i + 1]})[0][0, 1] for i in range(len(typed))]
        return np.array(up, dtype=np.float64)


def open_session(content: bytes, subject: str) -> Any:
    """An ONNX Runtime session with one thread and no memory arena (thousands of them follow one another).

    Raises:
        ArtifactRejected: The runtime has no implementation for the model.
    """
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except (
        state.Fail,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NotImplemented,
        state.InvalidArgument,
    ) as error:
        raise rejected(subject, f"a model ONNX Runtime refuses ({str(error).strip()[:200]})") from None


def rejected(subject: str, found: str) -> ArtifactRejected:
    """The error for bytes that cannot be run as a model."""
    return ArtifactRejected(
        subject,
        found=found,
        expected="an ONNX model made of standard operators",
        remedy="It was not loaded. Train the model again, or roll back to an earlier version.",
    )


def _array(tensor: Any) -> Array:
    from onnx import helper

    kind = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    return np.frombuffer(tensor.raw_data, dtype=kind).reshape(tuple(tensor.dims))


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
    """Of whole numbers only, whose sum has no order."""
    return lambda values, axes: values.sum(axis=tuple(axes))


def _cast(node: Any) -> Kernel:
    from onnx import helper

    kind = helper.tensor_dtype_to_np_dtype(node.attribute[0].i)
    return lambda value: value.astype(kind)


def _integers(attribute: Any) -> NDArray[np.int64]:
    return np.array(attribute.ints, dtype=np.int64)


def _tree_ensemble(node: Any) -> Kernel:
    """All rows walk down all trees at once, a level at a time; leaves are numbered after the inner nodes."""
    found = _attributes(node)
    feature, split = _integers(found["nodes_featureids"]), _array(found["nodes_splits"].t)
    inner = len(feature)
    left = _integers(found["nodes_truenodeids"]) + inner * _integers(found["nodes_trueleafs"])
    right = _integers(found["nodes_falsenodeids"]) + inner * _integers(found["nodes_falseleafs"])
    weights, roots = _array(found["leaf_weights"].t), _integers(found["tree_roots"])
    tracks = found.get("nodes_missing_value_tracks_true")
    missing_left = None if tracks is None else _integers(tracks).astype(bool)

    def walk(rows: Array) -> Array:
        value = rows[:, feature]
        goes_left = value <= split
        if missing_left is not None:
            goes_left |= missing_left & np.isnan(value)
        leaves = _descend(np.where(goes_left, left, right), roots)
        return np.add.accumulate(weights[leaves - inner], axis=1)[:, -1:]

    return lambda rows: np.concatenate([walk(rows[i : i + BLOCK]) for i in range(0, len(rows), BLOCK)] or [rows[:, :1]])


def _descend(following: Array, roots: Array) -> Array:
    """The leaf each row ends in in each tree, shape (n, trees).

    Args:
        following: Where each row goes from each inner node, shape (n, inner nodes).
    """
    rows, inner = np.arange(len(following))[:, None], following.shape[1]
    current = following[:, roots]
    while (walking := current < inner).any():
        current = np.where(walking, following[rows, np.minimum(current, inner - 1)], current)
    return current


_KERNELS: dict[str, Callable[[Any], Kernel]] = {
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
    "MatMul": lambda _: _matmul,
    "Max": lambda _: np.maximum,
    "Mul": lambda _: np.multiply,
    "Neg": lambda _: np.negative,
    "Pow": lambda _: np.power,
    "ReduceSum": _reduce_sum,
    "Relu": lambda _: lambda values: np.maximum(values, 0.0),
    "Sigmoid": lambda _: expit,
    "Sub": lambda _: np.subtract,
    "TreeEnsemble": _tree_ensemble,
    "Unsqueeze": lambda _: lambda values, axes: np.expand_dims(values, tuple(axes)),
    "Where": lambda _: np.where,
}
