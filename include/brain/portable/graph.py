"""ONNX graphs written operator by operator: a millisecond where a general converter takes half a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

INPUT = "features"
OUTPUT = "probabilities"
OPSETS = {"": 18, "ai.onnx.ml": 5}
IR_VERSION = 9
PRODUCER = "brain"
# Part of the bytes whose hash a document signs: under another name every export would differ from the stored ones.
GRAPH_NAME = "direction"
DOMAINS = {"TreeEnsemble": "ai.onnx.ml"}  # of operators outside the standard one

# TensorProto's numbers for the types our graphs use.
FLOAT, UINT8, INT64, DOUBLE = 1, 2, 7, 11
SEVEN_BITS = 0x7F
_KINDS = {"float32": FLOAT, "uint8": UINT8, "int64": INT64, "float64": DOUBLE}


class GraphBuilder:
    """Writes the nodes and constants of a double-precision graph over one input of shape (n, features).

    `current` names the latest result, which the next operator takes.
    """

    def __init__(self, features: int, opsets: dict[str, int] = OPSETS) -> None:
        from onnx import ModelProto, helper

        self._model = ModelProto(
            ir_version=IR_VERSION,
            producer_name=PRODUCER,
            opset_import=[helper.make_opsetid(domain, version) for domain, version in opsets.items()],
        )
        self._graph = self._model.graph
        self._graph.name = GRAPH_NAME
        self._graph.input.append(helper.make_tensor_value_info(INPUT, DOUBLE, [None, features]))
        self.current = INPUT

    def apply(self, operator: str, *operands: NDArray[Any] | str, **attributes: Any) -> str:
        """Append ``current = operator(current, *operands)``; a string names an earlier result."""
        return self.combine(operator, self.current, *operands, **attributes)

    def combine(self, operator: str, *operands: NDArray[Any] | str, **attributes: Any) -> str:
        """Append ``current = operator(*operands)``; a string names an earlier result.

        Args:
            attributes: A whole number, an array of whole numbers or truth values (a list in ONNX), or any other array
                (a tensor).
        """
        inputs = [operand if isinstance(operand, str) else self.constant(operand) for operand in operands]
        self.current = f"{operator}_{len(self._graph.node)}"
        self._append(operator, inputs, self.current, attributes)
        return self.current

    def fill(self, values: NDArray[np.float64]) -> None:
        """Replace NaN by `values`."""
        before = self.current
        self.combine("Where", self.apply("IsNaN"), values, before)

    def constant(self, values: NDArray[Any]) -> str:
        name = f"constant_{len(self._graph.initializer)}"
        self._graph.initializer.add(name=name, **_content(values))
        return name

    def absorb(self, graph: Any, prefix: str) -> str:
        """Append the nodes of another graph over the same input, under names that begin with `prefix`; its output."""
        from onnx import compose

        renamed = compose.add_prefix_graph(graph, prefix)
        self._append("Identity", [INPUT], renamed.input[0].name, {})
        self._graph.node.extend(renamed.node)
        self._graph.initializer.extend(renamed.initializer)
        output: str = renamed.output[-1].name
        return output

    def finish(self) -> bytes:
        """The model's bytes; the current result, P(up) of shape (n, 1), becomes (n, 2): down, up."""
        up = self.current
        down = self.combine("Sub", np.array([1.0]), up)
        return self.join([down, up], OUTPUT)

    def join(self, columns: list[str], output: str) -> bytes:
        """The model's bytes; results of shape (n, 1) become one of shape (n, columns), called `output`."""
        self._append("Concat", columns, output, {"axis": 1})
        content: bytes = self.model(output, len(columns)).SerializeToString(deterministic=True)
        return content

    def model(self, output: str, width: int | None) -> Any:
        """The `onnx.ModelProto` that gives the result called `output`, of shape (n, width); nothing can follow."""
        from onnx import helper

        self._graph.output.append(helper.make_tensor_value_info(output, DOUBLE, [None, width]))
        return self._model

    def _append(self, operator: str, inputs: list[str], output: str, attributes: dict[str, Any]) -> None:
        # In place, and not through onnx.helper: it copies every list three times and looks at each element of it.
        node = self._graph.node.add(op_type=operator, input=inputs, output=[output], domain=DOMAINS.get(operator))
        for name, value in sorted(attributes.items()):
            attribute = node.attribute.add(name=name)
            if isinstance(value, int):
                attribute.type, attribute.i = attribute.INT, value
            elif value.dtype.kind in "ib":
                attribute.type = attribute.INTS
                attribute.MergeFromString(_ints(value))
            else:
                attribute.type = attribute.TENSOR
                attribute.t.MergeFrom(attribute.t.__class__(**_content(value)))


def _content(values: NDArray[Any]) -> dict[str, Any]:
    """Fields of the TensorProto."""
    return {"dims": values.shape, "data_type": _KINDS[values.dtype.name], "raw_data": values.tobytes()}


def _ints(values: NDArray[Any]) -> bytes:
    """The field ``ints`` of an AttributeProto with `values` (whole numbers from 0), packed: its tag, size, content."""
    content = _varints(values) if values.dtype.kind == "i" else values.astype(np.uint8).tobytes()
    size, rest = bytearray(), len(content)
    while rest > SEVEN_BITS:
        size.append(rest & SEVEN_BITS | SEVEN_BITS + 1)
        rest >>= 7
    return b"\x42" + bytes([*size, rest]) + content


def _varints(values: NDArray[np.int64]) -> bytes:
    """Protobuf's form of whole numbers: seven bits a byte, lowest first, the eighth set in all but the last."""
    largest = int(values.max(initial=0))
    if largest <= SEVEN_BITS:
        return values.astype(np.uint8).tobytes()
    rest = values[:, None] >> np.arange(0, largest.bit_length(), 7)
    follows = rest > SEVEN_BITS
    written = np.ones_like(follows)
    written[:, 1:] = follows[:, :-1]
    return (rest & SEVEN_BITS | follows * (SEVEN_BITS + 1)).astype(np.uint8)[written].tobytes()
