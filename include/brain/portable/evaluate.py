"""Evaluating a verified ONNX model: the operators of our own graphs in NumPy, everything else in ONNX Runtime.

Both ways give the same bits for a row whatever rows stand beside it, which replay depends on: sums run strictly from
left to right (`np.add.accumulate`; a BLAS product changes with the batch size), and ONNX Runtime is given one row at a
time. For our own graphs NumPy is also the faster way: no session has to be built for each model.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy.special import expit

from brain.core.errors import ArtifactRejected
from brain.portable.graph import INPUT, OUTPUT, PRODUCER
from brain.portable.inspection import DOMAINS, refuse_unsafe
from brain.portable.kernels import KERNELS, array

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Array = NDArray[Any]


LINEAR_OPERATORS = ("Gather", "IsNaN", "Where", "MatMul", "Add", "Sigmoid", "Sub", "Concat")


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
    if model.producer_name == PRODUCER and _is_ours(model.graph):
        return LinearModel.of(model.graph) or Graph(model.graph)
    refuse_unsafe(model, subject)
    return Session(content, subject)


def _is_ours(graph: Any) -> bool:
    """Whether every operator is one that NumPy evaluates here, and every constant is inside the model."""
    known = all(node.op_type in KERNELS and node.domain in DOMAINS for node in graph.node)
    return known and not any(tensor.data_location or tensor.external_data for tensor in graph.initializer)


@dataclass(frozen=True)
class LinearModel:
    """A logistic regression with everything affine folded into its weights; `stacked` evaluates many at once.

    Args:
        columns, fill, weights: Shape (k,).
    """

    columns: Array
    fill: Array
    weights: Array
    bias: Array

    @classmethod
    def of(cls, graph: Any) -> LinearModel | None:
        """The model of a graph of exactly this form; None for any other."""
        if tuple(node.op_type for node in graph.node) != LINEAR_OPERATORS:
            return None
        columns, fill, weights, bias = (array(tensor) for tensor in graph.initializer[:4])
        return cls(columns, fill, weights[:, 0], bias)

    def probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        found = rows[:, self.columns]
        filled = np.where(np.isnan(found), self.fill, found)
        return _logistic(filled * self.weights, self.bias)


def stacked(models: Sequence[LinearModel], rows: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """P(up) of one row (1, features) by each model, shape (models,): the bits each gives alone.

    Shorter models are padded with zero weights at the end, which leave a sum as it is.
    """
    width = max(len(model.weights) for model in models)
    products = np.zeros((len(models), width))
    for place, (model, row) in enumerate(zip(models, rows, strict=True)):
        found = row[0, model.columns]
        missing = np.isnan(found)
        products[place, : len(found)] = np.where(missing, model.fill, found) if missing.any() else found
    weights = np.zeros((len(models), width))
    for place, model in enumerate(models):
        weights[place, : len(model.weights)] = model.weights
    return _logistic(products * weights, np.array([model.bias[0] for model in models]))


def _logistic(products: Array, bias: Array) -> NDArray[np.float64]:
    up: NDArray[np.float64] = expit(np.add.accumulate(products, axis=1)[:, -1] + bias)
    return up


class Graph:
    """One of our own graphs: a straight line of operators."""

    def __init__(self, graph: Any) -> None:
        constants = {tensor.name: array(tensor) for tensor in graph.initializer}
        self.constants: Mapping[str, Array] = constants
        self.operators = [node.op_type for node in graph.node]
        self._steps = [(KERNELS[n.op_type](n), tuple(n.input), n.output[0]) for n in graph.node]
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
        self._subject, self._session = subject, open_session(content, subject)
        source = self._session.get_inputs()[0]
        self._input, self._type = source.name, np.float64 if source.type == "tensor(double)" else np.float32

    def probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        typed = rows.astype(self._type)
        run, name = self._session.run, self._input
        with runtime_errors(self._subject):
            up = [run([OUTPUT], {name: typed[i : i + 1]})[0][0, 1] for i in range(len(typed))]
        return np.array(up, dtype=np.float64)


def open_session(content: bytes, subject: str, *, as_written: bool = False) -> Any:
    """An ONNX Runtime session with one thread and no memory arena (thousands of them follow one another).

    Args:
        as_written: Run the operators as they stand: rewriting them takes longer than a few hundred rows gain by it.

    Raises:
        ArtifactRejected: The runtime has no implementation for the model.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    if as_written:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    with runtime_errors(subject):
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


@contextmanager
def runtime_errors(subject: str) -> Iterator[None]:
    """Turn ONNX Runtime's errors, which have no common base, into ours."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    refusals = (state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf)
    try:
        yield
    except (*refusals, state.NotImplemented, state.RuntimeException) as error:
        raise rejected(subject, f"a model ONNX Runtime refuses ({str(error).strip()[:200]})") from None


def rejected(subject: str, found: str) -> ArtifactRejected:
    """The error for bytes that cannot be run as a model."""
    return ArtifactRejected(
        subject,
        found=found,
        expected="an ONNX model made of standard operators",
        remedy="It was not loaded. Train the model again, or roll back to an earlier version.",
    )
