"""How strange each newest bar is, by the stored detectors: many symbols at a time."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from brain.usecases.anomalies.detectors import DETECTORS
from brain.usecases.anomalies.detectors.detector import Known
from brain.usecases.anomalies.episodes import episodes
from brain.usecases.anomalies.graph import NEVER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from brain.portable.evaluate import Evaluator
    from brain.usecases.anomalies.episodes import Episode
    from brain.usecases.anomalies.series import Series

    Values = NDArray[np.float64]

log = logging.getLogger(__name__)

SYMBOLS = 50  # looked at together
BLOCK = 16_384  # bars that a model takes at once, for memory


@dataclass(frozen=True)
class Served:
    """A stored detector as it is served.

    Args:
        thresholds: By symbol.
    """

    detector: str
    version: int
    evaluator: Evaluator
    places: Mapping[str, int]
    thresholds: Mapping[str, float]

    def watches(self, symbol: str) -> bool:
        """Whether it was admitted for the symbol."""
        return self.thresholds.get(symbol, NEVER) < NEVER

    def scores(self, rows: Values) -> Values:
        """Score by threshold of rows (n, 1 + features), shape (n,)."""
        parts = [self.evaluator.outputs(rows[start : start + BLOCK])[:, 0] for start in range(0, len(rows), BLOCK)]
        return np.concatenate(parts) if parts else np.empty(0)


@dataclass(frozen=True)
class Watched:
    """What was found about one symbol.

    Args:
        start: The place of the first bar that was looked at.
        scores: By admitted detector, of the bars from `start` on.
    """

    known: Known
    start: int
    scores: Mapping[str, Values]
    episodes: Sequence[Episode]


def watch_all(
    series: Iterable[Series], served: Sequence[Served], since: float, merge: int, failed: dict[str, str]
) -> Iterator[Watched]:
    """What is strange about each symbol since a time; one that cannot be looked at is told in `failed`.

    Args:
        since: Seconds since 1970.
    """
    waiting: list[Series] = []
    for one in series:
        waiting.append(one)
        if len(waiting) == SYMBOLS:
            yield from _together(waiting, served, since, merge, failed)
            waiting = []
    yield from _together(waiting, served, since, merge, failed)


def _together(
    group: Sequence[Series], served: Sequence[Served], since: float, merge: int, failed: dict[str, str]
) -> Iterator[Watched]:
    known = {one.symbol: Known(one) for one in group}
    starts = {one.symbol: int(np.searchsorted(one.at, since)) for one in group}
    found: dict[str, dict[str, Values]] = {one.symbol: {} for one in group}
    for model in served:
        rows, symbols = [], []
        for symbol in (symbol for symbol in known if model.watches(symbol) and symbol not in failed):
            try:
                looked = DETECTORS[model.detector].look(known[symbol])[starts[symbol] :]
            except Exception as error:  # one symbol must not stop the others; the tables name it
                log.exception("looking at %s", symbol)
                failed[symbol] = f"{type(error).__name__}: {error}"
                continue
            rows.append(np.column_stack([np.full(len(looked), model.places[symbol]), looked]))
            symbols.append(symbol)
        if rows:
            scores = model.scores(np.concatenate(rows))
            ends = np.cumsum([len(part) for part in rows])[:-1]
            for symbol, part in zip(symbols, np.split(scores, ends), strict=True):
                early = max(DETECTORS[model.detector].bars_before - starts[symbol], 0)
                found[symbol][model.detector] = np.where(np.arange(len(part)) < early, 0.0, part)
    for symbol, one in known.items():
        if symbol not in failed:
            yield Watched(one, starts[symbol], found[symbol], episodes(found[symbol], starts[symbol], merge))
