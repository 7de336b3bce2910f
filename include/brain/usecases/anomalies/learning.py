"""From the past of many symbols to fitted detectors, and for each symbol those that are admitted, with thresholds."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from brain.core.errors import BrainError
from brain.usecases.anomalies.admission import Spoiled, admit
from brain.usecases.anomalies.budget import Past, within
from brain.usecases.anomalies.detectors import DETECTORS
from brain.usecases.anomalies.detectors.detector import Known
from brain.usecases.anomalies.detectors.rule import Rule
from brain.usecases.anomalies.planting import Fault, plant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from brain.usecases.anomalies.admission import Admission
    from brain.usecases.anomalies.detectors.detector import Scorer
    from brain.usecases.anomalies.feedback import Judged
    from brain.usecases.anomalies.series import Series

    Values = NDArray[np.float64]

log = logging.getLogger(__name__)

CONFIRMED_KIND = "confirmed by people"
SAMPLE = 10_000  # bars of all symbols that learned detectors are fitted on
EACH, COPIES, MANY = 12, 4, 24  # faults of a kind in a copy, at most; copies, of a short past many, until enough
ENOUGH = 20  # faults of each kind
LONG = 1_000  # bars that have room for some faults of each kind
TRAINED_PART = 0.5  # of the past, from which thresholds come while detectors are admitted


@dataclass(frozen=True)
class Wanted:
    """What the catalogue asks for.

    Args:
        budget: False alerts a week and symbol.
        merge: Bars within which alerts are one.
        least_bars: Of the past, that a symbol needs.
    """

    detectors: tuple[str, ...]
    budget: float
    merge: int
    least_bars: int


@dataclass(frozen=True)
class Watch:
    """How one symbol is watched.

    Args:
        thresholds: By admitted detector, on the whole past.
        later_rate: Alerts a week of all admitted on the second part of the past, at thresholds of the first.
    """

    thresholds: Mapping[str, float]
    admission: Admission
    later_rate: float


@dataclass(frozen=True)
class Learned:
    """What training knows of a feed.

    Args:
        scorers: By detector.
        watches: By symbol.
        failed: By symbol that is not watched, why.
        rows: By detector, some features of real bars, with which its stored form is compared.
    """

    scorers: Mapping[str, Scorer]
    watches: Mapping[str, Watch]
    failed: Mapping[str, str]
    rows: Mapping[str, Values]


def learn(series: Mapping[str, Series], wanted: Wanted, judged: Judged | None = None) -> Learned:
    """Fit the detectors on all symbols together and admit them for each; a symbol that cannot be is left out.

    Args:
        series: The past of each symbol.
        judged: What people have said of earlier anomalies.
    """
    failed = {
        name: f"{len(one)} bars of the past; at least {wanted.least_bars} are needed"
        for name, one in series.items()
        if len(one) < wanted.least_bars
    }
    whole = {name: one for name, one in series.items() if name not in failed}
    rows = _sampled(whole, wanted.detectors, failed)
    scorers = {name: DETECTORS[name].fit(found, seed_of(name)) for name, found in rows.items() if len(found)}
    watches = {}
    for name in (name for name in whole if name not in failed):
        try:
            watches[name] = watch(whole[name], scorers, wanted, judged)
        except BrainError as error:
            failed[name] = str(error)
        except Exception as error:  # one symbol must not stop the others; the tables name it
            log.exception("admitting detectors for %s", name)
            failed[name] = f"{type(error).__name__}: {error}"
    return Learned(scorers, watches, failed, rows)


def watch(one: Series, scorers: Mapping[str, Scorer], wanted: Wanted, judged: Judged | None = None) -> Watch:
    """Which detectors watch a symbol, and their thresholds."""
    names = list(scorers)
    scores = scores_of(one, scorers, names)
    cut = float(one.at[int(len(one) * TRAINED_PART)])
    real = judged.real.get(one.symbol, ()) if judged else ()
    false = judged.false.get(one.symbol, ()) if judged else ()
    spans = [(first, last) for _, first, last in real]
    early = one.at < cut
    past = _past(one.at, scores, names, wanted, (spans, false))
    first = _past(one.at[early], {name: found[early] for name, found in scores.items()}, names, wanted, (spans, false))
    copies = _spoiled(one, cut, scorers, names)
    if real:
        faults = [Fault(CONFIRMED_KIND, begin, end) for begin, end in spans]
        copies.append(Spoiled(one.at, scores, faults))
    learned = [name for name in names if not isinstance(DETECTORS[name], Rule)]
    admission = admit(first, copies, wanted.budget, learned)
    admitted = sorted(admission.admitted)
    later = _past(one.at[~early], {name: scores[name][~early] for name in names}, names, wanted, (spans, false))
    rate = later.together(first.thresholds(admitted, wanted.budget)) / max(later.weeks, 1e-9)
    return Watch(past.thresholds(admitted, wanted.budget), admission, rate)


def scores_of(
    one: Series, scorers: Mapping[str, Scorer], names: Sequence[str], where: NDArray[np.bool_] | None = None
) -> dict[str, Values]:
    """By detector, how strange it finds each bar; nothing before it has seen enough bars.

    Args:
        where: The bars that are scored, all if not given; the others get nothing.
    """
    known, found = Known(one), {}
    for name in names:
        rows = DETECTORS[name].look(known)
        scores = np.zeros(len(rows))
        wanted = slice(None) if where is None else where
        scores[wanted] = scorers[name].score(rows[wanted])
        found[name] = ripe(name, scores)
    return found


def ripe(detector: str, scores: Values) -> Values:
    """The scores without those of bars before which a detector has not seen enough."""
    scores = scores.copy()
    scores[: DETECTORS[detector].bars_before] = 0.0
    return scores


def seed_of(text: str) -> int:
    """The same for the same text on every machine."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)


