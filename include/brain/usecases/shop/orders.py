"""A shop's orders as use cases read them from the lake: clean lines of one window, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from brain.core.durations import day_before
from brain.core.errors import ScoringError
from brain.usecases.shop.repeats import repeated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brain.core.moment import Moment
    from brain.lake.lake import Lake
    from brain.lake.snapshot import Snapshot
    from brain.usecases.shop.catalogue import ShopSettings


@dataclass(frozen=True)
class Orders:
    """The order lines of a shop known at one moment.

    Args:
        lines: ``customer`` and (where orders say it) ``item`` as categories of text, ``at`` (datetime64[us], UTC),
            ``quantity`` and ``value`` (float64; a return has one below zero; without such a column they are 1 and NaN).
            Ascending by ``at``; equal lines once.
        snapshot: What they are from; its watermark is the time of the newest line.
        left_out: Lines that do not count, by why.
    """

    lines: pd.DataFrame
    snapshot: Snapshot
    left_out: Mapping[str, int]

    @property
    def newest(self) -> datetime:
        """Time of the newest line known, in UTC."""
        last = self.snapshot.watermark
        assert isinstance(last, datetime)
        return last.replace(tzinfo=UTC)

    def told(self) -> str:
        """What was left out, for a person; empty if nothing was."""
        return ", ".join(f"{count} {why}" for why, count in self.left_out.items() if count)


def read_orders(lake: Lake, space: str, shop: ShopSettings, moment: Moment) -> Orders:
    """The lines of the shop's window that were known at `moment`.

    Raises:
        ScoringError: No snapshot was known by then, or no line of it counts.
        LakeError: A file is gone or altered.
    """
    snapshot = lake.as_of(space, shop.name, moment)
    if snapshot is None:
        raise ScoringError(
            shop.name,
            found=f"no snapshot of its orders by {moment.at:%Y-%m-%d %H:%M} UTC",
            expected="one that passed the quality gate",
            remedy="Extract it; `brain extract` says why it was refused.",
        )
    found = _read(lake, snapshot, shop, moment)
    lines, left_out = clean_lines(found, shop)
    if lines.empty:
        window = f" within {shop.window}" if shop.window else ""
        raise ScoringError(
            shop.name,
            found=f"no order line that counts{window} up to {moment.at:%Y-%m-%d %H:%M} UTC"
            f" ({', '.join(f'{count} {why}' for why, count in left_out.items() if count) or 'none at all'})",
            expected="at least one",
            remedy="Load newer orders, or widen `window` in the catalogue.",
        )
    return Orders(lines, snapshot, left_out)


def _read(lake: Lake, snapshot: Snapshot, shop: ShopSettings, moment: Moment) -> pa.Table:
    """The columns that count, of the lines in the window: one after the other, because their texts take most memory."""
    given, first = shop.orders, None
    if shop.window is not None:
        first = pa.scalar(datetime.combine(day_before(moment.day, shop.window), time()), pa.timestamp("us"))
    columns: dict[str, pa.ChunkedArray] = {}
    for name in dict.fromkeys(filter(None, (given.customer, given.item, given.quantity, given.value))):
        found = lake.read_table(snapshot, [name])
        if first is not None:
            found = found.filter(pc.greater_equal(found.column(given.time), first))
        columns[given.time] = found.column(given.time)
        column = found.column(name)
        columns[name] = _encoded(column) if name in (given.customer, given.item) else column
    return pa.table(columns)


def clean_lines(found: pa.Table, shop: ShopSettings) -> tuple[pd.DataFrame, dict[str, int]]:
    """The lines that count, see `Orders.lines`, and how many do not, by why."""
    given, count = shop.orders, found.num_rows
    named = {"customer": given.customer, **({"item": given.item} if given.item else {})}
    columns = {role: _codes(found.column(name)) for role, name in named.items()}
    left_out, keep = {}, np.ones(count, bool)
    for role, (codes, _) in columns.items():
        filled = codes >= 0
        left_out[f"without {role}"] = int((keep & ~filled).sum())
        keep &= filled
    quantity, value = _number(found, given.quantity, 1.0), _number(found, given.value, np.nan)
    finite = np.isfinite(quantity) & ~np.isinf(value)
    left_out["without a finite quantity"] = int((keep & ~finite).sum())
    keep &= finite
    at = found.column(given.time).to_numpy().astype("datetime64[us]")
    numbers = [at, quantity, value, *(codes for codes, _ in columns.values())]
    if not keep.all():
        numbers = [column[keep] for column in numbers]
    again = repeated(numbers)
    left_out["that repeat another"] = int(again.sum())
    if again.any():
        numbers = [column[~again] for column in numbers]
    at, quantity, value, *texts = numbers
    kept = zip(columns.items(), texts, strict=True)
    frame = pd.DataFrame({role: _categorical(codes, words) for (role, (_, words)), codes in kept})
    return frame.assign(at=at, quantity=quantity, value=value), left_out


def _encoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """As numbers of the distinct texts."""
    text = column if pa.types.is_large_string(column.type) else column.cast(pa.large_string())
    return text.dictionary_encode()


def _codes(column: pa.ChunkedArray) -> tuple[NDArray[np.int32], list[str]]:
    """The number of each text, -1 where it is empty, and the texts."""
    encoded = (column if pa.types.is_dictionary(column.type) else _encoded(column)).combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0) if encoded.num_chunks else pa.array([], encoded.type)
    words = encoded.dictionary.to_pylist()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    if "" in words:
        codes[codes == words.index("")] = -1
    return codes, words


def _categorical(codes: NDArray[np.int32], words: Sequence[str]) -> pd.Categorical:
    """Ascending categories: the texts that are there."""
    used = np.flatnonzero(np.bincount(codes, minlength=len(words)))
    names = np.array(words, dtype=object)[used]
    order = np.argsort(names) if len(names) else np.empty(0, np.intp)
    place = np.zeros(len(words), np.int32)
    place[used[order]] = np.arange(len(used))
    return pd.Categorical.from_codes(place[codes], categories=pd.Index(names[order], dtype="str"))


def _number(found: pa.Table, name: str | None, otherwise: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    if name is None:
        return np.full(found.num_rows, otherwise)
    return np.asarray(found.column(name).cast(pa.float64()).to_numpy(), dtype=np.float64)
