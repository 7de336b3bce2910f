from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import betaln, expit, logit
from scipy.stats import ttest_1samp

from brain.learning.probability import log_loss
from brain.learning.rounding import rounded
from brain.usecases.direction import base_rate
from brain.usecases.direction.base_rate import (
    FIRST_BLOCK,
    LONG_RUN,
    TOLERABLE,
    WINDOWS,
    YEAR,
    BaseRates,
    _t_value,
    outcomes_per_row,
)

HORIZONS = (1, 5, 20, 161)


def known_at_the_end(labels: NDArray[np.float64], horizon: int) -> NDArray[np.float64]:
    known = labels.copy()
    known[len(known) - horizon :] = np.nan
    return known


def rates_of(labels: NDArray[np.float64], peers: float = 0.5) -> BaseRates:
    """The same ups and downs at every horizon."""
    by_horizon = {horizon: known_at_the_end(labels, horizon) for horizon in HORIZONS}
    return BaseRates.of(by_horizon, dict.fromkeys(HORIZONS, peers))


def shuffled(ups: int, rows: int, seed: int = 0) -> NDArray[np.float64]:
    labels = np.repeat([1.0, 0.0], [ups, rows - ups])
    np.random.default_rng(seed).shuffle(labels)
    return labels


def test_a_share_seen_in_plenty_is_what_was_seen() -> None:
    assert rates_of(shuffled(60_000, 100_000)).rate(1, 99_999) == pytest.approx(0.6, abs=2e-3)


def test_a_share_seen_in_very_few_independent_outcomes_is_drawn_toward_the_others() -> None:
    rates = rates_of(shuffled(630, 1000), peers=0.55)
    shares = [float(rates.shares(horizon, np.array([999]))[0]) for horizon in HORIZONS]
    moved = [share - rates.rate(horizon, 999) for share, horizon in zip(shares, HORIZONS, strict=True)]
    assert all(step > 0 for step in moved)
    assert moved[:3] == pytest.approx([0.006, 0.003, 0.002], abs=0.002)
    assert moved[3] > 0.01  # of 161 rows each, 1,000 rows hold 7


@pytest.mark.parametrize("horizon", [5, 20, 161])
def test_leaving_the_plain_share_costs_little_even_in_a_bad_year(horizon: int) -> None:
    """Of years of a share that is right, one in twenty loses more than `TOLERABLE` by the draw to other assets."""
    rates = BaseRates.of({horizon: known_at_the_end(shuffled(6000, 10_000), horizon)}, {horizon: 0.56})
    share, rate = float(rates.shares(horizon, np.array([9999]))[0]), rates.rate(horizon, 9999)
    moves = np.random.default_rng(1).normal(size=(4000, YEAR + horizon)).cumsum(axis=1)
    drift = np.quantile(moves[:, horizon] - moves[:, 0], 1 - share) / horizon
    later = moves - drift * np.arange(YEAR + horizon)
    ups = (later[:, horizon:] > later[:, :-horizon]).mean(axis=1)
    assert rate < share
    worse = log_loss(ups, rate) > (1 + TOLERABLE) * log_loss(ups, share)
    assert worse.mean() < 0.09


def test_outcomes_that_overlap_count_as_many_as_their_mean_scatters_like() -> None:
    moves = np.random.default_rng(2).normal(size=(20_000, 400)).cumsum(axis=1)
    for horizon in (2, 20):
        ups = (moves[:, horizon:] > moves[:, :-horizon]).mean(axis=1)
        outcomes = outcomes_per_row(horizon) * (400 - horizon)
        assert ups.var() == pytest.approx(0.25 / outcomes, rel=0.1)
    assert outcomes_per_row(1) == 1


def test_an_asset_unlike_the_others_is_drawn_to_them_less() -> None:
    like, unlike = rates_of(shuffled(560, 1000), peers=0.6), rates_of(shuffled(200, 1000), peers=0.6)
    assert like.likeness(999) > 0.7
    assert unlike.likeness(999) < 0.1
    assert unlike.rate(161, 999) < 0.4 < 0.55 < like.rate(161, 999)


