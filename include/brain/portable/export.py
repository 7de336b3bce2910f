"""From a fitted pipeline to ONNX bytes that were compared with it on real rows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.core.errors import ArtifactRejected, StoreError
from brain.portable.classifiers import own_graph, write_steps
from brain.portable.evaluate import open_session, read_model, runtime_errors
from brain.portable.graph import INPUT, OPSETS, OUTPUT, GraphBuilder
from brain.portable.preprocessing import NotTranslatable, read_steps, split_pipeline
from brain.portable.reference import fitted_probability

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

TOLERANCE = 1e-5
RUNTIME_ROWS = 64  # how many of the check rows, evenly spread, ONNX Runtime is asked about, too
CONVERTER_OPSETS = {"": 18, "ai.onnx.ml": 3}


@dataclass(frozen=True)
class Export:
    """A model's ONNX form and how far it is from the fitted pipeline.

    Args:
        exporter: ``brain`` (our own graph), ``skl2onnx``, or both: our preprocessing and its classifier.
        precision: Of the model's input: ``float64`` or ``float32``.
        max_difference: Largest absolute difference of P(up) on the check rows.
    """

    content: bytes
    exporter: str
    precision: str
    opsets: dict[str, int]
    max_difference: float


def export(pipeline: Any, check_rows: NDArray[np.float64], subject: str) -> Export:
    """The first ONNX form of `pipeline` that agrees with it on every check row.

    Args:
        pipeline: Fitted, with classes (0, 1).
        check_rows: Real training rows, shape (n, features); n of at least 1.

    Raises:
        StoreError: No form agrees within `TOLERANCE`; the message says what each attempt gave.
    """
    rows = np.ascontiguousarray(check_rows, dtype=np.float64)
    if len(rows) == 0:
        raise _refused(subject, "no rows to check the export on")
    if list(getattr(pipeline, "classes_", [0, 1])) != [0, 1]:
        raise _refused(subject, f"a classifier with classes {list(pipeline.classes_)!r}, not [0, 1]")
    expected = fitted_probability(pipeline, rows)
    outcomes = []
    for name, precision, opsets, attempt in _attempts(pipeline, rows.shape[1]):
        try:
            content = attempt()
            difference = _difference(content, rows, expected, subject)
        except _CONVERSION_ERRORS as error:
            outcomes.append(f"{name} {precision}: {type(error).__name__}: {_brief(error)}")
            continue
        if difference <= TOLERANCE:
            return Export(content, name, precision, opsets, difference)
        outcomes.append(f"{name} {precision}: probabilities differ by {difference:.2g}")
    raise _refused(subject, f"no export that agrees with {_describe(pipeline)} ({'; '.join(outcomes)})")


# What converters and the runtime raise on models they do not support; skl2onnx raises bare RuntimeErrors and more.
_CONVERSION_ERRORS = (
    ArtifactRejected,
    NotTranslatable,
    AttributeError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)


def _difference(content: bytes, rows: NDArray[np.float64], expected: NDArray[np.float64], subject: str) -> float:
    """Of both ways to evaluate the model: ours, which publishes, and ONNX Runtime's, which others will use."""
    ours = read_model(content, subject).probability(rows)
    some = slice(None, None, max(1, len(rows) // RUNTIME_ROWS))
    theirs = runtime_probability(content, rows[some])
    return float(np.maximum(np.abs(ours - expected).max(), np.abs(theirs - expected[some]).max()))


def runtime_probability(content: bytes, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(up) by ONNX Runtime for all `rows` (n, features) at once."""
    session = open_session(content, "the exported model", as_written=True)
    kind = np.float64 if session.get_inputs()[0].type == "tensor(double)" else np.float32
    with runtime_errors("the exported model"):
        (both,) = session.run([OUTPUT], {session.get_inputs()[0].name: rows.astype(kind)})
    return np.asarray(both[:, 1], dtype=np.float64)


def _attempts(pipeline: Any, features: int) -> Iterator[tuple[str, str, dict[str, int], Callable[[], bytes]]]:
    yield "brain", "float64", OPSETS, lambda: own_graph(pipeline, features)
    yield "brain+skl2onnx", "float64", CONVERTER_OPSETS, lambda: _converted_classifier(pipeline, features)
    yield "skl2onnx", "float32", CONVERTER_OPSETS, lambda: _convert(pipeline, features, INPUT).SerializeToString()


def _converted_classifier(pipeline: Any, features: int) -> bytes:
    """Our preprocessing in double precision, followed by the converter's classifier in single."""
    from onnx import TensorProto, compose

    transformers, classifier = split_pipeline(pipeline)
    graph = GraphBuilder(features, CONVERTER_OPSETS)
    write_steps(graph, read_steps(transformers))
    graph.apply("Cast", to=TensorProto.FLOAT)
    graph.apply("Identity")
    before = graph.model(graph.current, classifier.n_features_in_)
    before.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT
    after = _convert(classifier, classifier.n_features_in_, "prepared")
    after.ir_version = before.ir_version
    # The converter names only the domains it used, at the version it needed; later ones hold the same operators.
    del after.opset_import[:]
    after.opset_import.extend(before.opset_import)
    merged = compose.merge_models(before, after, [(graph.current, "prepared")], outputs=[OUTPUT])
    content: bytes = merged.SerializeToString(deterministic=True)
    return content


def _convert(model: Any, features: int, name: str) -> Any:
    import skl2onnx
    from skl2onnx.common.data_types import FloatTensorType

    _, classifier = split_pipeline(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the comparison that follows is what decides
        return skl2onnx.to_onnx(
            model,
            initial_types=[(name, FloatTensorType([None, features]))],
            options={id(classifier): {"zipmap": False}},
            target_opset=CONVERTER_OPSETS,
        )


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:160]


def _describe(pipeline: Any) -> str:
    transformers, classifier = split_pipeline(pipeline)
    return " → ".join(type(part).__name__ for part in [*transformers, classifier])


def _refused(subject: str, found: str) -> StoreError:
    return StoreError(
        subject,
        found=found,
        expected=f"an ONNX export within {TOLERANCE:g} of the fitted pipeline on its training rows",
        remedy="The model was not stored; the present champion stays. Use another classifier for this cell.",
    )
