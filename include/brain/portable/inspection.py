"""What an ONNX model may contain before anything of it is run, and what it takes and gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from brain.core.errors import ArtifactRejected
from brain.portable.graph import DOUBLE, FLOAT, OUTPUT

if TYPE_CHECKING:
    from collections.abc import Iterator

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
EXTERNAL = 1  # TensorProto.DataLocation
RANKS = (2, 3)  # (n, features) and (n, steps, features)


class Interface(NamedTuple):
    """The names of a model's input and of the output that is read, and the input's type."""

    input_name: str
    precision: str
    output_name: str


def refuse_unsafe(model: Any, subject: str) -> Interface:
    """Refuse custom operators, functions, external data, and a model that does not turn one tensor into numbers.

    Args:
        model: A parsed `onnx.ModelProto`.

    Returns:
        What it takes and gives: the output called `probabilities` if there is one, else the only one of numbers.

    Raises:
        ArtifactRejected: Naming the first offence.
    """
    offence = next(_offences(model), None)
    if offence is not None:
        raise ArtifactRejected(
            subject,
            found=offence,
            expected="a self-contained ONNX model of standard operators, with one input of shape (n, features) or"
            " (n, steps, features) and one output of numbers",
            remedy="It was not run. Export the model with standard operators only, or roll back to an earlier version.",
        )
    (source,) = model.graph.input
    precision = "float64" if source.type.tensor_type.elem_type == DOUBLE else "float32"
    return Interface(source.name, precision, outputs_read(model.graph)[0])


def outputs_read(graph: Any) -> list[str]:
    """The output called `probabilities`, or all outputs that are tensors of floating-point numbers."""
    numbers = [output.name for output in graph.output if output.type.tensor_type.elem_type in (FLOAT, DOUBLE)]
    return [OUTPUT] if OUTPUT in numbers else numbers


def _offences(model: Any) -> Iterator[str]:
    yield from (f"operators of the domain {o.domain!r}" for o in model.opset_import if o.domain not in DOMAINS)
    if model.functions:
        yield f"{len(model.functions)} functions defined inside the model"
    outputs = outputs_read(model.graph)
    if not outputs:
        yield "no output of numbers"
    if len(outputs) > 1:
        yield f"the outputs {', '.join(outputs)}, none of them called {OUTPUT}"
    yield from _input_offences(model.graph)
    yield from _graph_offences(model.graph)


def _input_offences(graph: Any) -> Iterator[str]:
    if len(graph.input) != 1:
        yield f"{len(graph.input)} inputs"
        return
    kind = graph.input[0].type.tensor_type
    if kind.elem_type not in (FLOAT, DOUBLE):
        yield "an input that takes no floating-point numbers"
    if kind.HasField("shape") and len(kind.shape.dim) not in RANKS:
        yield f"an input of {len(kind.shape.dim)} dimensions"


def _graph_offences(graph: Any) -> Iterator[str]:
    tensors = list(graph.initializer)
    for node in graph.node:
        if node.domain not in DOMAINS:
            yield f"the operator {node.op_type!r} of the domain {node.domain!r}"
        for attribute in node.attribute:
            tensors += [attribute.t, *attribute.tensors]
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                yield from _graph_offences(inner)
    if graph.sparse_initializer:
        yield "sparse initializers"
    if any(tensor.data_location == EXTERNAL or tensor.external_data for tensor in tensors):
        yield "a tensor kept outside the model"
