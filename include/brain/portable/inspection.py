"""What an ONNX model may contain before anything of it is run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brain.core.errors import ArtifactRejected

if TYPE_CHECKING:
    from collections.abc import Iterator

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
EXTERNAL = 1  # TensorProto.DataLocation


def refuse_unsafe(model: Any, subject: str) -> None:
    """Refuse custom operators, functions, external data and a model without the output we read.

    Args:
        model: A parsed `onnx.ModelProto`.

    Raises:
        ArtifactRejected: Naming the first offence.
    """
    offence = next(_offences(model), None)
    if offence is not None:
        raise ArtifactRejected(
            subject,
            found=offence,
            expected="a self-contained ONNX classifier made of standard operators, with an output `probabilities`",
            remedy="It was not run. Export the model with standard operators only, or roll back to an earlier version.",
        )


def _offences(model: Any) -> Iterator[str]:
    yield from (f"operators of the domain {o.domain!r}" for o in model.opset_import if o.domain not in DOMAINS)
    if model.functions:
        yield f"{len(model.functions)} functions defined inside the model"
    if not any(output.name == "probabilities" for output in model.graph.output):
        yield "no output named `probabilities`"
    if len(model.graph.input) != 1:
        yield f"{len(model.graph.input)} inputs"
    yield from _graph_offences(model.graph)


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
