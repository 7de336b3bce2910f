"""An anomaly in words: what was expected, what was seen, and from when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from brain.usecases.anomalies.detectors import DETECTORS
from brain.usecases.anomalies.detectors.volume import DAYS, PRIOR, WINDOW
from brain.usecases.anomalies.usual_size import by_day

if TYPE_CHECKING:
    from collections.abc import Callable

    from brain.usecases.anomalies.detectors.detector import Known
    from brain.usecases.anomalies.episodes import Episode

SHORT, LONG = 12, 48  # bars over which a burst and a drift are told


@dataclass(frozen=True)
class Told:
    """What people read.

    Args:
        started: Seconds since 1970.
    """

    expected: float | None
    seen: float | None
    words: str
    started: float


def tell(known: Known, episode: Episode) -> Told:
    """The anomaly in the words of the detector that noticed most."""
    told = _WORDS.get(episode.detector, _move)(known, episode)
    also = [DETECTORS[name].kind for name in episode.noticed_by[1:]]
    more = f"; also noticed: {', '.join(also)}" if also else ""
    words = f"{told.words} ({episode.score:.1f} times the threshold of {episode.detector}){more}"
    return Told(told.expected, told.seen, words, min(told.started, float(known.series.at[episode.first])))


def _move(known: Known, episode: Episode) -> Told:
    series, place = known.series, episode.peak
    before, now = float(series.value[max(place - 1, 0)]), float(series.value[place])
    times = abs(float(known.moves.z[place]))
    about = "" if episode.detector == "robust_z" else f"{DETECTORS[episode.detector].about}: "
    words = f"{about}from {before:g} to {now:g}, {times:.1f} times the usual change at this time"
    return Told(before, now, words, float(series.at[episode.first]))


def _jump(known: Known, episode: Episode) -> Told:
    series, off = known.series, max(episode.peak - 1, 0)
    around, seen = float(series.value[max(off - 1, 0)]), float(series.value[off])
    times = abs(float(known.moves.z[off]))
    words = f"{seen:g} between {around:g} and {series.value[episode.peak]:g}: off by {times:.1f} usual changes and back"
    return Told(around, seen, words, float(series.at[off]))


def _stuck(known: Known, episode: Episode) -> Told:
    series, place = known.series, episode.peak
    moved = np.flatnonzero(series.value[: place + 1] != series.value[place])
    first = int(moved[-1]) + 1 if len(moved) else 0
    bars = place - first + 1
    usual = float(known.moves.size[place]) * (abs(float(series.value[place])) if (series.value > 0).all() else 1.0)
    words = f"{series.value[place]:g} for {bars} bars, where it usually changes by {usual:.3g} a bar"
    return Told(usual, 0.0, words, float(series.at[first]))


def _burst(known: Known, episode: Episode) -> Told:
    part = slice(max(episode.peak - SHORT + 1, 0), episode.peak + 1)
    times = float(np.sqrt(np.mean(known.moves.z[part] ** 2)))
    words = f"changes {times:.1f} times as large as usual over {SHORT} bars"
    return Told(1.0, times, words, float(known.series.at[episode.first]))


def _drift(known: Known, episode: Episode) -> Told:
    series, place = known.series, episode.peak
    first = max(place - LONG, 0)
    before, now = float(series.value[first]), float(series.value[place])
    same = float(np.mean(np.sign(known.moves.z[first + 1 : place + 1]) == np.sign(now - before)))
    words = f"from {before:g} to {now:g} over {place - first} bars, {same:.0%} of them in this direction"
    return Told(before, now, words, float(series.at[episode.first]))


def _gap(known: Known, episode: Episode) -> Told:
    series, place = known.series, episode.peak
    before = float(series.at[max(place - 1, 0)])
    silent = float(series.at[place]) - before
    missing = max(round(silent / series.step) - 1, 0)
    words = f"no bar for {timedelta(seconds=round(silent))}, when bars use to come every {round(series.step):d} seconds"
    return Told(float(missing), 0.0, words, before + series.step)


def _volume(known: Known, episode: Episode) -> Told:
    series, place = known.series, episode.peak
    logs = np.log1p(np.maximum(np.nan_to_num(series.volume), 0.0))
    part = slice(max(place - WINDOW + 1, 0), place + 1)
    expected = float(np.expm1(by_day(series, logs, DAYS, PRIOR)[part].mean()))
    seen = float(np.expm1(logs[part].mean()))
    words = f"a volume of {seen:.4g} over {WINDOW} bars, where {expected:.4g} is usual at this time"
    return Told(expected, seen, words, float(series.at[episode.first]))


_WORDS: dict[str, Callable[[Known, Episode], Told]] = {
    "jump": _jump,
    "stuck": _stuck,
    "burst": _burst,
    "drift": _drift,
    "gap": _gap,
    "volume": _volume,
}
