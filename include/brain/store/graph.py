"""ONNX graphs written operator by operator: a millisecond where a general converter takes half a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from brain.store.preprocessing import Fill, NotTranslatable, Project, Scale, Select, Stretch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brain.store.preprocessing import Affine, Step
    from brain.store.trees import TreeArrays

INPUT = "features"
OUTPUT = "probabilities"
OPSETS = {"": 18, "ai.onnx.ml": 5}
IR_VERSION = 9
PRODUCER = "brain"


class GraphBuilder:
    """Collects nodes and constants of a double-precision graph over one input of shape (n, features)."""

    def __init__(self, features: int) -> None:
        self.features = features
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.current = INPUT

    def apply(self, operator: str, *constants: NDArray[Any] | str, **attributes: Any) -> str:
        """Append ``current = operator(current, *constants)``; a string names an earlier result."""
        from onnx import helper

        inputs = [self.current, *(value if isinstance(value, str) else self.constant(value) for value in constants)]
        return self._append(helper.make_node(operator, inputs, [f"{operator}_{len(self.nodes)}"], **attributes))

    def fill(self, values: NDArray[np.float64]) -> None:
        """Replace NaN by `values`."""
        from onnx import helper

        before = self.current
        missing = self.apply("IsNaN")
        node = helper.make_node("Where", [missing, self.constant(values), before], [f"Where_{len(self.nodes)}"])
        self._append(node)

    def constant(self, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def finish(self) -> bytes:
        """The model's bytes; the current result, P(up) of shape (n, 1), becomes (n, 2): down, up."""
        from onnx import TensorProto, helper

        up = self.current
        down = helper.make_node("Sub", [self.constant(np.array([1.0])), up], ["down"])
        both = helper.make_node("Concat", ["down", up], [OUTPUT], axis=1)
        double = TensorProto.DOUBLE
        graph = helper.make_graph(
            [*self.nodes, down, both],
            "direction",
            [helper.make_tensor_value_info(INPUT, double, [None, self.features])],
            [helper.make_tensor_value_info(OUTPUT, double, [None, 2])],
            self.constants,
        )
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name=PRODUCER)
        content: bytes = model.SerializeToString(deterministic=True)
        return content

    def _append(self, node: Any) -> str:
        self.nodes.append(node)
        self.current = node.output[0]
        return self.current


def linear_graph(
    features: int, before: Affine, coefficients: NDArray[np.float64], intercept: float, link: str
) -> bytes:
    """``link(filled(x[columns]) @ weights + bias)`` with everything affine folded into the weights.

    Args:
        coefficients: Shape (m,): the classifier's, over the preprocessed columns.
        link: ``logistic``, or ``modified_huber`` (Zadrozny and Elkan 2002, as scikit-learn's SGDClassifier).
    """
    weights = before.matrix @ coefficients
    bias = float(before.shift @ coefficients + intercept)
    graph = GraphBuilder(features)
    graph.apply("Gather", before.columns.astype(np.int64), axis=1)
    if not np.isnan(before.fill).any():
        graph.fill(before.fill)
    elif not np.isnan(before.fill).all():
        raise NotTranslatable("an imputer for some columns only")
    graph.apply("MatMul", weights.reshape(-1, 1))
    graph.apply("Add", np.array([bias]))
    if link == "logistic":
        graph.apply("Sigmoid")
    else:
        graph.apply("Clip", np.array(-1.0), np.array(1.0))
        graph.apply("Add", np.array([1.0]))
        graph.apply("Div", np.array([2.0]))
    return graph.finish()


def tree_graph(features: int, steps: list[Step], trees: TreeArrays) -> bytes:
    """Preprocessing step by step, in scikit-learn's order of operations, then one tree ensemble in double precision."""
    graph = GraphBuilder(features)
    for step in steps:
        _write_step(graph, step)
    if trees.float32_input:
        from onnx import TensorProto

        graph.apply("Cast", to=TensorProto.FLOAT)
        graph.apply("Cast", to=TensorProto.DOUBLE)
    graph.apply("TreeEnsemble", domain="ai.onnx.ml", **trees.attributes())
    if trees.logistic:
        graph.apply("Sigmoid")
    return graph.finish()


def _write_step(graph: GraphBuilder, step: Step) -> None:
    match step:
        case Fill(values):
            graph.fill(values)
        case Select(columns):
            graph.apply("Gather", columns.astype(np.int64), axis=1)
        case Scale(offset, divisor):
            graph.apply("Sub", offset)
            graph.apply("Div", divisor)
        case Stretch(factor, addend):
            graph.apply("Mul", factor)
            graph.apply("Add", addend)
        case Project(mean, axes, length):
            graph.apply("Sub", mean)
            graph.apply("MatMul", axes)
            graph.apply("Div", length)
        case _:
            raise NotTranslatable(f"{type(step).__name__} has no operators here")
