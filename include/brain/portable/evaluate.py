"""Evaluating a verified ONNX model: the operators of our own graphs in NumPy, everything else in ONNX Runtime.

Both ways give a row the same bits whatever rows stand beside it, which replay depends on: sums run strictly from left
to right (`np.add.accumulate`; a BLAS product changes with the batch size), and ONNX Runtime is given one row at a time.
For our own graphs NumPy is also the faster way: no session has to be built for each model.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy.special import expit

from brain.core.errors import ArtifactRejected
from brain.portable.graph import INPUT, PRODUCER
from brain.portable.inspection import DOMAINS, Interface, refuse_unsafe
from brain.portable.kernels import KERNELS, array

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Array = NDArray[Any]


LINEAR_OPERATORS = ("Gather", "IsNaN", "Where", "MatMul", "Add", "Sigmoid", "Sub", "Concat")


class Evaluator(Protocol):
    """Turns rows of features into a model's outputs."""

    def outputs(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Raw outputs of `rows` (n, features) or (n, steps, features), shape (n, outputs).

        NaN where the model cannot tell. A classifier of two classes gives [down, up].
        """
        ...


def read_model(content: bytes, subject: str) -> Evaluator:
    """An evaluator for a model's verified bytes.

    Raises:
        ArtifactRejected: Not an ONNX model, or one that `refuse_unsafe` refuses.
    """
    return read_with_interface(content, subject)[0]


def read_with_interface(content: bytes, subject: str) -> tuple[Evaluator, Interface]:
    """An evaluator, and what the model takes and gives.

    Raises:
        ArtifactRejected: As `read_model`.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise rejected(subject, f"bytes that are not an ONNX model ({error})") from None
    if model.producer_name == PRODUCER and _is_ours(model.graph):
        ours = Interface(INPUT, "float64", model.graph.output[0].name)
        return LinearModel.of(model.graph) or Graph(model.graph), ours
    interface = refuse_unsafe(model, subject)
    return Session(content, subject, interface), interface


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

    def outputs(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        found = rows[:, self.columns]
        filled = np.where(np.isnan(found), self.fill, found)
        return _logistic(filled * self.weights, self.bias)


def stacked(models: Sequence[LinearModel], rows: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """What each model says of its one row (1, features), shape (models, 2).

    Bit-identical to evaluating each model separately: shorter models are padded with zero weights at the end, which
    leave a sum as it is.
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
    """[down, up] of each row of `products`, shape (n, 2)."""
    both = np.empty((len(products), 2))
    both[:, 1] = expit(np.add.accumulate(products, axis=1)[:, -1] + bias)
    np.subtract(1.0, both[:, 1], out=both[:, 0])
    return both


class Graph:
    """One of our own graphs: a straight line of operators.

    `constants` are by name, `nodes` the operators in order.
    """

    def __init__(self, graph: Any) -> None:
        self.constants: Mapping[str, Array] = {tensor.name: array(tensor) for tensor in graph.initializer}
        self.nodes = tuple(graph.node)
        self._steps = [(KERNELS[n.op_type](n), tuple(n.input), n.output[0]) for n in graph.node]
        self._output: str = graph.output[0].name

    def outputs(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.results(rows)[self._output]

    def results(self, rows: NDArray[np.float64]) -> dict[str, Array]:
        """What every operator gives, by the name of its result, and the constants."""
        values: dict[str, Array] = {INPUT: rows, **self.constants}
        for kernel, inputs, output in self._steps:
            values[output] = kernel(*(values[name] for name in inputs))
        return values


class Session:
    """Any other ONNX model, in ONNX Runtime with one thread, row by row."""

    def __init__(self, content: bytes, subject: str, interface: Interface) -> None:
        self._subject, self._session = subject, open_session(content, subject)
        self._interface = interface

    def outputs(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        typed = rows.astype(self._interface.precision)
        run, (name, _, output) = self._session.run, self._interface
        with runtime_errors(self._subject):
            found = [np.ravel(run([output], {name: typed[i : i + 1]})[0]) for i in range(len(typed))]
        if len({len(row) for row in found}) > 1:
            raise rejected(self._subject, "a model that gives rows of different lengths")
        return np.array(found, dtype=np.float64)


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
