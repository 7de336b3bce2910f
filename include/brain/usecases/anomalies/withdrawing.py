"""What becomes of a published anomaly when bars behind it came late or were corrected: it may not be strange any more.

An anomaly that no detector finds again is withdrawn only where the bars that it was found in are not what they were:
the snapshot of the moment that published it is compared with the newest one. New thresholds withdraw nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.core.errors import LakeError, ScoringError
from brain.core.moment import Moment
from brain.usecases.anomalies.bars import Bars, read_bars
from brain.usecases.anomalies.names import OVER, WITHDRAWN
from brain.usecases.anomalies.telling import LONG

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from brain.lake.lake import Lake
    from brain.usecases.anomalies.catalogue import Feed
    from brain.usecases.anomalies.series import Series
    from brain.usecases.anomalies.watching import Watched

Known = Callable[[datetime], Bars | None]

log = logging.getLogger(__name__)


@dataclass
class Before:
    """The bars of a feed as earlier runs knew them.

    Args:
        now: As they are known now.
        days: Days of bars that are read.
    """

    lake: Lake
    feed: Feed
    now: Bars
    days: int
    _read: dict[datetime, Bars | None] = field(default_factory=dict)

    def known(self, at: datetime) -> Bars | None:
        """Those known at a moment; None where they are the same as now, or cannot be read any more."""
        if at not in self._read:
            try:
                found = read_bars(self.lake, self.feed, Moment(at), self.days)
            except (LakeError, ScoringError) as error:  # what was published stays
                log.warning("%s: what was known at %s cannot be compared: %s", self.feed.name, at, error)
                self._read[at] = None
            else:
                same = found.snapshot.data_sha256 == self.now.snapshot.data_sha256
                self._read[at] = None if same else found
        return self._read[at]


def withdraw(unfound: Iterable[dict[str, Any]], watched: Mapping[str, Watched], known: Known) -> None:
    """Withdraw those of the published rows of which bars have changed; the others stay as they are.

    Args:
        unfound: Rows of `anomalies` that are over, and that no detector finds now.
        watched: By symbol, what was looked at now. A row that began before that is left alone.
        known: As `Before.known`.
    """
    for row in unfound:
        looked, began = watched.get(row["symbol"]), row["started_at"].timestamp()
        if row["status"] != OVER or looked is None or began < _first(looked):
            continue
        then = known(row["first_published"])
        if then is None or row["symbol"] not in then.series:
            continue
        now = looked.known.series
        now = now.between(-np.inf, float(now.at[-1])) if looked.silent else now
        told = changed(then.series[row["symbol"]], now, began, row["ended_at"].timestamp(), then.newest)
        if told:
            row["status"], row["withdrawn"] = WITHDRAWN, f"nothing strange is left: {told}"


def changed(then: Series, now: Series, began: float, ended: float, newest: float) -> str:
    """In words, what is different about the bars that an anomaly was found in; empty if nothing is.

    These are its own, those before it that detectors look back on, and the one behind it, as far as there were any.

    Args:
        newest: Time of the newest bar of the feed then: what came after it is not late.
    """
    place = int(np.searchsorted(now.at, began))
    first, last = float(now.at[max(place - LONG, 0)]), min(ended + now.step, newest)
    old, new = then.between(first, np.nextafter(last, np.inf)), now.between(first, np.nextafter(last, np.inf))
    gone, late = (np.setdiff1d(*pair) for pair in ((old.at, new.at), (new.at, old.at)))
    _, here, there = np.intersect1d(old.at, new.at, return_indices=True)
    values = old.value[here] != new.value[there]
    volumes = ~((old.volume[here] == new.volume[there]) | (np.isnan(old.volume[here]) & np.isnan(new.volume[there])))
    parts = [_counted(late, "came late"), _counted(gone, "vanished")]
    if values.any():
        one = int(np.flatnonzero(values)[0])
        figures = f", from {old.value[here][one]:g} to {new.value[there][one]:g}"
        parts.append(_counted(old.at[here][values], "was corrected", "were corrected", figures))
    elif volumes.any():
        parts.append(_counted(old.at[here][volumes], "got another volume"))
    return "; ".join(filter(None, parts))


def _counted(at: np.ndarray[Any, np.dtype[np.float64]], one: str, many: str = "", figures: str = "") -> str:
    if not len(at):
        return ""
    first = f"{datetime.fromtimestamp(float(at[0]), UTC):%Y-%m-%d %H:%M} UTC{figures}"
    return f"the bar of {first}, {one}" if len(at) == 1 else f"{len(at)} bars {many or one}, the first of {first}"


def _first(looked: Watched) -> float:
    at = looked.known.series.at
    return float(at[looked.start]) if looked.start < len(at) else np.inf
