from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from brain.core.errors import LeakageError, TrainingError
from brain.core.keys import Sha256
from brain.core.moment import Moment
from brain.lake.columns import Column
from brain.lake.manifest import Revision, Version
from brain.usecases.direction.catalogue import AssetSpec
from brain.usecases.direction.column_leaks import corrected, late, normalised
from brain.usecases.direction.leakage import leaking_features, refuse_backward_target

CLOSE = 100 * np.exp(np.cumsum(np.random.default_rng(5).normal(scale=0.01, size=2000)))


def _change(close: np.ndarray, horizon: int, end: int) -> np.ndarray:
    """Return over `horizon` rows that ends `end` rows after each row; NaN where it leaves the series."""
    later = np.concatenate([close[end:], np.full(end, np.nan)])
    back = horizon - end
    earlier = np.concatenate([np.full(back, np.nan), close[: len(close) - back]]) if back else close
    change: np.ndarray = later / earlier - 1
    return change


def _refused(horizon: int, target: np.ndarray) -> bool:
    try:
        refuse_backward_target("GOLD", horizon, target, CLOSE)
    except TrainingError:
        return True
    return False


@pytest.mark.parametrize("horizon", [1, 2, 5, 21, 161])
def test_a_forward_target_passes(horizon: int) -> None:
    assert not _refused(horizon, _change(CLOSE, horizon, horizon))


@pytest.mark.parametrize("horizon", [1, 2, 5, 21, 161])
def test_a_backward_target_is_refused_with_the_evidence(horizon: int) -> None:
    with pytest.raises(LeakageError) as caught:
        refuse_backward_target("GOLD", horizon, _change(CLOSE, horizon, 0), CLOSE)
    assert caught.value.subject == f"GOLD RETURNS{horizon}"
    assert "ending 0 rows after the row in 100.0% of rows" in caught.value.found
    assert f"Close.shift(-{horizon})" in caught.value.remedy


@pytest.mark.parametrize("horizon", [2, 5, 21, 161])
def test_a_target_that_is_one_row_short_of_the_future_is_refused(horizon: int) -> None:
    with pytest.raises(LeakageError, match=f"ending {horizon - 1} rows after"):
        refuse_backward_target("GOLD", horizon, _change(CLOSE, horizon, horizon - 1), CLOSE)


def test_total_returns_that_differ_a_little_from_close_pass() -> None:
    assert not _refused(21, _change(CLOSE, 21, 21) + 0.001)


def test_a_target_of_another_price_is_refused() -> None:
    other = CLOSE[::-1]
    with pytest.raises(TrainingError, match="only"):
        refuse_backward_target("GOLD", 5, _change(other, 5, 5), CLOSE)


def half_backward(share: float, horizon: int = 5) -> np.ndarray:
    """A target that looks forward, but for a share of its rows, in which it has the sign of the past return."""
    forward, backward = _change(CLOSE, horizon, horizon), _change(CLOSE, horizon, 0)
    return np.where(np.random.default_rng(1).random(len(CLOSE)) < share, backward, forward)


def agreeing(target: np.ndarray, horizon: int, end: int) -> float:
    real = _change(CLOSE, horizon, end)
    known = np.isfinite(target) & np.isfinite(real)
    return float(((target >= 0) == (real >= 0))[known].mean())


def test_a_share_of_agreement_is_of_the_rows_where_both_are_known() -> None:
    target = half_backward(0.5)
    target[100:160] = np.nan
    with pytest.raises(TrainingError) as caught:
        refuse_backward_target("GOLD", 5, target, CLOSE)
    assert f"in only {agreeing(target, 5, 5):.1%} of rows" in caught.value.found
    assert not isinstance(caught.value, LeakageError)


def test_a_backward_target_must_agree_clearly_better_than_forward() -> None:
    """A price that falls every day agrees with every reading of it; a few wrong signs must not accuse a target."""
    falling = 100 * np.exp(-0.01 * np.arange(2000))
    forward = np.full(2000, -0.01)
    refuse_backward_target("GOLD", 5, forward, falling)
    rising = np.where(np.arange(2000) % 1000 == 7, 0.01, -0.01)
    refuse_backward_target("GOLD", 5, rising, falling)


