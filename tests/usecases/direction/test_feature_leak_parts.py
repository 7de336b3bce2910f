"""How a feature is compared with the coming days, step by step, on a few rows each."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from brain.usecases.direction.coming_days import Futures, Prices
from brain.usecases.direction.feature_leaks import (
    _beyond,
    _bins,
    _clipped,
    _correlations,
    _entropy,
    _evidence,
    _filled,
    _forms,
    _groups,
    _is_direction,
    _persistence,
    _strongest,
    _tells_tomorrow,
    _unexplained,
    knows_the_future,
)

NAN = np.nan
Values = np.ndarray


def draw(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def changes(rows: int = 150) -> Values:
    """As many up as down, in no order."""
    return draw().permutation(np.where(np.arange(rows) % 2, 0.01, -0.01))


def test_what_is_missing_is_filled_with_the_last_value_before() -> None:
    values = np.array([[NAN, 1.0], [2.0, NAN], [NAN, 3.0]])
    np.testing.assert_equal(_filled(values), [[NAN, 1.0], [2.0, 1.0], [2.0, 3.0]])
    np.testing.assert_equal(_filled(values[1:, :1]), [[2.0], [2.0]])


def forms(*values: float, close: tuple[float, ...] = (10.0, 20.0, 40.0)) -> list[Values]:
    """The four forms of one feature."""
    return [*_forms(np.array(values)[:, None], np.array(close)).T]


def test_a_price_is_looked_at_in_logarithms_by_itself_and_against_close() -> None:
    own, price, itself, share = forms(0.5, 1.0, 4.0)
    np.testing.assert_allclose(own, [NAN, np.log(2), np.log(4)])
    np.testing.assert_allclose(price, [NAN, 0.5 / 20, 3 / 40])
    np.testing.assert_allclose(itself, [0.5, 1, 4])
    np.testing.assert_allclose(share, np.log([0.05, 0.05, 0.1]))


def test_a_gap_to_a_price_is_turned_back_into_the_price() -> None:
    own, price, itself, share = forms(-0.5, 0.0, 1.0)  # of Close to 20, 20 and 20
    np.testing.assert_allclose(own, [NAN, 0.5, 1.0])
    np.testing.assert_allclose(price, [NAN, 0, 0])
    np.testing.assert_allclose(itself, [-0.5, 0, 1])
    np.testing.assert_allclose(share, [-0.05, 0, 1 / 40])


@pytest.mark.parametrize(
    "values", [(-0.95, 0.0, 1.0), (-1.5, 0.0, 1.0), (0.0, 0.5, 1.0), (-0.5, 0.0, 5.0), (-0.5, 0.0, 5.5)]
)
def test_what_can_be_no_gap_is_no_price_and_where_it_is_0_it_has_no_logarithm(values: tuple[float, ...]) -> None:
    own, price, _, share = forms(*values)
    np.testing.assert_allclose(own, np.diff(values, prepend=NAN))
    np.testing.assert_allclose(price, np.diff(values, prepend=NAN) / [10, 20, 40])
    np.testing.assert_allclose(share, np.array(values) / [10, 20, 40])


def test_a_form_is_missing_where_its_feature_is_and_columns_are_apart() -> None:
    both = np.array([[1.0, -3.0], [NAN, 2.0], [4.0, 8.0]])
    found = _forms(both, np.array([10.0, 20.0, 40.0]))
    assert found.shape == (3, 8)
    np.testing.assert_equal(found[1, ::2], [NAN] * 4)
    np.testing.assert_allclose(
        found[2, ::2], [np.log(4), 3 / 40, 4, np.log(0.1)]
    )  # since the last value that was known
    np.testing.assert_allclose(found[2, 1::2], [6, 6 / 40, 8, 0.2])


def test_sixteen_steps_over_three_deviations_on_both_sides() -> None:
    assert _bins(np.array([-1.0, 1.0])).tolist() == [5, 10]
    assert _bins(np.array([4.0, 8.0])).tolist() == [5, 10]
    assert _bins(np.append(np.zeros(99), 100.0))[[0, -1]].tolist() == [7, 15]
    assert _bins(np.append(np.zeros(99), -100.0))[[0, -1]].tolist() == [8, 0]
    assert _bins(np.full(3, 7.0)).tolist() == [8, 8, 8]


def test_the_entropy_of_groups_is_added_up_and_one_that_is_sure_or_empty_has_none() -> None:
    both = -(2 * np.log(1 / 2) + np.log(1 / 4) + 3 * np.log(3 / 4))
    assert _entropy(np.array([1.0, 1.0]), np.array([2.0, 4.0])) == pytest.approx(both)
    assert _entropy(np.array([0.0, 1.0, 0.0, 5.0]), np.array([0.0, 1.0, 1.0, 5.0])) == 0


def telling(ups: tuple[int, int], rows: int = 75) -> tuple[Values, Values]:
    """A feature of two groups of rows with so many ups, and tomorrow's change; the first up is a change of 0."""
    up = np.concatenate([np.arange(rows) < many for many in ups])
    tomorrow = np.where(up, 0.01, -0.01)
    tomorrow[0] = 0.0
    return np.repeat([1.0, 2.0], rows), tomorrow


