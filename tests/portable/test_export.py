"""From fitted pipelines to ONNX that gives the same probabilities."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import onnx
import pytest

from brain.core.errors import StoreError
from brain.learning.families import families
from brain.learning.family import Choice
from brain.learning.fitting import quiet_single_thread
from brain.learning.search_space import CONSTANT, build
from brain.portable.evaluate import read_model, read_with_interface
from brain.portable.export import TOLERANCE, export, runtime_outputs
from brain.portable.graph import GraphBuilder
from brain.portable.reference import fitted_outputs
from tests.store.conftest import training_rows

SETTINGS: dict[str, dict[str, Any]] = {
    "logistic": {"C": 0.1, "penalty": "l2"},
    "quadratic": {"C": 0.1, "terms": 9},
    "sgd": {"alpha": 0.01, "penalty": "l2"},
    "forest": {"trees": 20, "depth": 5, "leaf": 0.02, "features": "sqrt"},
    "extra_trees": {"trees": 20, "depth": 5, "leaf": 0.02},
    "boosting": {"trees": 20, "rate": 0.1, "leaves": 8, "leaf": 0.02, "features": 0.7, "ridge": 1.0},
    "svc": {"C": 1.0, "kernel": "rbf"},
    "bagged_svc": {"C": 1.0, "models": 3},
    "naive_bayes": {"smoothing": 1e-9},
    "neighbours": {"k": 25, "weights": "uniform"},
}
OWN = ("logistic", "quadratic", "sgd", "forest", "extra_trees", "boosting")
MATRIX, OUTCOME = training_rows(rows=400)


def settings(name: str) -> dict[str, Any]:
    """Parameters of a family: those above, or the lowest of its space."""
    lowest = {
        parameter: dimension.values[0] if isinstance(dimension, Choice) else dimension.low
        for parameter, dimension in families()[name].space.items()
    }
    return SETTINGS.get(name, lowest)


def cases() -> list[dict[str, Any]]:
    """Every preprocessing with a classifier that has a graph of ours; each other classifier with the standard one."""
    found = []
    for name, family in families().items():
        scale, select = (family.preprocessing.get(step, Choice(("none",))) for step in ("scale", "select"))
        assert isinstance(scale, Choice)
        assert isinstance(select, Choice)
        scales = scale.values if name == "logistic" else scale.values[:1]
        for scaled, selected in itertools.product(scales, select.values if name in OWN else ("none",)):
            found.append({"classifier": name, "scale": scaled, "select": selected, "share": 0.5, "seed": 1})
    return [{**case, **settings(case["classifier"])} for case in found]


def fitted(parameters: dict[str, Any]) -> Any:
    with quiet_single_thread():
        return build(parameters, *MATRIX.shape).fit(MATRIX, OUTCOME)


@pytest.mark.parametrize(
    "parameters", [*cases(), {**CONSTANT, "seed": 1}], ids=lambda p: f"{p['classifier']}-{p['scale']}-{p['select']}"
)
def test_every_pipeline_of_the_search_space_exports(parameters: dict[str, Any]) -> None:
    pipeline = fitted(parameters)
    found = export(pipeline, MATRIX[:200], "x")
    unseen = training_rows(seed=9)[0]
    expected = pipeline.predict_proba(unseen)[:, 1]
    model, interface = read_with_interface(found.content, "x")
    assert np.abs(model.outputs(unseen)[:, 1] - expected).max() < TOLERANCE
    assert np.abs(runtime_outputs(found.content, interface, unseen)[:, 1] - expected).max() < TOLERANCE
    if parameters["classifier"] in OWN:
        assert (found.exporter, found.max_difference < 1e-12) == ("brain", True)


@pytest.mark.parametrize("classifier", sorted(families()))
def test_a_row_gets_the_same_bits_alone_and_among_others(classifier: str) -> None:
    scale = "power" if "scale" in families()[classifier].preprocessing else "none"
    parameters = {"classifier": classifier, "scale": scale, "select": "none", "seed": 1, **settings(classifier)}
    model = read_model(export(fitted(parameters), MATRIX[:50], "x").content, "x")
    together = model.outputs(MATRIX[:150])
    alone = np.concatenate([model.outputs(MATRIX[i : i + 1]) for i in range(150)])
    assert together.tobytes() == alone.tobytes()


@pytest.mark.parametrize("steps", ["none", "all-missing column", "constant column", "repeated quantiles"])
@pytest.mark.parametrize("scale", ["standard", "power", "quantile"])
def test_awkward_columns_survive_every_scaling(steps: str, scale: str) -> None:
    matrix = MATRIX.copy()
    if steps == "all-missing column":
        matrix[:, 1] = np.nan
    elif steps == "constant column":
        matrix[:, 1] = 3.0
    elif steps == "repeated quantiles":
        matrix[:, 1] = np.round(matrix[:, 1] / 10)
    parameters = {"classifier": "logistic", "scale": scale, "select": "none", "seed": 1, **SETTINGS["logistic"]}
    with quiet_single_thread():
        pipeline = build(parameters, *matrix.shape).fit(matrix, OUTCOME)
    found = export(pipeline, matrix, "x")
    assert (found.exporter, found.max_difference < 1e-9) == ("brain", True)
    far = matrix * 50
    expected = pipeline.predict_proba(far)[:, 1]
    assert np.abs(read_model(found.content, "x").outputs(far)[:, 1] - expected).max() < TOLERANCE


def test_forests_that_take_missing_values_themselves_export_exactly() -> None:
    from lightgbm import LGBMClassifier
    from sklearn.ensemble import RandomForestClassifier

    for classifier in (RandomForestClassifier(10, max_depth=5), LGBMClassifier(n_estimators=10, verbose=-1)):
        found = export(classifier.fit(MATRIX, OUTCOME), MATRIX, "x")
        assert (found.exporter, found.max_difference < 1e-12) == ("brain", True)


def test_opsets_are_explicit_and_classes_come_as_columns() -> None:
    model = onnx.load_model_from_string(export(fitted(cases()[0]), MATRIX[:50], "x").content)
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": 18, "ai.onnx.ml": 5}
    (output,) = model.graph.output
    assert [d.dim_value for d in output.type.tensor_type.shape.dim][1] == 2


def test_the_same_pipeline_gives_the_same_bytes() -> None:
    pipeline = fitted(cases()[0])
    assert export(pipeline, MATRIX[:50], "x").content == export(pipeline, MATRIX[:50], "x").content


def test_a_classifier_that_cannot_be_exported_is_refused_with_reasons() -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(max_iter=5).fit(MATRIX, OUTCOME)
    with pytest.raises(StoreError, match=r"GOLD: found no export .* HistGradientBoostingClassifier"):
        export(model, MATRIX[:50], "GOLD")


def test_a_pipeline_that_puts_its_steps_together_in_its_own_way_is_taken_at_its_word() -> None:
    from sklearn.pipeline import Pipeline

    class Cautious(Pipeline):  # type: ignore[misc]
        def predict_proba(self, rows: np.ndarray) -> Any:
            return 0.5 + (super().predict_proba(rows) - 0.5) / 2

    with pytest.raises(StoreError, match="probabilities differ by"):
        export(Cautious(fitted(cases()[0]).steps), MATRIX[:50], "x")


def test_an_export_that_disagrees_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = fitted(cases()[0])
    right = pipeline[-1].predict_proba
    monkeypatch.setattr(type(pipeline[-1]), "predict_proba", lambda _, rows: right(rows) * [[1.0, 0.9]])
    with pytest.raises(StoreError, match="probabilities differ by"):
        export(pipeline, MATRIX[:50], "x")


@pytest.mark.parametrize(
    ("labels", "rows"), [(OUTCOME + 1, 50), (OUTCOME, 0)], ids=["classes 1 and 2", "no rows to check on"]
)
def test_what_cannot_be_checked_is_refused(labels: Any, rows: int) -> None:
    from sklearn.tree import DecisionTreeClassifier

    with pytest.raises(StoreError, match=r"classes|no rows"):
        export(DecisionTreeClassifier(max_depth=2).fit(MATRIX, labels), MATRIX[:rows], "x")


@pytest.mark.parametrize("classifier", OWN)
def test_the_reference_has_the_bits_of_the_pipelines_own_predict_proba(classifier: str) -> None:
    pipeline = fitted({"classifier": classifier, "scale": "none", "select": "none", "seed": 1, **SETTINGS[classifier]})
    expected = pipeline.predict_proba(MATRIX)[:, 1]
    assert fitted_outputs(pipeline, MATRIX)[:, 1].tobytes() == np.ascontiguousarray(expected).tobytes()


def test_forests_of_bare_roots_export_exactly() -> None:
    from lightgbm import LGBMClassifier
    from sklearn.ensemble import RandomForestClassifier

    matrix = np.nan_to_num(MATRIX)
    forest = RandomForestClassifier(10, max_depth=3, min_samples_leaf=190, random_state=0).fit(matrix, OUTCOME)
    assert 1 in {estimator.tree_.node_count for estimator in forest.estimators_}
    boosted = LGBMClassifier(n_estimators=3, min_child_samples=399, verbose=-1).fit(matrix, OUTCOME)
    for classifier in (forest, boosted):
        found = export(classifier, matrix, "x")
        assert (found.exporter, found.max_difference < 1e-12) == ("brain", True)


@pytest.mark.parametrize("largest", [0, 127, 128, 300, 16_383, 16_384, 2_000_000])
def test_lists_of_whole_numbers_survive_the_hand_written_protobuf(largest: int) -> None:
    numbers = np.unique(np.linspace(0, largest, 50).astype(np.int64))
    graph = GraphBuilder(1)
    graph.apply("Anything", numbers=numbers, flags=numbers % 2 == 1)
    node = onnx.load_model_from_string(graph.finish()).graph.node[0]
    found = {attribute.name: list(attribute.ints) for attribute in node.attribute}
    assert found == {"numbers": numbers.tolist(), "flags": (numbers % 2).tolist()}
