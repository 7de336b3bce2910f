"""The content hash of a snapshot: equal for equal rows, however they are laid out in files.

Rows fall into blocks by calendar quarter. A block's hash covers its dates and, column by column in name order, the
float64 bytes; the chain starts from the column names and absorbs one block after the other. Appending to the newest
quarter therefore needs that quarter's rows and the chain before it, not the history.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

from brain.core.keys import Sha256
from brain.lake.rows import make_canonical

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from brain.lake.rows import Rows

_FORMAT = "brain-rows-1"
_MONTHS = 3


def chain_start(columns: Sequence[str]) -> Sha256:
    """The chain before the first row: the names of the columns, in any order."""
    header = json.dumps([_FORMAT, sorted(columns)], ensure_ascii=True)
    return Sha256(hashlib.sha256(header.encode()).hexdigest())


def block_of(dates: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Number of the calendar quarter of each date."""
    return np.floor_divide(dates.astype("datetime64[M]").astype(np.int64), _MONTHS)


def block_starts(dates: NDArray[np.datetime64]) -> list[int]:
    """Positions at which a new block starts, 0 first; empty for no rows."""
    if not len(dates):
        return []
    return [0, *(np.flatnonzero(np.diff(block_of(dates))) + 1).tolist()]


def extend_chain(chain: Sha256, rows: Rows) -> Sha256:
    """The chain after `rows`, which start at the first row of a block."""
    return chain_at(chain, rows, [len(rows)])[0]


def chain_at(chain: Sha256, rows: Rows, stops: Sequence[int]) -> list[Sha256]:
    """The chain after the rows before each of `stops`, which are block boundaries, ascending."""
    order = sorted(range(len(rows.columns)), key=rows.columns.__getitem__)
    values = rows.values[order].astype("<f8", copy=False)
    make_canonical(values)
    days = rows.dates.astype("datetime64[D]").astype("<i8")
    wanted = {stop: chain for stop in stops if stop == 0}
    starts = block_starts(rows.dates)
    for start, stop in zip(starts, [*starts, len(rows)][1:], strict=True):
        block = hashlib.sha256(days[start:stop].tobytes())
        block.update(values[:, start:stop].tobytes())
        chain = Sha256(hashlib.sha256(bytes.fromhex(chain) + block.digest()).hexdigest())
        wanted[stop] = chain
    return [wanted[stop] for stop in stops]
