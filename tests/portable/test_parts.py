"""A model's log-odds taken apart by feature, from its ONNX form alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st
from scipy.special import expit

from brain.core.errors import ArtifactRejected
from brain.portable.evaluate import read_model
from brain.portable.export import export
from brain.portable.graph import GraphBuilder
from brain.portable.heads import log_odds
from brain.portable.mean import LogOddsMean
from brain.portable.parts import Parts, log_odds_parts
from brain.portable.reference import fitted_outputs
from brain.portable.tree_parts import Trees, fitting_side
from tests.portable.test_export import MATRIX, OWN, cases, fitted, settings
from tests.portable.test_mean import mean
from tests.store.conftest import training_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNSEEN = training_rows(seed=9)[0]
MEANS = [("logistic", "boosting", "quadratic"), ("sgd", "forest", "extra_trees"), ("svc", "neighbours", "logistic")]


def content_of(model: Any) -> bytes:
    return export(model, MATRIX[:100], "x").content


def parts_of(content: bytes, row: NDArray[np.float64]) -> Parts:
    return log_odds_parts(read_model(content, "x"), row, "x")


def said(content: bytes, row: NDArray[np.float64]) -> float:
    return float(log_odds(read_model(content, "x").outputs(row[None])[:, -1])[0])


@pytest.mark.parametrize("parameters", cases(), ids=lambda p: f"{p['classifier']}-{p['scale']}-{p['select']}")
def test_the_parts_of_every_family_add_up(parameters: dict[str, Any]) -> None:
    content = content_of(fitted(parameters))
    for row in UNSEEN[:5]:
        found = parts_of(content, row)
        assert found.total == pytest.approx(said(content, row), abs=1e-12)
        if parameters["classifier"] in OWN:
            assert found.together == 0
            assert found.limits == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("names", MEANS, ids="-".join)
def test_the_parts_of_a_mean_add_up(names: tuple[str, ...]) -> None:
    content = content_of(mean(*names))
    for row in UNSEEN[:5]:
        found = parts_of(content, row)
        assert found.total == pytest.approx(said(content, row), abs=1e-12)
        assert (found.together == 0) == ("svc" not in names)


NUMBERS = st.floats(-1e6, 1e6, width=32) | st.just(float("nan"))
QUADRATIC = {"classifier": "quadratic", "seed": 1, **settings("quadratic")}
MIXED = content_of(LogOddsMean((*mean("logistic", "boosting").members, fitted(QUADRATIC))))


@tried(deadline=None, max_examples=60)
@given(st.lists(NUMBERS, min_size=4, max_size=4))
def test_whatever_the_row_is_the_parts_add_up(values: list[float]) -> None:
    row = np.array(values)
    assert parts_of(MIXED, row).total == pytest.approx(said(MIXED, row), abs=1e-9)


@pytest.mark.parametrize("scale", ["standard", "robust", "min_max", "none"])
def test_a_linear_model_gives_coefficient_times_distance_from_the_mean(scale: str) -> None:
    pipeline = fitted({"classifier": "logistic", "scale": scale, "select": "none", "seed": 1, **settings("logistic")})
    row = UNSEEN[0]
    usual = pipeline["impute"].statistics_
    moved = pipeline[:-1].transform(row[None])[0] - pipeline[:-1].transform(usual[None])[0]
    found = parts_of(content_of(pipeline), row)
    assert found.features == pytest.approx(moved * pipeline["classifier"].coef_[0], abs=1e-12)
    assert found.means == pytest.approx(usual)


@pytest.mark.parametrize(
    ("classifier", "scale", "select"),
    [("logistic", "power", "none"), ("logistic", "quantile", "pca"), ("sgd", "standard", "pca"), ("quadratic", "", "")],
)
def test_the_reference_is_the_mean_over_the_training_rows(classifier: str, scale: str, select: str) -> None:
    chosen = {"scale": scale or "none", "select": select or "none", "share": 0.5}
    pipeline = fitted({"classifier": classifier, "seed": 1, **chosen, **settings(classifier)})
    usual = log_odds(fitted_outputs(pipeline, MATRIX)[:, 1]).mean()
    assert parts_of(content_of(pipeline), UNSEEN[0]).reference == pytest.approx(usual, abs=1e-9)


def test_a_missing_value_adds_nothing_to_a_linear_model() -> None:
    row = UNSEEN[0].copy()
    row[2] = np.nan
    content = content_of(fitted(cases()[0] | {"classifier": "logistic", "scale": "standard", **settings("logistic")}))
    assert parts_of(content, row).features[2] == 0


def test_ranks_are_shares_of_the_training_rows() -> None:
    for row in UNSEEN[:20]:
        ranks = parts_of(MIXED, row).ranks
        shares = [np.mean(column[~np.isnan(column)] < value) for column, value in zip(MATRIX.T, row, strict=True)]
        known = ~np.isnan(row)
        assert ranks[known] == pytest.approx(np.array(shares)[known], abs=0.03)
        assert np.isnan(ranks[~known]).all()


def test_the_parts_of_a_mean_are_the_means_of_the_parts() -> None:
    model, row = mean("logistic", "forest"), UNSEEN[0]
    whole = parts_of(content_of(model), row)
    parts = [parts_of(content_of(member), row) for member in model.members]
    assert parts[0].features.any()
    own = np.mean([part.features for part in parts], axis=0)
    # The mean holds the linear member's means, by which the forest's ways are weighed.
    assert abs(whole.features - own).max() < 0.2
    assert whole.total == pytest.approx(np.mean([part.total for part in parts]), abs=1e-12)


STUMPS = Trees(
    feature=np.array([1, 0]),
    threshold=np.array([0.0, 5.0]),
    left=np.array([2, 3]),
    right=np.array([1, 4]),
    missing_left=np.array([True, False]),
    leaf=np.array([-1.0, 1.0, 3.0]),
    roots=np.array([0]),
)
UNKNOWN = np.full(2, np.nan)
NO_QUANTILES = np.full((1, 2), np.nan)


def test_a_tree_is_taken_apart_along_the_path() -> None:
    quantiles = np.column_stack([np.linspace(0, 10, 101), np.linspace(-1, 3, 101)])
    values = STUMPS.weighed(quantiles, UNKNOWN).values(0.5)
    assert values[:2] == pytest.approx([0.25 * -1 + 0.75 * 2, 2], abs=0.05)
    start, parts = STUMPS.path(np.array([9.0, 1.0]), values)
    assert (start, *parts) == pytest.approx((values[0], 3 - values[1], values[1] - values[0]))
    start, parts = STUMPS.path(np.array([9.0, np.nan]), values)
    assert (start, *parts) == pytest.approx((values[0], 0, -1 - values[0]))


def test_what_is_not_known_of_the_ways_is_guessed_by_the_mean_or_halved() -> None:
    nothing, some, all_known = (
        STUMPS.weighed(NO_QUANTILES, np.array(means)) for means in (UNKNOWN, [9, np.nan], [9.0, 0.0])
    )
    assert list(nothing.values(0.75)[:2]) == [0.5, 2.0]
    assert list(some.values(0.75)[:2]) == [0.75, 2.5]
    assert list(all_known.values(0.75)[:2]) == [0.75 * -1 + 0.25 * 2.5, 2.5]
    assert (nothing.guesses, some.guesses) == (False, True)
    assert all_known.usual(1.0) == -1


@pytest.mark.parametrize("wanted", [0.51, 0.6, 0.9, 0.999])
def test_the_guess_is_the_one_that_gives_the_known_mean(wanted: float) -> None:
    trees = STUMPS.weighed(NO_QUANTILES, np.array([9.0, 0.0]))
    assert fitting_side(lambda side: trees.usual(side) - trees.usual(wanted)) == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize(("center", "nearest"), [(-5.0, 1.0), (5.0, 0.5)])
def test_where_no_guess_gives_the_mean_the_nearest_does(center: float, nearest: float) -> None:
    trees = STUMPS.weighed(NO_QUANTILES, np.array([9.0, 0.0]))
    assert fitting_side(lambda side: trees.usual(side) - center) == nearest


@pytest.mark.parametrize("classifier", ["boosting", "forest", "extra_trees"])
def test_trees_beside_a_linear_model_start_from_the_mean_over_the_training_rows(classifier: str) -> None:
    model = mean("logistic", classifier, scale="none")
    center = float(log_odds(fitted_outputs(model, MATRIX)[:, 1]).mean())
    evaluator = read_model(content_of(model), "x")
    assert log_odds_parts(evaluator, UNSEEN[0], "x", center).reference == pytest.approx(center, abs=0.02)


def test_a_split_below_counts_among_the_rows_that_come_there() -> None:
    deeper = Trees(
        feature=np.zeros(2, int),
        threshold=np.array([5.0, 7.5]),
        left=np.array([2, 3]),
        right=np.array([1, 4]),
        missing_left=np.zeros(2, bool),
        leaf=np.array([0.0, 0.0, 1.0]),
        roots=np.array([0]),
    )
    assert deeper.weighed(np.linspace(0, 10, 101)[:, None], UNKNOWN).values(0.5)[:2] == pytest.approx(
        [0.25, 0.5], abs=0.02
    )


def test_a_feature_that_no_tree_asks_for_has_no_part() -> None:
    from lightgbm import LGBMClassifier

    outcome = (MATRIX[:, 0] > 0).astype(int)
    fitted_trees = LGBMClassifier(n_estimators=3, num_leaves=2, verbose=-1).fit(MATRIX, outcome)
    found = parts_of(content_of(fitted_trees), UNSEEN[0])
    assert found.features[0] != 0
    assert list(found.features[1:]) == [0, 0, 0]


def test_beyond_one_in_a_million_the_limit_says_how_far() -> None:
    graph = GraphBuilder(4)
    graph.fill(np.zeros(4))
    graph.apply("MatMul", np.array([[10.0], [0.0], [0.0], [0.0]]))
    graph.apply("Add", np.array([0.5]))
    graph.apply("Sigmoid")
    found = parts_of(graph.finish(), np.array([9.0, 0, 0, 0]))
    assert found.features[0] == 90
    assert expit(found.total) == pytest.approx(1 - 1e-6)
    assert found.limits < -70


def test_rows_of_a_sequence_model_are_refused() -> None:
    with pytest.raises(ArtifactRejected):
        parts_of(MIXED, UNSEEN)


def test_the_total_is_the_sum() -> None:
    nothing = np.full(2, np.nan)
    assert Parts(np.array([1.0, 2.0]), 3.0, 4.0, 5.0, nothing, nothing).total == 15