def test_before_anything_is_known_the_others_and_a_half_are_all_there_is() -> None:
    rates = rates_of(shuffled(500, 1000), peers=0.7)
    assert rates.likeness(0) == pytest.approx(0.5)
    assert rates.rate(161, 0) == pytest.approx(0.6)


def test_only_labels_that_end_by_the_row_are_known() -> None:
    labels = np.repeat([0.0, 1.0], [600, 600])
    rates = rates_of(labels)
    assert rates.shares(20, np.array([600 + 19, 600 + 20])) == pytest.approx([0, 1 / 601])


def test_long_after_the_last_row_all_labels_are_known() -> None:
    ups = shuffled(630, 1000)
    assert BaseRates.of({1: ups}, {}).shares(1, np.array([998, 999, 1500])).tolist() == [
        ups[:998].mean(),
        ups[:999].mean(),
        0.63,
    ]


def test_rates_at_many_rows_are_those_at_each() -> None:
    rates = rates_of(np.concatenate([shuffled(1500, 3000), shuffled(3200, 4000, seed=1)]))
    rows = np.array([500, 3000, 5000, 6999])
    assert list(rates.rates(5, rows)) == [rates.rate(5, int(row)) for row in rows]


def test_what_comes_later_changes_no_earlier_rate() -> None:
    labels = shuffled(3000, 6000)
    longer = np.concatenate([labels, np.ones(2000)])
    for row in (400, 3000, 5900):
        assert rates_of(longer).rate(5, row) == rates_of(labels).rate(5, row)


def test_a_recent_window_is_taken_where_the_share_has_moved_for_good() -> None:
    moved = np.concatenate([shuffled(1500, 3000), shuffled(3200, 4000, seed=1)])
    rates = rates_of(moved)
    assert rates.window(6999) in WINDOWS
    for horizon in (1, 5):
        assert rates.rate(horizon, 6999) > rates.shares(horizon, np.array([6999]))[0] + 0.05


def test_the_long_run_holds_where_nothing_has_moved() -> None:
    steady = [rates_of(shuffled(3600, 7000, seed)).window(6999) for seed in range(20)]
    assert steady.count(LONG_RUN) >= 18


def test_a_short_history_has_nothing_to_compare_windows_on() -> None:
    assert rates_of(shuffled(700, FIRST_BLOCK)).window(FIRST_BLOCK - 1) == LONG_RUN


def test_a_window_is_taken_for_all_horizons_so_that_neighbours_agree() -> None:
    ups_and_downs = np.concatenate([shuffled(2000, 4000), shuffled(2800, 4000, seed=2)])
    horizons = (19, 20, 21)
    labels = {horizon: known_at_the_end(ups_and_downs, horizon) for horizon in horizons}
    rates = BaseRates.of(labels, dict.fromkeys(horizons, 0.5))
    assert np.ptp([rates.rate(horizon, 7999) for horizon in horizons]) < 0.01


def test_the_peers_share_is_one_half_where_none_is_given() -> None:
    assert BaseRates.of({5: known_at_the_end(shuffled(50, 100), 5)}, {}).peers_at(5, 99) == 0.5


def test_the_others_share_that_counts_is_the_one_known_then() -> None:
    labels = {horizon: known_at_the_end(shuffled(560, 1000), horizon) for horizon in HORIZONS}
    moving = np.repeat([0.5, 0.6], [500, 500])
    rates = BaseRates.of(labels, dict.fromkeys(HORIZONS, moving))
    for row, peers in ((499, 0.5), (500, 0.6), (999, 0.6), (1100, 0.6)):
        alone = BaseRates.of(labels, dict.fromkeys(HORIZONS, peers))
        assert rates.peers_at(161, row) == peers
        assert rates.rate(161, row) == alone.rate(161, row)
        assert rates.likeness(row) == alone.likeness(row)


def counted(labels: NDArray[np.float64], horizon: int, row: int, window: int = 0) -> tuple[float, float]:
    """Ups and independent outcomes among the labels that end by `row`, counted one by one."""
    known = labels[: max(0, row - horizon + 1)]
    known = known[-window:] if window else known
    known = known[~np.isnan(known)]
    shared = sum(2 / np.pi * np.arcsin(1 - step / horizon) for step in range(1, horizon))
    return known.sum() / (1 + 2 * shared), len(known) / (1 + 2 * shared)