@pytest.mark.parametrize("ups", [(68, 15), (15, 68), (75, 0)])
def test_what_a_feature_tells_of_tomorrow_is_a_share_of_what_there_is_to_know(ups: tuple[int, int]) -> None:
    feature, tomorrow = telling(ups)
    known = 150 * mutual_info_score(feature, tomorrow >= 0) - 0.5
    share = known / (150 * mutual_info_score(tomorrow >= 0, tomorrow >= 0))
    expected = f"the direction of Close 1 row later ({share:.0%} of what there is to know of it, in 150 rows)"
    assert _tells_tomorrow(feature, tomorrow) == expected


def test_many_groups_tell_some_of_it_by_chance() -> None:
    feature, tomorrow = np.linspace(-1, 1, 150), changes()
    assert _tells_tomorrow(feature, tomorrow) == ""
    shifted = feature + np.where(tomorrow >= 0, 0.9, 0.0)
    groups = len(np.unique(_bins(shifted)))
    assert groups > 7
    known = 150 * mutual_info_score(_bins(shifted), tomorrow >= 0) - (groups - 1) / 2
    assert f"({known / (150 * np.log(2)):.0%} of" in _tells_tomorrow(shifted, tomorrow)


def test_a_third_of_what_there_is_to_know_is_implausible_and_a_seventh_is_not() -> None:
    assert "(36% of" in _tells_tomorrow(*telling((65, 14)))
    assert _tells_tomorrow(*telling((54, 21))) == ""
    assert _tells_tomorrow(*telling((22, 0))) == ""  # 27 %, and chance may have made it: 5.8 errors
    assert _tells_tomorrow(*telling((1300, 700), 2000)) == ""  # a tenth, which it certainly has not


def test_nothing_is_told_of_too_few_rows_nor_of_a_price_that_only_rises() -> None:
    feature, tomorrow = telling((75, 0))
    assert _tells_tomorrow(np.append(feature, 9.0), np.append(tomorrow, NAN)) != ""
    assert _tells_tomorrow(np.append(feature[1:], NAN), tomorrow) == ""
    assert _tells_tomorrow(feature, np.abs(tomorrow)) == ""


def sides(up: Values, high: tuple[float, float], low: tuple[float, float]) -> Values:
    """A feature that lies in one range where it is up and in another where it is not."""
    part = draw(1).random(len(up))
    part[np.flatnonzero(up)[:2]] = part[np.flatnonzero(~up)[:2]] = 0, 1
    return np.where(up, high[0] + part * (high[1] - high[0]), low[0] + part * (low[1] - low[0]))


