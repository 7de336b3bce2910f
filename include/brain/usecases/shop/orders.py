"""A shop's orders as use cases read them from the lake: clean lines of one window, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from brain.core.durations import day_before
from brain.core.errors import ScoringError

if TYPE_CHECKING:
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
    given = shop.orders
    names = [name for name in (given.customer, given.item, given.quantity, given.value) if name]
    found = lake.read_table(snapshot, list(dict.fromkeys(names)))
    if shop.window is not None:
        first = datetime.combine(day_before(moment.day, shop.window), time())
        found = found.filter(pc.greater_equal(found.column(given.time), pa.scalar(first, pa.timestamp("us"))))
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


def clean_lines(found: pa.Table, shop: ShopSettings) -> tuple[pd.DataFrame, dict[str, int]]:
    """The lines that count, see `Orders.lines`, and how many do not, by why."""
    given, count = shop.orders, found.num_rows
    named = {"customer": given.customer, **({"item": given.item} if given.item else {})}
    columns = {role: _text(found.column(name)) for role, name in named.items()}
    left_out, keep = {}, np.ones(count, bool)
    for role, column in columns.items():
        filled = np.asarray(pc.fill_null(pc.greater(pc.utf8_length(column), 0), False))
        left_out[f"without {role}"] = int((keep & ~filled).sum())
        keep &= filled
    quantity, value = _number(found, given.quantity, 1.0), _number(found, given.value, np.nan)
    finite = np.isfinite(quantity) & ~np.isinf(value)
    left_out["without a finite quantity"] = int((keep & ~finite).sum())
    keep &= finite
    frame = pd.DataFrame({role: _categories(column.filter(pa.array(keep))) for role, column in columns.items()})
    frame["at"] = found.column(given.time).to_numpy().astype("datetime64[us]")[keep]
    frame["quantity"], frame["value"] = quantity[keep], value[keep]
    again = frame.duplicated()
    left_out["that repeat another"] = int(again.sum())
    return frame[~again].reset_index(drop=True), left_out


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column if pa.types.is_large_string(column.type) else column.cast(pa.large_string())


def _categories(column: pa.ChunkedArray) -> pd.Categorical:
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    words = encoded.dictionary.to_pylist()
    order = np.argsort(np.array(words, dtype=object)) if words else np.empty(0, np.intp)
    place = np.empty(len(words), np.int64)
    place[order] = np.arange(len(words))
    codes = place[encoded.indices.to_numpy()] if len(words) else np.empty(0, np.int64)
    return pd.Categorical.from_codes(codes, categories=pd.Index([words[i] for i in order], dtype="str"))


def _number(found: pa.Table, name: str | None, otherwise: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    if name is None:
        return np.full(found.num_rows, otherwise)
    return np.asarray(found.column(name).cast(pa.float64()).to_numpy(), dtype=np.float64)
