"""The content hash of rows by date or timestamp: equal for equal rows, however they are laid out in files.

Rows fall into blocks: calendar quarters of dates, calendar days of timestamps. A block's hash covers its keys and,
column by column in name order, the float64 bytes; the chain starts from the column names and absorbs one block after
the other. Appending to the newest block therefore needs that block's rows and the chain before it, not the history.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

from brain.core.keys import Sha256
from brain.core.source_table import KeyKind
from brain.lake.rows import make_canonical

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from brain.lake.rows import Rows

_FORMATS = {KeyKind.DAY: "brain-rows-1", KeyKind.TIME: "brain-times-1"}
_DAY = np.dtype("datetime64[D]")
_MONTHS = 3


def chain_start(rows: Rows) -> Sha256:
    """The chain before the first of `rows`: their kind, and the names of their columns, in any order."""
    header = json.dumps([_FORMATS[rows.kind], sorted(rows.columns)], ensure_ascii=True)
    return Sha256(hashlib.sha256(header.encode()).hexdigest())


def block_of(keys: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Number of the calendar quarter of each date, or of the calendar day of each timestamp."""
    if keys.dtype == _DAY:
        return np.floor_divide(keys.astype("datetime64[M]").astype(np.int64), _MONTHS)
    return keys.astype(_DAY).astype(np.int64)


def block_starts(keys: NDArray[np.datetime64]) -> list[int]:
    """Positions at which a new block starts, 0 first; empty for no rows."""
    if not len(keys):
        return []
    return [0, *(np.flatnonzero(np.diff(block_of(keys))) + 1).tolist()]


def extend_chain(chain: Sha256, rows: Rows) -> Sha256:
    """The chain after `rows`, which start at the first row of a block."""
    return chain_at(chain, rows, [len(rows)])[0]


def chain_at(chain: Sha256, rows: Rows, stops: Sequence[int]) -> list[Sha256]:
    """The chain after the rows before each of `stops`, which are block boundaries, ascending."""
    order = sorted(range(len(rows.columns)), key=rows.columns.__getitem__)
    values = rows.values[order].astype("<f8", copy=False)
    make_canonical(values)
    keys = rows.keys.astype("<i8")
    wanted = {stop: chain for stop in stops if stop == 0}
    starts = block_starts(rows.keys)
    for start, stop in zip(starts, [*starts, len(rows)][1:], strict=True):
        block = hashlib.sha256(keys[start:stop].tobytes())
        block.update(values[:, start:stop].tobytes())
        chain = Sha256(hashlib.sha256(bytes.fromhex(chain) + block.digest()).hexdigest())
        wanted[stop] = chain
    return [wanted[stop] for stop in stops]