@pytest.mark.parametrize(
    ("high", "low", "side"),
    [
        ((4.6, 5.0), (4.0, 4.4), "equal"),  # on the right side of its own middle
        ((0.1, 0.9), (-5.0, -0.1), "equal"),  # of 0
        ((0.0, 0.0), (-9.0, -1.0), "equal"),
        ((4.0, 4.4), (4.6, 5.0), "opposite"),
    ],
)
def test_a_feature_on_the_right_side_of_its_middle_is_the_direction(
    high: tuple[float, float], low: tuple[float, float], side: str
) -> None:
    change = changes()
    found = _is_direction(sides(change >= 0, high, low), change, 5)
    assert found == f"the direction of Close over the next 5 row(s) ({side} in 100.0% of rows)"


def test_a_change_of_0_is_no_fall_and_one_row_in_two_hundred_may_be_wrong() -> None:
    change = changes(200)
    feature = np.where(change >= 0, 1.0, -1.0)
    change[np.flatnonzero(change > 0)[:20]] = 0
    feature[7] *= -1
    assert "(equal in 99.5% of rows)" in _is_direction(feature, change, 1)
    assert "(opposite in 99.5% of rows)" in _is_direction(-feature, change, 1)
    feature[8] *= -1
    assert _is_direction(feature, change, 1) == _is_direction(-feature, change, 1) == ""
    assert _is_direction(draw(3).normal(size=200), change, 1) == ""


