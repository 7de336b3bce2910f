"""Finds features that know the future: how each moves with what Close, its range and Volume do after the row.

A feature is compared with the coming days only after what the past explains of it is taken out, so that momentum,
volatility and whatever else is made from earlier rows is left with noise. What remains of an honest feature is news of
its own day, and news foretells little; what remains of a copy, of a value known too early or of a centred window is
the future itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import xlogy

from brain.usecases.direction.coming_days import Futures, Prices, ahead_by, coming, earlier, logarithm, standardised

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Mask = NDArray[np.bool_]

LEAST_ROWS = 150
AT_ONCE = 100  # features, which bounds the memory
# Levels that move slowly meet sums of many days by chance, and a mean-reverting price is foretold by its own level.
SLOW_BOUND = 0.8
SLOWER = 0.06  # added for each doubling of the rows over which both stay the same
ERRORS = 6.0  # standard errors of Fisher's z by which a correlation must differ from nothing
SAME = 0.995  # share of rows in which a feature on the right side of its middle is the direction itself
LEAST_TURNS = 5
BINS = 16
IMPLAUSIBLE = 0.2  # of the entropy of tomorrow's direction; a strong planted signal has 0.13
NOTHING = 1e-9  # share of a feature's variance below which what the past leaves of it is rounding


def knows_the_future(
    names: Sequence[str], values: Values, prices: Prices, horizons: Iterable[int]
) -> Mapping[str, str]:
    """The evidence by feature, for those that move with what comes after their row as no honest one could.

    Args:
        names: Of the columns of `values`.
        values: Features, shape (n, d), NaN where missing, one row a day in order.
        horizons: Rows ahead of the asset's returns.
    """
    if len(values) < LEAST_ROWS or not len(names):
        return {}
    with np.errstate(all="ignore"):  # prices that never move and absurd values are the quality gate's
        return _looked_at(names, values, prices, horizons)


def _looked_at(names: Sequence[str], values: Values, prices: Prices, horizons: Iterable[int]) -> Mapping[str, str]:
    log_close, ahead = logarithm(prices.close), sorted({*horizons, 1})
    futures = coming(prices, log_close, ahead)
    past = earlier(prices, log_close)
    found = dict(_one_by_one(names, values, log_close, ahead))
    for first, places in _groups(values):
        rows = slice(first, None)
        told = _strongest(values[rows, places], prices.close[rows], past[rows], futures, rows)
        found |= {names[place]: text for place, text in zip(places, told, strict=True) if text}
    return {name: f"it knows {found[name]}" for name in names if name in found}


def _one_by_one(names: Sequence[str], values: Values, log_close: Values, horizons: Sequence[int]) -> Mapping[str, str]:
    """Features that are the direction itself, or that tell tomorrow's in a way that need not be a line."""
    found: dict[str, str] = {}
    tomorrow = ahead_by(log_close, 1) - log_close
    for name, feature in zip(names, values.T, strict=True):
        told = _tells_tomorrow(feature, tomorrow)
        for rows in horizons if not told else ():
            told = told or _is_direction(feature, ahead_by(log_close, rows) - log_close, rows)
        if told:
            found[name] = told
    return found


def _is_direction(feature: Values, change: Values, rows: int) -> str:
    """Whether a feature changes its side wherever the direction over the next `rows` rows does."""
    known = np.isfinite(feature) & np.isfinite(change)
    if known.sum() < LEAST_ROWS:
        return ""
    up, own = change[known] >= 0, feature[known]
    if np.count_nonzero(up[1:] != up[:-1]) < LEAST_TURNS:
        return ""
    for middle in (0.0, (own.min() + own.max()) / 2):
        same = float(((own >= middle) == up).mean())
        if max(same, 1 - same) >= SAME:
            side = "equal" if same >= SAME else "opposite"
            return f"the direction of Close over the next {rows} row(s) ({side} in {max(same, 1 - same):.1%} of rows)"
    return ""


def _tells_tomorrow(feature: Values, tomorrow: Values) -> str:
    """The share of what there is to know of tomorrow's direction that the feature's size tells, if implausible."""
    known = np.isfinite(feature) & np.isfinite(tomorrow)
    if known.sum() < LEAST_ROWS:
        return ""
    up, bins = tomorrow[known] >= 0, _bins(feature[known])
    ups, rows = np.bincount(bins, up, BINS), np.bincount(bins, minlength=BINS).astype(np.float64)
    before = _entropy(np.array([float(up.sum())]), np.array([float(len(up))]))
    if before == 0:
        return ""
    by_chance = (np.count_nonzero(rows) - 1) / 2
    told = 1 - (_entropy(ups.astype(np.float64), rows) + by_chance) / before
    errors = np.sqrt(max(0.0, 2 * (told * before))) if told > 0 else 0.0  # a likelihood ratio's root is about normal
    if told < IMPLAUSIBLE or errors < ERRORS:
        return ""
    return f"the direction of Close 1 row later ({told:.0%} of what there is to know of it, in {len(up)} rows)"


def _bins(feature: Values) -> NDArray[np.intp]:
    """Equal steps over three standard deviations on both sides."""
    spread = feature.std() or 1.0
    place = (np.clip((feature - feature.mean()) / spread, -3, 3) + 3) / 6 * (BINS - 1)
    bins: NDArray[np.intp] = np.rint(place).astype(np.intp)
    return bins


def _entropy(ups: Values, rows: Values) -> float:
    """Summed over groups, the entropy in nats of `ups` out of `rows`."""
    share = ups / np.maximum(rows, 1)
    return float(-(xlogy(ups, share) + xlogy(rows - ups, 1 - share)).sum())


