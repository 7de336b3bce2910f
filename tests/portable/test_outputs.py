"""Models with other outputs than up and down: several classes, numbers, sequences, and ONNX that others wrote."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from brain.core.errors import ArtifactRejected, StoreError
from brain.portable.evaluate import LinearModel, read_model, stacked
from brain.portable.export import OnnxModel, export
from brain.portable.preparation import prepared, sequences
from tests.store.conftest import logistic_pipeline, training_rows

MATRIX = prepared(np.nan_to_num(training_rows(rows=400)[0]), "float32")
UP = training_rows(rows=400)[1]
THREE = np.where(MATRIX[:, 1] > 5, 2, UP)
LEVEL = MATRIX @ [1.0, 2.0, 3.0, 0.1] + 100
SEQUENCES = sequences(MATRIX, 6)


def regressors() -> list[Any]:
    from lightgbm import LGBMRegressor
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import Ridge

    return [Ridge(), RandomForestRegressor(20, max_depth=5), LGBMRegressor(n_estimators=20, verbose=-1)]


def classifiers() -> list[Any]:
    from lightgbm import LGBMClassifier
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(20, max_depth=5)
    return [logistic_pipeline(), forest, LGBMClassifier(n_estimators=20, verbose=-1)]


@pytest.mark.parametrize("model", classifiers(), ids=lambda model: type(model).__name__)
def test_a_classifier_of_three_classes_gives_the_probability_of_each(model: Any) -> None:
    found = export(model.fit(MATRIX, THREE), MATRIX[:200], "x")
    outputs = read_model(found.content, "x").outputs(MATRIX)
    np.testing.assert_allclose(outputs, model.predict_proba(MATRIX), atol=1e-5)
    assert (found.output_name, found.width, found.shape) == ("probabilities", 3, (4,))


@pytest.mark.parametrize("model", regressors(), ids=lambda model: type(model).__name__)
def test_a_regressor_gives_its_prediction(model: Any) -> None:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = make_pipeline(StandardScaler(), model).fit(MATRIX, LEVEL)
    found = export(pipeline, MATRIX[:200], "x")
    outputs = read_model(found.content, "x").outputs(MATRIX)
    np.testing.assert_allclose(outputs[:, 0], pipeline.predict(MATRIX), atol=1e-5 * np.abs(LEVEL).max())
    assert found.width == 1


def test_a_regressor_that_the_converter_gets_wrong_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.linear_model import Ridge

    model = Ridge().fit(MATRIX, LEVEL)
    right = model.predict
    monkeypatch.setattr(type(model), "predict", lambda _, rows: right(rows) * 1.0001)
    with pytest.raises(StoreError, match="outputs differ by"):
        export(model, MATRIX[:50], "x")


def test_a_classifier_without_probabilities_is_refused() -> None:
    from sklearn.svm import LinearSVC

    with pytest.raises(StoreError, match="LinearSVC, which gives no probabilities"):
        export(LinearSVC().fit(MATRIX, UP), MATRIX[:50], "x")


@pytest.mark.parametrize("classes", [["down", "up"], [1, 2, 3]], ids=str)
def test_classes_that_the_export_would_lose_are_refused(classes: list[Any]) -> None:
    from sklearn.tree import DecisionTreeClassifier

    labels = np.array(classes)[np.minimum(THREE, len(classes) - 1)]
    with pytest.raises(StoreError, match="found a classifier with classes"):
        export(DecisionTreeClassifier(max_depth=2).fit(MATRIX, labels), MATRIX[:50], "x")


def test_two_classes_come_as_down_and_up_with_the_bits_of_up() -> None:
    pipeline = logistic_pipeline().fit(MATRIX, UP)
    model = read_model(export(pipeline, MATRIX[:50], "x").content, "x")
    assert isinstance(model, LinearModel)
    outputs = model.outputs(MATRIX)
    assert outputs[:, 0].tobytes() == (1 - outputs[:, 1]).tobytes()
    together = stacked([model] * 20, [MATRIX[i : i + 1] for i in range(20)])
    assert together.tobytes() == outputs[:20].tobytes()


WEIGHTS = np.random.default_rng(0).normal(size=(4, 2))


def written(kind: int = TensorProto.DOUBLE, batch: int | None = None, **changes: Any) -> bytes:
    """The mean over the steps of a sequence times `WEIGHTS`: a model as another library may write it."""
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    weights = numpy_helper.from_array(WEIGHTS.astype(dtype), "weights")
    axes = numpy_helper.from_array(np.array([1], dtype=np.int64), "axes")
    nodes = [
        helper.make_node("ReduceMean", ["window", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["forecast"]),
        helper.make_node("ArgMax", ["forecast"], ["best"], axis=1, keepdims=0),
    ]
    inputs = [helper.make_tensor_value_info("window", kind, changes.get("shape", [batch, 6, 4]))]
    outputs = [
        helper.make_tensor_value_info("best", TensorProto.INT64, [batch]),
        helper.make_tensor_value_info("forecast", kind, [batch, 2]),
    ]
    if changes.get("mean"):
        outputs.append(helper.make_tensor_value_info("mean", kind, [batch, 4]))
    graph = helper.make_graph(nodes, "others", inputs, outputs[changes.get("first", 0) :], [weights, axes])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    content: bytes = model.SerializeToString()
    return content


def said(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    forecast: NDArray[np.float64] = rows.mean(axis=1) @ WEIGHTS
    return forecast


@pytest.mark.parametrize("batch", [None, 1], ids=["any number of rows", "one row at a time"])
@pytest.mark.parametrize("kind", [TensorProto.DOUBLE, TensorProto.FLOAT], ids=["float64", "float32"])
def test_a_model_of_sequences_that_its_own_code_wrote_is_a_version(kind: int, batch: int | None) -> None:
    found = export(OnnxModel(written(kind, batch), said(SEQUENCES[:60])), SEQUENCES[:60], "x")
    assert (found.exporter, found.input_name, found.shape) == ("given", "window", (6, 4))
    assert (found.output_name, found.width) == ("forecast", 2)
    model = read_model(found.content, "x")
    together = model.outputs(SEQUENCES[60:90])
    np.testing.assert_allclose(together, said(SEQUENCES[60:90]), rtol=1e-4, atol=1e-4)
    alone = np.concatenate([model.outputs(SEQUENCES[i : i + 1]) for i in range(60, 90)])
    assert together.tobytes() == alone.tobytes()


def test_a_model_that_does_not_say_what_its_code_says_is_refused() -> None:
    with pytest.raises(StoreError, match="given: outputs differ by"):
        export(OnnxModel(written(), said(SEQUENCES[:60]) * 1.001), SEQUENCES[:60], "x")


@pytest.mark.parametrize(
    "expected",
    [np.zeros(60), np.zeros((59, 2)), np.zeros((60, 3)), np.full((60, 2), np.inf)],
    ids=["one dimension", "too few rows", "too many outputs", "infinite"],
)
def test_expected_outputs_that_cannot_be_compared_are_refused(expected: Any) -> None:
    with pytest.raises(StoreError, match=r"x: found"):
        export(OnnxModel(written(), expected), SEQUENCES[:60], "x")


def test_a_comparison_with_nothing_is_refused() -> None:
    with pytest.raises(StoreError, match="no rows to check"):
        export(OnnxModel(written(), np.zeros((0, 2))), SEQUENCES[:0], "x")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (written(shape=[None, 6, 4, 1]), "an input of 4 dimensions"),
        (written(TensorProto.INT64), "no output of numbers"),
        (written(mean=True), "the outputs forecast, mean, none of them called probabilities"),
        (b"\x08\x09", "no output of numbers"),
        (b"no model at all", "not an ONNX model"),
    ],
    ids=["four dimensions", "whole numbers", "two outputs", "nothing", "no ONNX"],
)
def test_a_model_that_does_not_turn_one_tensor_into_numbers_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ArtifactRejected, match=reason):
        read_model(content, "x")
    with pytest.raises(StoreError, match=reason):
        export(OnnxModel(content, np.zeros((2, 2))), SEQUENCES[:2], "x")


def test_features_are_prepared_as_they_were_for_training() -> None:
    values = np.array([[0.1, np.inf], [-np.inf, 1e300], [np.nan, 2.0]])
    found = prepared(values, "float32")
    assert found[0, 0] == np.float32(0.1)
    assert np.isnan(found).tolist() == [[False, True], [True, True], [True, False]]
    assert prepared(values, "none") is values


def test_a_sequence_ends_with_its_row_and_begins_before_it() -> None:
    rows = np.arange(8.0).reshape(4, 2)
    assert sequences(rows, 3).tolist() == [rows[:3].tolist(), rows[1:].tolist()]
    assert sequences(rows, 5).shape == (0, 5, 2)
