"""How strange each newest bar is, by the stored detectors: many symbols at a time."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from brain.usecases.anomalies.detectors import DETECTORS
from brain.usecases.anomalies.detectors.detector import Known
from brain.usecases.anomalies.episodes import episodes
from brain.usecases.anomalies.graph import NEVER
from brain.usecases.anomalies.series import BREAK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from brain.portable.evaluate import Evaluator
    from brain.usecases.anomalies.episodes import Episode
    from brain.usecases.anomalies.series import Series

    Values = NDArray[np.float64]

log = logging.getLogger(__name__)

SYMBOLS = 50  # looked at together
SILENCE = "gap"  # the detector that has a say where no bar is
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
        silent: The last bar is none: it stands for the silence up to the feed's newest bar.
    """

    known: Known
    start: int
    scores: Mapping[str, Values]
    episodes: Sequence[Episode]
    silent: bool = False


def watch_all(
    series: Iterable[Series],
    served: Sequence[Served],
    span: tuple[float, float],
    merge: int,
    failed: dict[str, str],
) -> Iterator[Watched]:
    """What is strange about each symbol in a span; one that cannot be looked at is told in `failed`.

    Args:
        span: Seconds since 1970 from which on bars are looked at, and of the feed's newest bar: a symbol whose last one
            is older is silent.
    """
    waiting: list[Series] = []
    for one in series:
        waiting.append(one)
        if len(waiting) == SYMBOLS:
            yield from _together(waiting, served, span, merge, failed)
            waiting = []
    yield from _together(waiting, served, span, merge, failed)


def _together(
    group: Sequence[Series],
    served: Sequence[Served],
    span: tuple[float, float],
    merge: int,
    failed: dict[str, str],
) -> Iterator[Watched]:
    silent = {one.symbol: is_silent(one, span[1]) for one in group}
    known = {one.symbol: Known(with_silence(one, span[1]) if silent[one.symbol] else one) for one in group}
    starts = {one.symbol: int(np.searchsorted(one.at, span[0])) for one in group}
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
                part[:early] = 0.0
                if silent[symbol] and model.detector != SILENCE:
                    part[-1:] = 0.0
                found[symbol][model.detector] = part
    for symbol, one in known.items():
        if symbol not in failed:
            episodes_ = episodes(found[symbol], starts[symbol], merge)
            yield Watched(one, starts[symbol], found[symbol], episodes_, silent[symbol])


def is_silent(one: Series, newest: float) -> bool:
    """Whether a symbol lacks its next bar while others of its feed have theirs."""
    return len(one) > 0 and newest - float(one.at[-1]) > BREAK * one.step


def with_silence(one: Series, newest: float) -> Series:
    """The series with a bar that stands for the silence: of the feed's newest time, and as the last one."""
    value, volume = np.append(one.value, one.value[-1]), np.append(one.volume, np.nan)
    return replace(one, at=np.append(one.at, newest), value=value, volume=volume)