def _past(
    at: Values,
    scores: Mapping[str, Values],
    names: Sequence[str],
    wanted: Wanted,
    judged: tuple[Sequence[tuple[float, float]], Sequence[tuple[float, float]]],
) -> Past:
    weeks = max(float(at[-1] - at[0]), 1.0) / (7 * 86_400)
    chance = min(0.5, wanted.budget * weeks / max(len(at), 1))
    least = {name: DETECTORS[name].least(chance) for name in names}
    return Past(at, scores, least, wanted.merge, *judged)


def _spoiled(one: Series, cut: float, scorers: Mapping[str, Scorer], names: Sequence[str]) -> list[Spoiled]:
    """Copies of the past with faults after `cut`, until there are enough of each kind."""
    before, after = one.between(-np.inf, cut), one.between(cut, np.inf)
    copies: list[Spoiled] = []
    counts: Counter[str] = Counter()
    while len(copies) < (COPIES if len(after) >= LONG else MANY):
        random = np.random.default_rng(seed_of(f"{one.symbol} {len(copies)}"))
        changed, faults = plant(after, random, each=EACH)
        if not faults:
            break
        spoiled = joined(before, changed)
        touched = within(spoiled.at, [(fault.first, fault.last) for fault in faults])  # no other score is looked at
        scores = scores_of(spoiled, scorers, names, touched)
        copies.append(Spoiled(spoiled.at[touched], {name: found[touched] for name, found in scores.items()}, faults))
        counts.update(fault.kind for fault in faults)
        if min(counts.values()) >= ENOUGH:
            break
    return copies


def joined(first: Series, second: Series) -> Series:
    """One series, the second after the first."""
    at, value, volume = (
        np.concatenate([getattr(first, name), getattr(second, name)]) for name in ("at", "value", "volume")
    )
    return replace(first, at=at, value=value, volume=volume)


def _sampled(
    whole: Mapping[str, Series], detectors: Sequence[str], failed: dict[str, str]
) -> dict[str, NDArray[np.float64]]:
    """By detector, features of bars of the first part of all symbols' pasts."""
    each = max(20, SAMPLE // max(len(whole), 1))
    found: dict[str, list[Values]] = {name: [] for name in detectors}
    for symbol, one in whole.items():
        try:
            known = Known(one.between(-np.inf, float(one.at[int(len(one) * TRAINED_PART)])))
            for name in detectors:
                rows = DETECTORS[name].look(known)
                start = min(max(DETECTORS[name].bars_before, 100), len(rows) - 1)
                places = np.unique(np.linspace(start, len(rows) - 1, each).astype(int))
                found[name].append(rows[places])
        except Exception as error:  # one symbol must not stop the others; the tables name it
            log.exception("looking at %s", symbol)
            failed[symbol] = f"{type(error).__name__}: {error}"
    return {name: np.concatenate(rows) if rows else np.empty((0, 0)) for name, rows in found.items()}
