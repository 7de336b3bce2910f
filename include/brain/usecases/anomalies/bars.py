"""A feed's bars as read from the lake: a series a symbol, and what was left out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from brain.core.errors import ScoringError
from brain.usecases.anomalies.names import SPACE
from brain.usecases.anomalies.series import Series

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from brain.core.moment import Moment
    from brain.lake.lake import Lake
    from brain.lake.snapshot import Snapshot
    from brain.usecases.anomalies.catalogue import Feed

SECOND = 1_000_000  # the lake keeps microseconds


@dataclass(frozen=True)
class Bars:
    """What is known of a feed at one moment.

    Args:
        series: By symbol, ascending.
        left_out: Lines that do not count, by why.
        newest: Seconds since 1970 of the newest bar.
    """

    series: Mapping[str, Series]
    snapshot: Snapshot
    left_out: Mapping[str, int]
    newest: float

    def told(self) -> str:
        """What was left out, for a person; empty if nothing was."""
        return ", ".join(f"{count} {why}" for why, count in self.left_out.items() if count)


def read_bars(lake: Lake, feed: Feed, moment: Moment, days: int) -> Bars:
    """The bars of the last `days` before `moment`, as they were known then.

    Raises:
        ScoringError: No snapshot was known by then, or no line of it counts.
        LakeError: A file is gone or altered.
    """
    snapshot = lake.as_of(SPACE, feed.name, moment)
    if snapshot is None:
        raise _nothing(feed, moment, "no snapshot of its bars")
    names = [name for name in (feed.symbol, feed.value, feed.volume) if name]
    found = lake.read_table(snapshot, list(dict.fromkeys(names)))
    first = (moment.at - timedelta(days=days)).replace(tzinfo=None)
    found = found.filter(pc.greater_equal(found.column(feed.time), pa.scalar(first, pa.timestamp("us"))))
    series, left_out = split(found, feed)
    if not series:
        raise _nothing(feed, moment, f"no bar that counts in {days} days")
    return Bars(series, snapshot, left_out, max(float(one.at[-1]) for one in series.values()))


def split(found: pa.Table, feed: Feed) -> tuple[dict[str, Series], dict[str, int]]:
    """A series a symbol, and how many lines do not count, by why.

    Of several lines with one symbol and time the last as the lake holds them counts: the one with the largest value.
    """
    at = found.column(feed.time).to_numpy().astype("datetime64[us]").astype(np.int64) / SECOND
    value = _numbers(found, feed.value)
    volume = _numbers(found, feed.volume) if feed.volume else np.full(len(at), np.nan)
    symbol, words = _symbols(found, feed)
    finite, named = np.isfinite(value), symbol >= 0
    keep = finite & named
    left_out = {"without a symbol": int((~named).sum()), "without a finite value": int((named & ~finite).sum())}
    at, value, volume, symbol = at[keep], value[keep], volume[keep], symbol[keep]
    order = np.lexsort((value, at, symbol))
    at, value, volume, symbol = at[order], value[order], volume[order], symbol[order]
    again = np.append((np.diff(at) == 0) & (np.diff(symbol) == 0), False)[: len(at)]
    left_out["of a time that is there twice"] = int(again.sum())
    at, value, volume, symbol = at[~again], value[~again], volume[~again], symbol[~again]
    ends = np.searchsorted(symbol, np.arange(len(words) + 1))
    parts = ((word, slice(ends[place], ends[place + 1])) for place, word in enumerate(words))
    series = {
        word: Series(word, at[part], value[part], volume[part], feed.zone)
        for word, part in parts
        if part.stop > part.start
    }
    return dict(sorted(series.items())), left_out


def _symbols(found: pa.Table, feed: Feed) -> tuple[NDArray[np.int64], list[str]]:
    """The place of each line's symbol, -1 where it has none, and the symbols."""
    if feed.symbol is None:
        return np.zeros(found.num_rows, np.int64), [feed.name]
    encoded: Any = found.column(feed.symbol).cast(pa.string()).combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    words = encoded.dictionary.to_pylist()
    places = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    empty = [place for place, word in enumerate(words) if not word]
    places[np.isin(places, empty)] = -1
    return places, words


def _numbers(found: pa.Table, name: str) -> NDArray[np.float64]:
    return np.asarray(found.column(name).cast(pa.float64()).to_numpy(), dtype=np.float64)


def _nothing(feed: Feed, moment: Moment, found: str) -> ScoringError:
    return ScoringError(
        feed.name,
        found=f"{found} by {moment.at:%Y-%m-%d %H:%M} UTC",
        expected=f"bars of the table {feed.table}",
        remedy="Extract it; `brain extract` says why it was refused. If there are only older bars, raise history_days.",
    )