def expected_rates(labels: dict[int, NDArray[np.float64]], peers: float, row: int, window: int = 0) -> list[float]:
    """The rates of all horizons as the docstrings of `base_rate` say it, horizon by horizon."""
    found, told = [], [counted(values, horizon, row) for horizon, values in labels.items()]
    strengths = [0.5 * np.pi * 252 / (0.25**2 * horizon) for horizon in labels]
    odds = [
        (betaln(u + s * peers, n - u + s * (1 - peers)) - betaln(s * peers, s * (1 - peers)))
        - (betaln(u + 1, n - u + 1) - betaln(1, 1))
        for (u, n), s in zip(told, strengths, strict=True)
    ]
    like = expit(np.mean(odds))
    for (horizon, values), (ups, outcomes), strength in zip(labels.items(), told, strengths, strict=True):
        best = like * (ups + strength * peers) / (outcomes + strength) + (1 - like) * (ups + 1) / (outcomes + 2)
        known = max(outcomes, 1.0)
        share = min(max(ups / known, 0.5 / (known + 1)), 1 - 0.5 / (known + 1))
        way = logit(best) - logit(share)
        in_a_year = max(252 * counted(np.ones(1), horizon, horizon)[1], 1.0)
        deviation = np.sqrt(share * (1 - share) * (1 / known + 1 / in_a_year))
        bad = min(max(share - np.sign(way) * 1.645 * deviation, 0.0), 1.0)
        step = 0.002 * float(log_loss(np.array(bad), share)) / max(abs(bad - share), 1e-9)
        step *= max(0.5, 1 - step * share * (1 - share) / (2 * max(abs(bad - share), 1e-9)))
        farthest = max(step, max(0.0, 1 - outcomes / 10) * abs(way))
        rate = expit(logit(share) + min(max(way, -farthest), farthest))
        recent, outcomes = counted(values, horizon, row, window)
        found.append((recent + 200 * rate) / (outcomes + 200) if window else rate)
    return found


@pytest.mark.parametrize(("ups", "peers"), [(1740, 0.5), (1740, 0.62), (1980, 0.7)])
@pytest.mark.parametrize("row", [0, 1, 3, 6, 40, 161, 700, 2900])
def test_rates_are_those_worked_out_one_by_one(row: int, ups: int, peers: float) -> None:
    labels = {horizon: known_at_the_end(shuffled(ups, 3000), horizon) for horizon in (*HORIZONS, 300, 500)}
    labels[20][500:510] = np.nan
    rates = BaseRates.of(labels, dict.fromkeys(labels, peers))
    found = [rates._rates(np.array([row]), LONG_RUN)[at, 0] for at in range(6)]
    assert found == pytest.approx(expected_rates(labels, peers, row), rel=1e-9)
    recent = [rates._rates(np.array([row]), 500)[at, 0] for at in range(6)]
    assert recent == pytest.approx(expected_rates(labels, peers, row, 500), rel=1e-9)


@pytest.mark.parametrize("only", [0.0, 1.0])
def test_a_share_of_nothing_but_ups_or_downs_leaves_room_for_the_other(only: float) -> None:
    labels = {5: known_at_the_end(np.full(400, only), 5)}
    rates = BaseRates.of(labels, {5: 0.5})
    for row in (5, 30, 399):
        assert rates.rate(5, row) == pytest.approx(expected_rates(labels, 0.5, row)[0], rel=1e-9)


@pytest.fixture(scope="module")
def moved() -> dict[int, NDArray[np.float64]]:
    """Labels whose share moves for good at the row 3,000; one horizon knows few before 2,000."""
    ups = np.concatenate([shuffled(1500, 3000), shuffled(2750, 4000, seed=1)])
    labels = {horizon: known_at_the_end(ups, horizon) for horizon in (1, 5, 20)}
    labels[5][:1100] = labels[5][1300:2000] = np.nan
    labels[5][1900] = 1.0  # a block of one label
    return labels