def test_the_direction_is_looked_for_in_150_rows_of_five_turns() -> None:
    change = changes()
    feature = np.sign(change)
    assert _is_direction(np.append(feature, NAN), np.append(change, 0.01), 1) != ""
    assert _is_direction(feature[1:], change[1:], 1) == ""
    for turns, told in ((5, True), (4, False)):
        turning = np.where((np.arange(200) // 20).clip(0, turns) % 2, 0.01, -0.01)
        assert bool(_is_direction(np.sign(turning), turning, 1)) is told


def starting(*first: int, rows: int = 1600) -> Values:
    return np.stack([np.where(np.arange(rows) >= start, 1.0, NAN) for start in first], axis=1)


def groups(values: Values) -> list[tuple[int, list[int]]]:
    return [(start, places.tolist()) for start, places in _groups(values)]


def test_features_that_begin_at_about_the_same_row_are_looked_at_from_the_last_beginning_on() -> None:
    assert groups(starting(0, 900, 180, 1000, 1600)) == [(180, [0, 2]), (900, [1]), (1000, [3])]
    assert groups(starting(0, 1450)) == [(0, [0]), (1450, [1])]
    assert groups(starting(0, 1450, 1451)) == [(0, [0])]
    with_gap = starting(0)
    with_gap[800] = NAN
    assert groups(with_gap) == [(0, [0])]


def test_a_hundred_features_are_looked_at_at_once() -> None:
    assert [len(places) for _, places in groups(starting(*[0] * 205))] == [100, 100, 5]


def test_a_correlation_counts_against_its_bound_where_chance_cannot_have_made_it() -> None:
    correlations = np.array([[0.5, -0.5, 0.5, 0.5, 1.0, 1.0, 0.4]])
    independent = np.array([[123.0, 123.0, 122.0, 1.0, 2.0, 200.0, 1000.0]])
    bounds = np.array([0.4, 0.4, 0.4, 0.4, 0.5, 0.5, 0.5])
    np.testing.assert_allclose(_beyond(correlations, independent, bounds), [[1.25, 1.25, 0, 0, 0, 2, 0.8]])


def test_a_level_stays_for_many_rows_and_noise_for_one() -> None:
    left = np.stack([np.full(100, 2.0), np.where(np.arange(100) % 2, 3.0, -3.0), np.zeros(100)], axis=1)
    np.testing.assert_allclose(_persistence(left), [199, 1, 1])
    np.testing.assert_allclose(_persistence(np.ones((20_001, 1))), [19_999])
    every_third = np.tile([3.0, 3.0, 0.0], 40)[:, None]  # 40 of 80 neighbours are alike
    np.testing.assert_allclose(_persistence(every_third), [3])


def test_what_the_past_explains_is_taken_out() -> None:
    rng = draw(4)
    past = np.column_stack([np.ones(400), rng.normal(size=(400, 2)), np.zeros(400)])
    noise = -rng.exponential(size=400)
    noise -= past[:, :3] @ np.linalg.lstsq(past[:, :3], noise)[0]
    known = past[:, 1] + 2 * past[:, 2]
    left, there = _unexplained(np.column_stack([known + noise, noise, known]), past)
    assert left.dtype == np.float32
    assert there.all()
    np.testing.assert_allclose(left[:, 0], left[:, 1], atol=1e-4)
    np.testing.assert_allclose(left[:, 1], np.clip(noise / noise.std(), -3, 3), atol=1e-4)
    assert not left[:, 2].any()


@pytest.mark.parametrize(("share", "rounding"), [(1.5e-9, False), (0.7e-9, True)])
def test_what_is_left_below_a_billionth_is_rounding(share: float, rounding: bool) -> None:
    past = np.column_stack([np.ones(400), np.tile([1.0, -1.0], 200)])
    noise = np.tile([1.0, 1.0, -1.0, -1.0], 100)
    left, _ = _unexplained((past[:, 1] + np.sqrt(share) * noise)[:, None], past)
    assert bool(np.any(left)) is not rounding


def test_what_is_unknown_is_left_as_nothing() -> None:
    form = draw(5).normal(size=(400, 1)) + 50
    form[100:200] = NAN
    left, there = _unexplained(form, np.ones((400, 1)))
    assert np.flatnonzero(~there[:, 0]).tolist() == list(range(100, 200))
    np.testing.assert_allclose(left[100:200], 0, atol=1e-6)
    assert left[:100].std() > 0.5


def test_no_crash_decides() -> None:
    values = np.append(np.zeros(98), [50.0, -50.0])[:, None]
    assert _clipped(values)[-3:, 0].tolist() == [0, 3, -3]


def correlated(left: Values, there: Values, future: Values) -> float:
    """By the definition, row by row."""
    target, known = _clipped(future[:, None])[:, 0], np.isfinite(future)
    until = np.flatnonzero(known)[-1] + 1
    power = (left[:until] ** 2).sum() * (target[there & known] ** 2).sum()
    return float((left * target)[known].sum() / np.sqrt(power))


@pytest.mark.parametrize("gaps", [0, 60])
def test_a_correlation_is_of_the_rows_where_both_are_known(gaps: int) -> None:
    rng = draw(6)
    left = rng.normal(size=(200, 2)) * (1, 2)
    left[100 : 100 + gaps, 1] = 0
    there = np.ones((200, 2), bool)
    there[100 : 100 + gaps, 1] = False
    futures = 0.5 * left[:, :1] + rng.normal(size=(200, 3)) * (1, 3, 1)
    futures[-5:, 0] = futures[-40:, 1] = NAN
    found, sizes = _correlations(left.astype(np.float32), there, futures)
    expected = [[correlated(left[:, form], there[:, form], futures[:, one]) for one in range(3)] for form in range(2)]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert found[0, 0] > 0.3
    assert sizes.tolist() == [[195, 160, 200], [195 - gaps, 160 - gaps, 200 - gaps]]


def test_what_is_always_the_same_correlates_with_nothing() -> None:
    found, _ = _correlations(np.zeros((200, 1), np.float32), np.ones((200, 1), bool), draw().normal(size=(200, 1)))
    assert found.tolist() == [[0.0]]


def test_the_evidence_is_of_the_feature_itself_before_its_change_and_of_what_it_knows_best() -> None:
    beyond = np.zeros((8, 3))
    places = np.arange(24, dtype=np.float64).reshape(8, 3)
    correlations, sizes = places / 100, places + 200
    names = ("this", "that", "another")
    for form, future in ((1, 0), (0, 1), (3, 2), (2, 1)):  # each comes before those that were said before
        beyond[form * 2 + 1, future] = 1.0
        place = (form * 2 + 1) * 3 + future
        expected = f"{names[future]} (correlation {place / 100:+.3f}, {place + 200} rows)"
        assert _evidence(1, 2, beyond, correlations, sizes, names) == expected
    assert _evidence(0, 2, beyond, correlations, sizes, names) == ""
    assert _evidence(1, 2, beyond * 0.99, correlations, sizes, names) == ""
    beyond[5] = 1.5, 1.2, 1.7
    assert _evidence(1, 2, beyond, correlations, sizes, names).startswith("another")


def persistent(rows: int, stay: float, seed: int) -> Values:
    """A level of deviation 1 of which so much stays from row to row."""
    noise, level = draw(seed).normal(size=rows) * np.sqrt(1 - stay**2), np.zeros(rows)
    for row in range(1, rows):
        level[row] = stay * level[row - 1] + noise[row]
    return level


def told_of(correlation: float, summed: int, rows: int = 4000, *, of_close: bool = True, stay: float = 0.9) -> bool:
    """Whether a level that correlates so much with what is summed over some rows is told of."""
    feature, other = persistent(rows, stay, 1), persistent(rows, stay, 2)
    other -= feature * (feature @ other) / (feature @ feature)
    future = correlation * feature / feature.std() + np.sqrt(1 - correlation**2) * other / other.std()
    futures = Futures(["it"], future[:, None], np.array([of_close]), np.array([float(summed)]), np.array([False]))
    close = np.full(rows, 100.0)
    (text,) = _strongest(feature[:, None], close, np.ones((rows, 1)), futures, slice(0, None))
    return bool(text)


def test_half_of_a_day_is_known_to_none_and_more_of_what_is_summed_over_days() -> None:
    assert told_of(0.6, 1)
    assert not told_of(0.45, 1)
    assert not told_of(0.65, 16)  # the bound is 0.5 + 4 * 0.06
    assert told_of(0.78, 16)
    assert told_of(0.88, 256, 20_000, stay=0.995)  # never above 0.8
    assert not told_of(0.78, 256, 20_000, stay=0.995)


def test_rows_that_say_the_same_count_once() -> None:
    assert not told_of(0.8, 16, 150)
    assert told_of(0.8, 16)


def test_a_level_may_foretell_how_much_moves_and_not_where_to() -> None:
    assert not told_of(0.9, 1, of_close=False)
    assert told_of(0.9, 1)


def walk(rows: int) -> Values:
    return 100 * np.exp(np.cumsum(draw(7).normal(scale=0.01, size=rows)))


def ahead(close: Values, rows: int) -> Values:
    return np.append(close[rows:] / close[:-rows] - 1, [NAN] * rows)


def test_what_knows_the_future_is_named_with_its_evidence_in_the_order_of_the_features() -> None:
    close = walk(400)
    size = 10 ** draw(9).uniform(-4, 4, size=400)  # which hides what it knows from a correlation
    columns = {
        "noise": draw(8).normal(size=400),
        "next": ahead(close, 1),
        "side": np.where(ahead(close, 5) >= 0, 1.0, -1.0) * size,
        "two": np.where(ahead(close, 2) >= 0, 1.0, -1.0) * size,
        "code": np.where(ahead(close, 1) >= 0, 3.0, 1.0) * np.where(draw(10).random(400) < 0.5, 1, -1),
        "late": np.where(np.arange(400) < 200, NAN, ahead(close, 1)),
    }
    columns["side"][-5:] = columns["two"][-2:] = columns["code"][-1:] = NAN
    found = knows_the_future([*columns], np.stack([*columns.values()], axis=1), Prices(close), (5, 21))
    assert [name for name in columns if name in found] == [*found]
    assert [*found] == ["next", "side", "code", "late"]  # nobody asked for two rows ahead
    assert found["next"].startswith("it knows the change of Close 1 row(s) later (correlation +")
    assert found["side"] == "it knows the direction of Close over the next 5 row(s) (equal in 100.0% of rows)"
    assert found["code"].startswith("it knows the direction of Close 1 row later (")
    assert "(correlation +" in found["late"]


def test_fewer_than_150_rows_or_no_feature_tell_nothing() -> None:
    for rows, told in ((150, True), (149, False), (1, False)):
        close = walk(rows + 1)
        feature = close[1:, None] / close[:-1, None] - 1
        assert bool(knows_the_future(["next"], feature, Prices(close[:-1]), (1,))) is told
    assert knows_the_future([], np.empty((300, 0)), Prices(walk(300)), (1,)) == {}