def _groups(values: Values) -> Iterable[tuple[int, NDArray[np.intp]]]:
    """Features that begin at about the same row, each group with the row from which on all of them are there."""
    known = ~np.isnan(values)
    first = np.where(known.any(axis=0), known.argmax(axis=0), len(values))
    eighth = first * 8 // len(values)
    for number in np.unique(eighth):
        places = np.flatnonzero(eighth == number)
        start = int(first[places].max())
        if len(values) - start >= LEAST_ROWS:
            yield from ((start, places[at : at + AT_ONCE]) for at in range(0, len(places), AT_ONCE))


def _strongest(features: Values, close: Values, past: Values, futures: Futures, rows: slice) -> list[str]:
    """For each feature, what it knows of the future; empty if nothing."""
    count = features.shape[1]
    forms = _forms(features, close)
    left, there = _unexplained(forms, past)
    correlations, sizes = _correlations(left, there, futures.values[rows])
    spans = np.minimum(futures.rows, _persistence(left)[:, None])
    bounds = np.minimum(SLOW_BOUND, futures.bounds + SLOWER * np.log2(spans))
    beyond = _beyond(correlations, sizes / spans, bounds)
    beyond[2 * count :, ~futures.of_close] = 0  # a level of volatility foretells the next day's by much
    return [_evidence(feature, count, beyond, correlations, sizes, futures.names) for feature in range(count)]


def _evidence(
    feature: int, count: int, beyond: Values, correlations: Values, sizes: Values, names: Sequence[str]
) -> str:
    """What a feature knows best, by itself if it does, else by its change; empty if nothing."""
    for form in (2, 3, 0, 1):
        place = form * count + feature
        future = int(np.argmax(beyond[place]))
        if beyond[place, future] >= 1:
            return f"{names[future]} (correlation {correlations[place, future]:+.3f}, {sizes[place, future]:.0f} rows)"
    return ""


def _beyond(correlations: Values, independent: Values, bounds: Values) -> Values:
    """How far correlations are beyond their bounds, 1 being at it; 0 where chance may have made them (Fisher 1915)."""
    size = np.minimum(np.abs(correlations), 1 - 1e-9)
    errors = np.arctanh(size) * np.sqrt(np.maximum(independent - 3, 0))
    beyond: Values = np.where(errors >= ERRORS, size / bounds, 0)
    return beyond


def _persistence(left: Values) -> Values:
    """Over about how many rows each column stays the same: (1 + r) / (1 - r), r its correlation with the next row."""
    power = np.maximum((left**2).sum(axis=0), 1e-9)
    next_row = np.clip((left[1:] * left[:-1]).sum(axis=0) / power, 0, 0.9999)
    rows: Values = ((1 + next_row) / (1 - next_row)).astype(np.float64)
    return rows


def _forms(features: Values, close: Values) -> Values:
    """Each feature as its change, as the change of a price in units of Close, itself, and in units of Close.

    Shape (n, 4 d). A feature that can be the gap of Close to a price is turned back into that price.
    """
    filled = _filled(features)
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = np.nanmin(filled, axis=0), np.nanmax(filled, axis=0)
        own = np.where(low > 0, np.log(filled), filled)
        is_gap = (low > -0.95) & (low < 0) & (high < 5)
        price = np.where(is_gap, close[:, None] / (1 + filled), filled)
        changes = [np.diff(form, axis=0, prepend=np.nan) for form in (own, price)]
        share = np.where(low > 0, own - np.log(close)[:, None], filled / close[:, None])
    forms = np.concatenate([changes[0], changes[1] / close[:, None], filled, share], axis=1)
    forms[np.tile(np.isnan(features), 4)] = np.nan
    return forms


def _filled(values: Values) -> Values:
    """Missing values replaced by the last one before."""
    known = ~np.isnan(values)
    if known.all():
        return values
    last = np.maximum.accumulate(np.where(known, np.arange(len(values))[:, None], 0), axis=0)
    filled: Values = np.take_along_axis(values, last, axis=0)
    return filled


def _unexplained(forms: Values, past: Values) -> tuple[Values, Mask]:
    """What the past leaves of each form, in standard deviations, 0 where it is unknown; and where it is known."""
    there = np.isfinite(forms)
    scaled = standardised(np.where(there, forms, np.nan))
    gram = past.T @ past
    gram[np.diag_indices_from(gram)] += 1e-9 * len(past)
    left = scaled - past @ np.linalg.solve(gram, past.T @ scaled)
    left[~there] = 0
    share = np.mean(left**2, axis=0)
    left[:, share < NOTHING] = 0
    return _clipped(left), there


def _clipped(values: Values) -> Values:
    """At three standard deviations, so that no crash or correction decides."""
    scaled: Values = np.clip(standardised(values), -3, 3).astype(np.float32)
    return scaled


def _correlations(left: Values, there: Mask, futures: Values) -> tuple[Values, Values]:
    """Of each form with each future, over the rows where both are known; and the number of these rows."""
    known = ~np.isnan(futures)
    target = _clipped(futures)
    cross = left.T @ target
    ends = np.cumsum(left**2, axis=0, dtype=np.float64)
    until = len(known) - 1 - known[::-1].argmax(axis=0)
    if there.all():
        sizes = np.broadcast_to(known.sum(axis=0), cross.shape)
        power = np.broadcast_to((target**2).sum(axis=0), cross.shape)
    else:
        mask = there.astype(np.float32).T
        sizes, power = mask @ known.astype(np.float32), mask @ target**2
    norm = np.sqrt(ends[until].T * power)
    return cross / np.where(norm > 0, norm, np.inf), sizes