def test_gains_of_a_window_are_nats_a_label_of_each_block(moved: dict[int, NDArray[np.float64]]) -> None:
    """A block with fewer labels weighs as much as a full one; one that the window does not precede is left out."""
    rates = BaseRates.of(moved, {})
    starts = range(1000, 7001 - 320, 320)
    assert set(rates._gains) == {500, 1000, 2000}
    for window, gains in rates._gains.items():
        assert len(gains) == len(starts)
        for start, gain in zip(starts, gains, strict=True):
            if start <= window:
                assert np.isnan(gain)
                continue
            long_run, recent = (expected_rates(moved, 0.5, start, taken) for taken in (0, window))
            better = []
            for values, plain, lately in zip(moved.values(), long_run, recent, strict=True):
                known = values[start : start + 320]
                known = known[~np.isnan(known)]
                losses = log_loss(known, plain) - log_loss(known, lately)
                better.append(losses.mean() if len(known) else 0.0)
            assert gain == pytest.approx(np.mean(better), abs=1e-12)


def test_a_window_is_taken_once_its_blocks_are_known_and_clear(moved: dict[int, NDArray[np.float64]]) -> None:
    rates = BaseRates.of(moved, {})
    starts, chosen = np.arange(1000, 7001 - 320, 320), []
    for row in range(6999):
        known = {window: gains[(starts + 320 + 20 <= row)] for window, gains in rates._gains.items()}
        clear = {window: gains[~np.isnan(gains)] for window, gains in known.items()}
        values = {
            window: gains.mean() / gains.std(ddof=1) * np.sqrt(len(gains)) if len(gains) >= 6 else 0.0
            for window, gains in clear.items()
        }
        best = max(values, key=lambda window: round(values[window], 9))
        chosen.append(best if values[best] > 3 else LONG_RUN)
    assert len(set(chosen)) > 1
    assert [rates.window(row) for row in range(6999)] == chosen


def test_a_window_that_is_just_as_clear_as_it_must_be_is_not_taken(
    moved: dict[int, NDArray[np.float64]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = BaseRates.of(moved, {})
    known = rates._block_starts + 320 + 20 <= 6900
    clear = max(rounded(_t_value(gains[known])) for gains in rates._gains.values())
    taken = []
    for least in (clear - 1e-6, clear):
        monkeypatch.setattr(base_rate, "CLEAR", least)
        taken.append(rates.window(6900))
    assert taken[0] in WINDOWS
    assert taken[1] == LONG_RUN


def test_blocks_that_all_gain_the_same_prove_nothing() -> None:
    assert _t_value(np.ones(6)) == 0.0
    assert _t_value(np.array([1.0, 2.0, 3.0, 2.0, 1.0])) == 0.0
    assert _t_value(np.array([1.0, 2.0, 3.0, 2.0, 1.0, 3.0])) == pytest.approx(
        ttest_1samp([1, 2, 3, 2, 1, 3], 0).statistic
    )


def test_an_asset_of_which_every_horizon_was_refused_has_no_rates() -> None:
    assert BaseRates.of({}, {}).window(0) == LONG_RUN


def test_the_others_count_as_much_as_was_known_then() -> None:
    labels = {5: known_at_the_end(shuffled(60, 100), 5)}
    rates = BaseRates.of(labels, {}, {5: np.repeat([100.0, 300.0], 50)})
    assert [rates.strength_at(5, row) for row in (49, 50, 99, 120)] == [100, 300, 300, 300]
    newest = BaseRates.of(labels, {5: np.repeat([0.4, 0.6], [99, 1])}, {5: np.repeat([100.0, 300.0], [99, 1])})
    assert [(newest.peers_at(5, row), newest.strength_at(5, row)) for row in (98, 99, 120)] == [
        (0.4, 100), (0.6, 300), (0.6, 300)
    ]  # fmt: skip
    assert BaseRates.of(labels, {}).strength_at(5, 0) == pytest.approx(0.5**2 / (0.25**2 * 5 / 252 / (2 * np.pi)))
