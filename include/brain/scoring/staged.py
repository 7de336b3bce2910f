"""Scored cells on their way to the warehouse: a file per chunk in the lake, named by interval and assets."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from brain.core.moment import Moment
    from brain.lake.lake import Lake

FOLDER = "scores"


def stage(lake: Lake, moment: Moment, names: Sequence[str], cells: pd.DataFrame) -> None:
    """Keep one chunk's cells for the publisher; the same chunk of the same interval replaces itself."""
    buffer = io.BytesIO()
    cells.to_parquet(buffer, index=False)
    lake.storage.write(_name(moment, names), buffer.getvalue())


def staged(lake: Lake, moment: Moment, chunks: Iterable[Sequence[str]]) -> pd.DataFrame:
    """The cells of all `chunks` that were scored in this interval; a chunk that was not is simply absent."""
    found = []
    for names in chunks:
        try:
            found.append(pd.read_parquet(io.BytesIO(lake.storage.read(_name(moment, names)))))
        except FileNotFoundError:
            continue
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def _name(moment: Moment, names: Sequence[str]) -> str:
    digest = hashlib.sha256("\0".join(names).encode()).hexdigest()[:16]
    return f"{FOLDER}/{moment.slug}/{digest}.parquet"