@pytest.mark.parametrize("wrong", [0.08, 0.12])
def test_nine_tenths_of_the_signs_must_be_right(wrong: float) -> None:
    target = _change(CLOSE, 5, 5)
    flipped = np.random.default_rng(2).random(len(CLOSE)) < wrong
    assert _refused(5, np.where(flipped, -target, target)) is (wrong > 0.1)


def walk_of(signs: np.ndarray) -> np.ndarray:
    """A price that goes up or down by 1 % before each row but the first."""
    close: np.ndarray = 100 * np.exp(0.01 * np.append(0, np.cumsum(signs)))
    return close


def test_exactly_nine_tenths_are_enough() -> None:
    signs = np.random.default_rng(3).choice([-1.0, 1.0], 1000)
    close = walk_of(signs)
    wrong = np.where(np.arange(1000) % 10 == 0, -1, 1)
    refuse_backward_target("GOLD", 1, np.append(signs * wrong, np.nan), close)
    with pytest.raises(LeakageError, match=r"in 90\.0% of rows"):
        refuse_backward_target("GOLD", 1, np.append(np.nan, signs * wrong), close)


def test_one_row_in_a_thousand_more_accuses_a_target_of_a_price_that_mostly_rises() -> None:
    """Of a thousand rows 83 fall. It has the sign of one fall on its own row: two rows in which it agrees better."""
    signs = np.where(np.arange(1001) % 12 == 10, -1.0, 1.0)
    target = np.append(np.nan, np.ones(1001))
    target[491] = -1  # the row that the fall ends on
    assert signs[490] == -1
    with pytest.raises(LeakageError, match="ending 0 rows after"):
        refuse_backward_target("GOLD", 1, target, walk_of(signs))


def test_a_return_of_0_is_an_up() -> None:
    signs = np.random.default_rng(3).choice([-1.0, 0.0, 1.0], 1000)
    refuse_backward_target("GOLD", 1, np.append(signs, np.nan), walk_of(signs))


def test_a_target_halfway_into_the_future_is_named_as_such() -> None:
    with pytest.raises(LeakageError, match="ending 10 rows after") as caught:
        refuse_backward_target("GOLD", 21, _change(CLOSE, 21, 10), CLOSE)
    assert f"in {agreeing(_change(CLOSE, 21, 10), 21, 21):.1%}" in caught.value.found


def test_a_target_without_values_agrees_with_nothing() -> None:
    with pytest.raises(TrainingError, match=r"only 0\.0%"):
        refuse_backward_target("GOLD", 5, np.full(2000, np.nan), CLOSE)


@pytest.mark.parametrize(("values", "empty", "told"), [(150, 1, True), (149, 1, False), (150, 0, False)])
def test_a_feature_of_150_values_that_is_empty_at_the_end_is_late(values: int, empty: int, told: bool) -> None:
    rows = np.append(np.ones(values), np.full(empty, np.nan))
    assert bool(late(["slow", "other"], np.column_stack([rows, np.ones(len(rows))]))) is told


@pytest.mark.parametrize(("before", "empty", "told"), [(2, 2, 0), (2, 3, 3), (0, 2, 2)])
def test_a_feature_is_late_where_it_was_never_empty_for_as_long(before: int, empty: int, told: int) -> None:
    rows = np.concatenate([np.ones(200), np.full(before, np.nan), np.ones(200), np.full(empty, np.nan)])
    found = late(["slow", "other"], np.column_stack([rows, np.ones(len(rows))]))
    assert [f"newest {told} row" in text for text in found.values()] == ([True] if told else [])


def test_half_of_the_features_may_be_late_and_more_are_an_unfinished_row() -> None:
    full, short = np.ones(300), np.append(np.ones(299), np.nan)
    assert list(late(["a", "b"], np.column_stack([short, full]))) == ["a"]
    assert late(["a", "b", "c"], np.column_stack([short, short, full])) == {}


def scaled(values: np.ndarray, close: np.ndarray) -> bool:
    return bool(normalised(["it"], values[:, None], close))


