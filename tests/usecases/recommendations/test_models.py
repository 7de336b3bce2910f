"""Purchases, EASE, the model of a list and its measures, each against what can be worked out another way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix, hstack

from brain.core.errors import ArtifactRejected
from brain.portable.export import OnnxModel, export
from brain.usecases.recommendations import als, competition, ease
from brain.usecases.recommendations.competition import judged_lists, spans
from brain.usecases.recommendations.ease import ease_weights
from brain.usecases.recommendations.list_model import ListModel
from brain.usecases.recommendations.measures import EMPTY, best, measure
from brain.usecases.recommendations.names import LISTS
from brain.usecases.recommendations.purchases import FOREVER, Purchases, presence
from brain.usecases.recommendations.recipes import Kitchen, Recipe


def seen(customers: int = 60, items: int = 12, seed: int = 0) -> csr_matrix:
    random = np.random.default_rng(seed)
    return csr_matrix((random.random((customers, items)) < 0.3).astype(np.float32))


def test_ease_is_the_ridge_regression_of_each_item_on_the_others() -> None:
    matrix, l2 = seen(), 3.0
    dense, weights = matrix.toarray().astype(np.float64), ease_weights(matrix, l2)
    for item in range(dense.shape[1]):
        others = np.delete(dense, item, axis=1)
        ridge = np.linalg.solve(others.T @ others + l2 * np.eye(others.shape[1]), others.T @ dense[:, item])
        assert np.delete(weights[:, item], item) == pytest.approx(ridge, abs=1e-5)
        assert weights[item, item] == 0


def test_ease_is_the_same_where_customers_are_fewer_than_items() -> None:
    matrix = seen(customers=20, items=40)
    tall = csr_matrix(np.vstack([matrix.toarray(), np.zeros((40, 40), np.float32)]))
    for dropout in (0.0, 0.5):
        assert ease_weights(matrix, 2.0, dropout) == pytest.approx(ease_weights(tall, 2.0, dropout), abs=1e-5)


def test_with_dropout_an_item_pays_for_being_popular_and_a_customer_for_taking_much() -> None:
    matrix, l2, dropout = seen(), 3.0, 0.25
    dense = matrix.toarray().astype(np.float64)
    counts = np.maximum(dense.sum(axis=1), 1) ** -0.5
    counts *= dense.sum() / (counts * dense.sum(axis=1)).sum()
    gram = dense.T @ (counts[:, None] * dense)
    often, weights = gram.diagonal(), ease_weights(matrix, l2, dropout)
    for item in range(dense.shape[1]):
        others = np.delete(np.arange(dense.shape[1]), item)
        penalty = np.diag(l2 + often[others] / 3)
        ridge = np.linalg.solve(gram[np.ix_(others, others)] + penalty, gram[others, item])
        assert weights[others, item] == pytest.approx(ridge, abs=1e-5)


def test_of_many_items_only_the_largest_weights_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ease_weights(seen(), 3.0)
    monkeypatch.setattr(ease, "ALL_BELOW", 5)
    monkeypatch.setattr(ease, "NEIGHBOURS", 4)
    part = ease_weights(seen(), 3.0)
    assert ((part != 0).sum(axis=0) <= 4).all()
    assert (np.abs(part).max(axis=0) == np.abs(whole).max(axis=0)).all()


@pytest.mark.parametrize("neighbours", [None, 3, 12])
def test_a_model_is_the_same_as_onnx_and_comes_back(neighbours: int | None) -> None:
    history = seen() * np.float32(2.5)
    weights = None
    if neighbours is not None:
        weights = ease_weights(seen(), 3.0)
        for column in weights.T:
            column[np.argsort(np.abs(column))[: len(column) - neighbours]] = 0
    history = hstack([history, seen(seed=1)[:, :2] * np.float32(0.4)]).tocsr()  # two items more, without weights
    model = ListModel(0.7, weights, np.linspace(0, 0.1, 14, dtype=np.float32))
    said = model.scores(history, presence(history))
    rows = history.toarray().astype(np.float64)
    exported = export(OnnxModel(model.to_onnx(), said.astype(np.float64)), rows, "a list")
    assert exported.width == 14
    again = ListModel.from_onnx(exported.content, "a list")
    assert (again.scores(history, presence(history)) == said).all()


def test_another_model_is_refused() -> None:
    content = ListModel(1.0, None, np.zeros(3, np.float32)).to_onnx().replace(b"popularity", b"popularitx")
    with pytest.raises(ArtifactRejected, match="the model of a list"):
        ListModel.from_onnx(content, "a list")


def test_the_best_stand_in_order_and_ties_as_they_come() -> None:
    scores = np.array([[1, 3, 3, 2], [-np.inf, 5, -np.inf, -np.inf]], np.float32)
    assert best(scores, 3).tolist() == [[1, 2, 3], [1, EMPTY, EMPTY]]
    assert best(scores, 9).tolist() == [[1, 2, 3, 0], [1, EMPTY, EMPTY, EMPTY]]


def test_measures_are_those_of_the_books() -> None:
    lists = np.array([[0, 1, 2], [3, EMPTY, EMPTY], [0, 1, 2]], np.int32)
    taken = csr_matrix(np.array([[0, 1, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]))
    found = measure(lists, taken, 3)
    second, both = 1 / np.log2(3), 1 + 1 / np.log2(3)
    assert found.ndcg == pytest.approx([second / both, 1])
    assert found.precision == pytest.approx([1 / 3, 1 / 3])
    assert found.average_precision == pytest.approx([0.25, 1])


def lines(rows: list[tuple[str, str, str, float]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["customer", "item", "at", "quantity"])
    kinds = {"customer": "category", "item": "category", "at": "datetime64[us]"}
    return frame.astype(kinds)


def test_what_was_given_back_is_no_purchase_and_a_day_counts_once() -> None:
    found = Purchases.of(
        lines(
            [
                ("a", "milk", "2024-01-01", 2),
                ("a", "milk", "2024-01-01", 1),
                ("a", "tea", "2024-01-02", 1),
                ("a", "tea", "2024-01-03", -1),
                ("b", "milk", "2024-01-11", 1),
            ]
        )
    )
    history = found.decayed(10.0, np.datetime64("2024-01-11", "us")).toarray()
    assert history == pytest.approx(np.array([[0.5, 0], [1, 0]]))
    assert found.popular(5).tolist() == ["milk"]
    assert len(found.until(np.datetime64("2024-01-05", "us"))) == 1


def test_on_purchases_without_any_pattern_no_method_claims_skill() -> None:
    random = np.random.default_rng(5)
    count = 12_000
    at = np.datetime64("2024-01-01", "us") + np.sort(random.integers(0, 150, count)).astype("timedelta64[D]")
    customers, items = (pd.Index([f"{n:03d}" for n in range(size)]) for size in (200, 40))
    who, what = (random.integers(0, len(index), count).astype(np.int32) for index in (customers, items))
    noise = Purchases(customers, items, who, what, at)
    verdicts = judged_lists(LISTS, spans(noise, 28, 100), 5)
    assert [name for name, verdict in verdicts.items() if verdict.has_skill] == []
    assert verdicts["new_for_you"].recipe.method == "popularity"


def test_too_few_customers_prove_nothing() -> None:
    few = Purchases.of(lines([("a", "milk", "2024-01-01", 1), ("a", "tea", "2024-03-01", 1)]))
    assert spans(few, 28, 100) is None
    verdict = judged_lists(["for_you"], None, 5)["for_you"]
    assert (verdict.recipe.method, verdict.has_skill, verdict.measured) == ("own frequency", False, {})
    assert verdict.recipe.half_life == FOREVER


def taste(customers: int = 300, items: int = 60) -> Purchases:
    """Every customer takes items of one group, each once or twice; groups are as popular as each other."""
    random = np.random.default_rng(3)
    names = pd.Index([f"{n:03d}" for n in range(customers)]), pd.Index([f"{n:02d}" for n in range(items)])
    who = np.repeat(np.arange(customers, dtype=np.int32), 14)
    what = (random.integers(0, items // 6, len(who)) * 6 + who % 6).astype(np.int32)
    at = np.datetime64("2024-01-01", "us") + np.sort(random.integers(0, 150, len(who))).astype("timedelta64[D]")
    order = random.permutation(len(who))
    return Purchases(*names, who[order], what[order], at)


def test_als_names_what_taste_tells_and_is_the_same_as_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("implicit")
    purchases = taste()
    found = spans(purchases, 28, 100)
    assert found is not None
    monkeypatch.setattr(competition, "ALS_ABOVE", 50)
    verdict = judged_lists(["new_for_you"], found, 5)["new_for_you"]
    assert verdict.measured["als"].ndcg.mean() > 2 * verdict.measured["popularity"].ndcg.mean()
    kitchen = Kitchen(purchases, purchases.at[-1])
    model = kitchen.model(Recipe("als", l2=0.1, factors=6))
    history = purchases.decayed(FOREVER, purchases.at[-1])[:50]
    said = model.scores(history, presence(history))
    exported = export(OnnxModel(model.to_onnx(), said.astype(np.float64)), history.toarray().astype(float), "a list")
    again = ListModel.from_onnx(exported.content, "a list")
    assert (again.scores(history, presence(history)) == said).all()
    assert (kitchen.model(Recipe("als", l2=0.1, factors=6)).scores(history, presence(history)) == said).all()
    one, other = np.arange(12), np.arange(6, 18, dtype=np.int32)
    assert (model.speaks(one, other) > 10 * np.abs(model.speaks(one, other + 1))).mean() > 0.8


def test_without_the_package_of_als_the_list_is_made_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(competition, "ALS_ABOVE", 50)
    monkeypatch.setattr(als, "PACKAGE", "no_such_package")
    verdict = judged_lists(["new_for_you"], spans(taste(), 28, 100), 5)["new_for_you"]
    assert "als" not in verdict.measured
    assert verdict.why.endswith("als was not tried: it needs `pip install implicit`")
