"""From a fitted model to ONNX bytes that were compared with it on real rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.core.errors import ArtifactRejected, StoreError
from brain.portable.classifiers import joined_graph, own_graph
from brain.portable.conversion import CONVERTER_OPSETS, converted, converted_classifier, converted_mean
from brain.portable.evaluate import open_session, read_with_interface, runtime_errors
from brain.portable.graph import OPSETS, OUTPUT
from brain.portable.mean import LogOddsMean
from brain.portable.preprocessing import NotTranslatable, split_pipeline
from brain.portable.reference import fitted_outputs, is_classifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from brain.portable.inspection import Interface

    Values = NDArray[np.float64]

TOLERANCE = 1e-5
RUNTIME_ROWS = 64  # how many of the check rows, evenly spread, ONNX Runtime is asked about, too


@dataclass(frozen=True)
class OnnxModel:
    """A model that its training code wrote as ONNX itself.

    Args:
        content: The bytes of an ONNX model of standard operators, with one input and one output of numbers.
        expected: What the training code says of the check rows, shape (n, outputs).
    """

    content: bytes
    expected: Values


@dataclass(frozen=True)
class Export:
    """A model's ONNX form and how far it is from the fitted model.

    Args:
        exporter: ``brain`` (our own graph), ``skl2onnx``, both (our preprocessing and its classifier), or ``given``.
        precision: Of the model's input: ``float64`` or ``float32``.
        max_difference: Largest absolute difference of an output on the check rows.
        shape: Of one row: (features,) or (steps, features).
        width: Outputs a row.
    """

    content: bytes
    exporter: str
    precision: str
    opsets: dict[str, int]
    max_difference: float
    input_name: str
    shape: tuple[int, ...]
    output_name: str
    width: int


def export(model: Any, check_rows: Values, subject: str) -> Export:
    """The first ONNX form of `model` that agrees with it on every check row.

    Probabilities (an output called ``probabilities``) agree if none differs by more than `TOLERANCE`. Other outputs,
    those of regressors, agree if none differs by more than `TOLERANCE` times the largest of them: the converter writes
    regressors in single precision, which keeps seven digits.

    Args:
        model: A fitted scikit-learn or LightGBM classifier with classes 0, 1, …, a `LogOddsMean` of such, a regressor,
            or an `OnnxModel`.
        check_rows: Real training rows, shape (n, features) or (n, steps, features); n of at least 1.

    Raises:
        StoreError: No form agrees; the message says what each attempt gave.
    """
    rows = np.ascontiguousarray(check_rows, dtype=np.float64)
    if len(rows) == 0:
        raise _refused(subject, "no rows to check the export on")
    expected = _expected(model, rows, subject)
    outcomes = []
    for name, opsets, attempt in _attempts(model, rows.shape[-1]):
        try:
            found = _compared(attempt(), name, opsets, rows, expected, subject)
        except _CONVERSION_ERRORS as error:
            outcomes.append(f"{name}: {type(error).__name__}: {_brief(error)}")
            continue
        if found.max_difference <= _allowed(found, expected):
            return found
        what = "probabilities" if found.output_name == OUTPUT else "outputs"
        outcomes.append(f"{name}: {what} differ by {found.max_difference:.2g}")
    raise _refused(subject, f"no export that agrees with {_describe(model)} ({'; '.join(outcomes)})")


# What converters and the runtime raise on models they do not support; skl2onnx raises bare RuntimeErrors and more.
_CONVERSION_ERRORS = (
    ArtifactRejected,
    NotTranslatable,
    AttributeError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)


def _expected(model: Any, rows: Values, subject: str) -> Values:
    """What the model itself says of the check rows, shape (n, outputs)."""
    if isinstance(model, OnnxModel):
        expected = np.asarray(model.expected, dtype=np.float64)
        if expected.ndim != 2 or len(expected) != len(rows):
            raise _refused(subject, f"expected outputs of shape {expected.shape} for {len(rows)} check rows")
    else:
        try:
            if is_classifier(model):
                _refuse_unnumbered_classes(model, subject)
            expected = fitted_outputs(model, rows)
        except StoreError:
            raise
        except Exception as error:  # it is somebody else's code: not fitted, other columns, no rows with gaps, …
            told = f"a model that cannot score the rows it is given: {type(error).__name__}: {_brief(error)}"
            raise _refused(subject, told) from error
    if np.isinf(expected).any():
        raise _refused(subject, "a model that gives infinite outputs")
    return expected


def _refuse_unnumbered_classes(model: Any, subject: str) -> None:
    """Output number j is the probability of class j: other names would be lost in the export."""
    classes = list(model.classes_)
    if classes != list(range(len(classes))):
        raise _refused(subject, f"a classifier with classes {classes!r}, not 0 to {len(classes) - 1}")
    if not hasattr(model, "predict_proba"):
        raise _refused(subject, f"{_describe(model)}, which gives no probabilities")


def _compared(
    content: bytes, exporter: str, opsets: dict[str, int], rows: Values, expected: Values, subject: str
) -> Export:
    """The export, with its largest difference from what was expected.

    Both ways to evaluate the model are compared: ours, which publishes, and ONNX Runtime's, which others will use.
    """
    evaluator, interface = read_with_interface(content, subject)
    some = slice(None, None, max(1, len(rows) // RUNTIME_ROWS))
    ours, theirs = evaluator.outputs(rows), runtime_outputs(content, interface, rows[some])
    if ours.shape != expected.shape or theirs.shape != expected[some].shape:
        raise NotTranslatable(f"outputs of shape {ours.shape}, not {expected.shape}")
    difference = np.maximum(np.abs(ours - expected).max(), np.abs(theirs - expected[some]).max())
    return Export(
        content,
        exporter,
        interface.precision,
        opsets,
        float(difference),
        interface.input_name,
        rows.shape[1:],
        interface.output_name,
        ours.shape[1],
    )


def _allowed(found: Export, expected: Values) -> float:
    return TOLERANCE if found.output_name == OUTPUT else TOLERANCE * float(np.abs(expected).max())


def runtime_outputs(content: bytes, interface: Interface, rows: Values) -> Values:
    """What ONNX Runtime says of all `rows` at once, shape (n, outputs)."""
    session = open_session(content, "the exported model", as_written=True)
    typed = rows.astype(interface.precision)
    # A model that takes one row at a time only says so in its shape.
    takes_one = session.get_inputs()[0].shape[:1] == [1]
    with runtime_errors("the exported model"):
        batches = [typed[i : i + 1] for i in range(len(typed))] if takes_one else [typed]
        found = [session.run([interface.output_name], {interface.input_name: batch})[0] for batch in batches]
    return np.concatenate(found).reshape(len(rows), -1).astype(np.float64)


def _attempts(model: Any, features: int) -> Iterator[tuple[str, dict[str, int], Callable[[], bytes]]]:
    """Ways to write the model, the most exact first: their names, opsets and what writes them."""
    if isinstance(model, OnnxModel):
        yield "given", _opsets(model.content), lambda: model.content
        return
    if isinstance(model, LogOddsMean):
        yield "brain", OPSETS, lambda: joined_graph(model, features)
        yield "brain", OPSETS, lambda: own_graph(model, features)
        yield "brain+skl2onnx", CONVERTER_OPSETS, lambda: converted_mean(model, features)
        return
    yield "brain", OPSETS, lambda: own_graph(model, features)
    yield "brain+skl2onnx", CONVERTER_OPSETS, lambda: converted_classifier(model, features)
    yield "skl2onnx", CONVERTER_OPSETS, lambda: converted(model, features)


def _opsets(content: bytes) -> dict[str, int]:
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        return {entry.domain: entry.version for entry in onnx.load_model_from_string(content).opset_import}
    except DecodeError:
        return {}  # reading the model, next, says what is wrong


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:160]


def _describe(model: Any) -> str:
    if isinstance(model, OnnxModel):
        return "the model's own code"
    if isinstance(model, LogOddsMean):
        return f"the mean of {', '.join(map(_describe, model.members))}"
    transformers, last = split_pipeline(model)
    return " → ".join(type(part).__name__ for part in [*transformers, last])


def _refused(subject: str, found: str) -> StoreError:
    return StoreError(
        subject,
        found=found,
        expected=f"an ONNX export within {TOLERANCE:g} of the fitted model on its training rows",
        remedy="The model was not stored; the present champion stays. Use another kind of model for it.",
    )