def test_a_mean_of_0_and_a_deviation_of_1_by_either_count_of_freedom_are_of_all_rows() -> None:
    values = np.random.default_rng(4).exponential(size=400)
    close = 100 + np.cumsum(np.random.default_rng(5).normal(size=400))
    for freedom in (0, 1):
        exact = (values - values.mean()) / values.std(ddof=freedom)
        assert scaled(exact, close)
        assert scaled(1e-6 + exact * (1 + 1e-6), close)
        assert not scaled(exact + 1.5e-5, close)
        assert not scaled(exact - 1.5e-5, close)
        assert not scaled(exact * 1.004, close)
        assert not scaled(exact * 0.99, close)


def test_a_scale_is_looked_at_from_150_values_on_and_gaps_are_left_out() -> None:
    values = np.random.default_rng(4).exponential(size=150)
    close = np.random.default_rng(6).normal(size=150) + 100
    exact = (values - values.mean()) / values.std()
    assert scaled(np.append(exact, [np.nan] * 9), np.append(close, close[:9]))
    short = values[:149]
    assert not scaled((short - short.mean()) / short.std(), close[:149])


def test_close_between_0_and_1_is_scaled_by_its_extremes_and_another_feature_between_them_is_not() -> None:
    close = 100 + np.cumsum(np.random.default_rng(5).normal(size=400))
    unit = (close - close.min()) / np.ptp(close)
    assert scaled(unit, close)
    assert scaled(1 - unit, close)
    assert not scaled(unit**1.01, close)
    assert not scaled(unit / 2, close)
    assert not scaled(unit / 2 + 0.5, close)
    close[[5, 9]] = close.min() - 1, close.max() + 1
    unit = (close - close.min()) / np.ptp(close)
    noise = np.random.default_rng(6).normal(size=400) * unit.std() * 5.5e-5  # a correlation of 1 - 1.5e-9
    noise[[5, 9]] = 0
    assert not scaled(unit + noise, close)
    flags = (np.arange(400) % 7 == 0).astype(float)
    assert not scaled(flags, close)
    assert not scaled(np.zeros(400), close)


def version(number: int, *columns: str) -> Version:
    day = date(2024, 1, number)
    revision = Revision(day, day, 1, columns) if columns else None
    moment = Moment(datetime(2024, 1, number, tzinfo=UTC))
    hashed = Sha256("0" * 64)
    return Version(number, day, 500, hashed, (Column("Close"),), ("walk",), moment, "corrected", (), revision)


def test_of_the_newest_five_versions_three_corrections_are_too_many() -> None:
    twice = [version(1, "slow"), version(2, "slow"), version(3), version(4), version(5, "slow", "other")]
    assert list(corrected(twice, "Close")) == ["slow"]
    assert corrected(twice[1:], "Close") == {}
    later = [*twice, version(6)]
    assert corrected(later, "Close") == {}
    with_close = [version(day, "slow", "Close") for day in (1, 2)] + [version(3, "slow")]
    assert corrected(with_close, "Close") == {}


def leaks(frame: pd.DataFrame, names: list[str], *trusted: str, **corrections: str) -> dict[str, str]:
    spec = AssetSpec(name="GOLD", table="GOLD", horizons=(1,), trust_features=trusted)
    return leaking_features(frame, names, frame[names].to_numpy(), spec, corrections)


def test_what_each_look_finds_is_told_of_the_features_asked_for_that_nobody_trusts() -> None:
    draw = np.random.default_rng(8)
    frame = pd.DataFrame({"Close": CLOSE[:400], "noise": draw.normal(size=400), "slow": draw.normal(size=400)})
    frame["late"] = frame["slow"].where(frame.index < 399)
    frame["whole"] = (frame["noise"] - frame["noise"].mean()) / frame["noise"].std()
    frame["wild"] = frame["slow"].where(frame.index != 7, np.inf)
    names = ["noise", "slow", "late", "whole", "wild"]
    found = leaks(frame, names, slow="it is corrected", other="it is not asked for")
    assert list(found) == ["slow", "late", "whole"]
    assert found["slow"] == "it is corrected"
    assert list(leaks(frame, names, "late", "whole")) == []
