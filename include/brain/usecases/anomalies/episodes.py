"""From the scores of a symbol's bars to anomalies: alerts near to one another are one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Values = NDArray[np.float64]

ALERT = 1.0  # score by threshold
MEDIUM, HIGH = 1.5, 3.0  # thresholds from which an anomaly is worth more attention


@dataclass(frozen=True)
class Episode:
    """Alerts of one symbol that belong together.

    Args:
        first, last, peak: Places among the series' bars.
        detector: The one that noticed most, at `peak`.
        noticed_by: All that noticed it, the strongest first.
    """

    first: int
    last: int
    peak: int
    detector: str
    score: float
    noticed_by: tuple[str, ...]


def episodes(scores: Mapping[str, Values], start: int, merge: int) -> list[Episode]:
    """The episodes of a symbol, ascending.

    Args:
        scores: By detector, score by threshold of each bar from the place `start` on.
        merge: Bars within which alerts belong together.
    """
    if not scores:
        return []
    names = list(scores)
    table = np.stack([scores[name] for name in names])
    alerts = np.flatnonzero((table >= ALERT).any(axis=0))
    if not len(alerts):
        return []
    groups = np.split(alerts, np.flatnonzero(np.diff(alerts) > merge) + 1)
    found = []
    for group in groups:
        part = table[:, group[0] : group[-1] + 1]
        best = part.max(axis=1)
        strongest = int(best.argmax())
        noticed = sorted((name for name, most in zip(names, best, strict=True) if most >= ALERT), key=names.index)
        noticed.sort(key=lambda name: -best[names.index(name)])
        peak = start + int(group[0]) + int(part[strongest].argmax())
        first, last = start + int(group[0]), start + int(group[-1])
        found.append(Episode(first, last, peak, names[strongest], float(best[strongest]), tuple(noticed)))
    return found


def severity(score: float) -> str:
    """In a word."""
    return "high" if score >= HIGH else "medium" if score >= MEDIUM else "low"
