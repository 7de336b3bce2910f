"""The parts of segments: purchases, features, groups, names, matching and the proof."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from brain.portable.evaluate import Graph, read_model
from brain.portable.export import export
from brain.usecases.segments.features import FEATURES, describe, expect, fit_value
from brain.usecases.segments.graph import nearness, nearness_model
from brain.usecases.segments.grouping import Wanted, choose_groups, cluster, fit_scaling, nearest
from brain.usecases.segments.matching import matched, numbered
from brain.usecases.segments.naming import names_of, set_apart, standings, traits_of
from brain.usecases.segments.proof import prove, rfm_groups
from tests.usecases.segments.orders import bought, order_lines


def lines(*rows: tuple[str, str, int, float, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["customer", "item", "quantity", "value", "time"])
    return frame.assign(time=pd.to_datetime(frame["time"]))


def test_a_day_of_purchase_is_one_whatever_was_in_the_basket() -> None:
    purchases = bought(
        lines(
            ("ann", "tea", 1, 3.0, "2024-01-01 10:00"),
            ("ann", "milk", 2, 4.0, "2024-01-01 18:00"),
            ("ann", "tea", 1, 3.0, "2024-01-05 10:00"),
            ("ann", "tea", -1, 3.0, "2024-01-06 10:00"),  # back by its quantity
            ("bob", "tea", 1, -2.5, "2024-01-09 10:00"),  # back by its value
            ("cyd", "tea", 1, 0.0, "2024-01-07 10:00"),  # a gift is no purchase
            ("cyd", "tea", 1, float("nan"), "2024-01-07 11:00"),
        )
    )
    assert list(purchases.customers) == ["ann", "bob", "cyd"]
    assert purchases.who.tolist() == [0, 0]
    assert purchases.spent.tolist() == [7.0, 3.0]
    assert purchases.returned.tolist() == [3.0, 2.5, 0.0]
    assert purchases.buyers.tolist() == [True, False, False]
    assert (purchases.items[0], purchases.left_out) == (1.5, 1)
    known = describe(purchases)
    assert list(known.index) == ["ann"]
    assert known.iloc[0][["recency_days", "tenure_days", "orders", "value", "order_value"]].tolist() == [4, 8, 2, 10, 5]
    assert known.iloc[0]["returned_share"] == pytest.approx(0.3)
    assert np.isnan(known.iloc[0]["irregularity"])


def test_irregularity_is_that_of_the_gaps() -> None:
    days = ("2024-01-01", "2024-01-08", "2024-01-15", "2024-01-22")
    odd = ("2024-01-01", "2024-01-02", "2024-01-20", "2024-01-22")
    every = [("even", "tea", 1, 1.0, day) for day in days] + [("odd", "tea", 1, 1.0, day) for day in odd]
    known = describe(bought(lines(*every)))
    gaps = np.array([1, 18, 2])
    assert known["irregularity"].tolist() == pytest.approx([0.0, gaps.std() / gaps.mean()])


def test_nothing_after_the_day_is_known_on_it() -> None:
    frame = order_lines(60)
    day = (date(2023, 9, 1) - date(1970, 1, 1)).days
    before = frame[frame["time"] < pd.Timestamp("2023-09-02")]
    now, then = bought(frame).until(day), bought(before)
    assert now.spent.tolist() == then.spent.tolist()
    columns = ["recency_days", "tenure_days", "orders", "value", "irregularity"]
    assert describe(now)[columns].to_numpy() == pytest.approx(describe(then)[columns].to_numpy(), nan_ok=True)


def test_the_stored_graph_says_what_training_says() -> None:
    known = describe(bought(order_lines(120)))
    known = expect(known, fit_value(known), 28)
    X = known[list(FEATURES)].to_numpy(np.float64)
    X[0, 3] = np.nan
    scaling = fit_scaling(X, FEATURES)
    centers = cluster(scaling.apply(X), 4, 1)
    found = export(nearness_model(scaling, centers, X), X, "segments")
    assert found.exporter == "given"
    assert found.max_difference < 1e-9
    evaluator = read_model(found.content, "segments")
    assert isinstance(evaluator, Graph)  # evaluated by NumPy, so that a customer alone has the same bits
    together = evaluator.outputs(X)
    assert (together == np.vstack([evaluator.outputs(row[None]) for row in X])).all()
    assert (together.argmax(axis=1) == nearest(scaling.apply(X), centers)).all()
    assert -together.max(axis=1) == pytest.approx(-nearness(scaling, centers, X).max(axis=1))


def test_the_most_groups_that_are_stable_are_taken() -> None:
    random = np.random.default_rng(5)
    middles = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    X = np.vstack([middle + random.normal(0, 0.5, (60, 2)) for middle in middles])
    wanted = Wanted(2, 5, 0.95, 0.02, 5)
    found = choose_groups(X, wanted, 7)
    assert len(found.centers) == 4
    assert found.stability.mean > 0.99
    assert found.tried[5].mean < found.tried[4].mean
    again = choose_groups(X, wanted, 7)
    assert (again.centers == found.centers).all()


def test_no_group_is_smaller_than_allowed() -> None:
    random = np.random.default_rng(5)
    X = np.vstack([random.normal(0, 1, (300, 2)), [[1000.0, 1000.0]]])
    counts = np.bincount(nearest(X, choose_groups(X, Wanted(2, 5, 0.0, 0.02, 3), 7).centers))
    assert counts.min() == 1  # nothing else allows two groups of these
    scaled = fit_scaling(X, ("a", "b")).apply(X)
    assert np.bincount(nearest(scaled, choose_groups(scaled, Wanted(2, 5, 0.0, 0.02, 3), 7).centers)).min() > 5


def test_groups_grow_from_those_before() -> None:
    X = np.random.default_rng(5).normal(0, 1, (400, 3))  # one cloud: k-means may cut it anyhow
    before = nearest(X, cluster(X, 4, 1))
    moved = X + np.random.default_rng(6).normal(0, 0.02, X.shape)
    fresh, grown = cluster(moved, 4, 99), cluster(moved, 4, 99, before)
    assert (nearest(moved, grown) == before).mean() > 0.97
    assert not np.allclose(np.sort(fresh, axis=0), np.sort(grown, axis=0))


def test_a_group_keeps_the_id_of_the_group_it_continues() -> None:
    old = np.array([7] * 50 + [3] * 30 + [9] * 20)
    new = np.array([1] * 48 + [0] * 2 + [0] * 30 + [2] * 10 + [3] * 10)
    continued = matched(old, new, 4)
    assert continued[1] == 7
    assert continued[0] == 3
    assert set(continued.values()) <= {3, 7, 9}
    ids = numbered(4, {1: 7, 0: 3}, [0, 1, 3, 2], 9)
    assert ids == (3, 7, 11, 10)  # an id is never given twice, whatever became of its group


def test_groups_that_share_few_customers_are_not_the_same() -> None:
    old, new = np.repeat([1, 2], 50), np.tile([0, 1], 50)
    assert matched(old, new, 2) == {}


def people(**features: list[float]) -> pd.DataFrame:
    count = len(next(iter(features.values())))
    blank = dict.fromkeys(
        ("expected_spend", "orders", "recency_days", "order_value", "irregularity", "returned_share", "items"),
        [1.0] * count,
    )
    return pd.DataFrame({**blank, **features})


def test_names_say_what_sets_a_group_apart_each_once() -> None:
    spend = [1.0] * 10 + [5.0] * 10 + [50.0] * 10
    since = [90.0] * 10 + [20.0] * 10 + [1.0] * 10
    labels = np.repeat([0, 1, 2], 10)
    stands = standings(people(expected_spend=spend, recency_days=since), labels, 3)
    traits = traits_of(stands, {})
    names = names_of(traits, [True, False, False], stands, [1, 2, 3])
    assert names == ["small spenders who bought long ago", "average customers", "big spenders who bought lately"]
    assert "expected_spend above that of 83% of customers" in set_apart(stands[2])
    alike, more = [{"expected_spend": 0.0}] * 2, [{"expected_spend": 0.1}, {"expected_spend": -0.1}]
    assert names_of([{}, {}], [False, False], alike, [4, 5]) == ["average customers (4)", "average customers (5)"]
    assert names_of([{}, {}], [False, False], more, [4, 5]) == [
        "average customers, spending more",
        "average customers, spending less",
    ]


def test_groups_alike_in_two_traits_are_told_apart_by_a_third() -> None:
    labels = np.repeat([0, 1, 2], 10)
    frame = people(
        expected_spend=[50.0] * 20 + [1.0] * 10,
        orders=[9.0] * 20 + [1.0] * 10,
        items=[3.0] * 10 + [9.0] * 10 + [6.0] * 10,
    )
    stands = standings(frame, labels, 3)
    names = names_of(traits_of(stands, {}), [False] * 3, stands, [1, 2, 3])
    assert len(set(names)) == 3
    assert "few different items" in names[0]
    assert "many different items" in names[1]


def test_a_name_stays_for_as_long_as_it_is_true() -> None:
    labels = np.repeat([0, 1, 2], 10)
    stands = standings(people(expected_spend=[1.0] * 10 + [5.0] * 10 + [50.0] * 10), labels, 3)
    kept = traits_of(stands, {2: {"expected_spend": True, "orders": True}, 0: {"expected_spend": False}})
    assert kept[0] == {"expected_spend": False}
    assert kept[2] == {"expected_spend": True}  # they no longer buy often, so the name is made anew


def test_the_proof_is_of_customers_it_did_not_learn_from() -> None:
    random = np.random.default_rng(8)
    group = random.integers(0, 4, 2_000)
    spent = group * 10.0 + random.gamma(1, 5, 2_000)
    noise = random.integers(0, 4, 2_000)
    found = prove(group, noise, spent, 3)
    assert found is not None
    assert found.better
    assert found.by_rfm < 0.01 < found.explained
    assert found.low <= found.explained - found.by_rfm <= found.high
    assert "better than RFM quintiles: the segments explain" in found.words()
    other = prove(noise, group, spent, 3)
    assert other is not None
    assert not other.better
    assert other.words().startswith("no better than RFM quintiles")
    alike = prove(group, group, spent, 3)
    assert alike is not None
    assert (alike.low, alike.better) == (0, False)
    assert prove(group, noise, np.zeros(2_000), 3) is None


def test_a_group_a_customer_explains_nothing() -> None:
    spent = np.random.default_rng(1).gamma(1, 5, 200)
    found = prove(np.arange(200), np.zeros(200, dtype=np.int64), spent, 3)
    assert found is not None
    assert found.explained <= 0


def test_rfm_groups_are_equally_large_and_best_last() -> None:
    random = np.random.default_rng(3)
    recency, orders = (random.integers(1, most, 100).astype(np.float64) for most in (90, 9))
    value = random.gamma(1, 5, 100)
    groups = rfm_groups(recency, orders, value, 5)
    assert np.bincount(groups).tolist() == [20] * 5
    assert recency[groups == 4].mean() < recency[groups == 0].mean()
    assert orders[groups == 4].mean() > orders[groups == 0].mean()
