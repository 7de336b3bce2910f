"""Rows of a table that is too large for memory: blocks, each made when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd


@dataclass(frozen=True)
class Blocks:
    """The rows of one table, some at a time; gone through again, they are made again and are the same.

    Args:
        parts: Each makes one block.
        rows: In all of them.
    """

    parts: tuple[Callable[[], pd.DataFrame], ...]
    rows: int

    def __iter__(self) -> Iterator[pd.DataFrame]:
        for make in self.parts:
            yield make()

    def __len__(self) -> int:
        return self.rows

    def each(self, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Blocks:
        """The same with `change` made to each block; it leaves the number of rows as it is."""
        return Blocks(tuple(partial(_changed, make, change) for make in self.parts), self.rows)


Rows: TypeAlias = "pd.DataFrame | Blocks"


def blocks(rows: Rows) -> Iterator[pd.DataFrame]:
    """The blocks of some rows; a frame is one."""
    return iter(rows if isinstance(rows, Blocks) else [rows])


def in_one(rows: Rows) -> pd.DataFrame:
    """All rows in one frame."""
    return _concatenated(list(rows)) if isinstance(rows, Blocks) else rows


def frames(tables: Mapping[str, Rows]) -> dict[str, pd.DataFrame]:
    """By table, all its rows in one frame: for use cases whose tables are small."""
    return {name: in_one(rows) for name, rows in tables.items()}


def together(parts: Sequence[Rows]) -> Rows:
    """The rows of several in their order: a frame if each is one."""
    found = [rows for rows in parts if not isinstance(rows, Blocks)]
    if len(found) == len(parts):
        return _concatenated(found)
    makers = [rows.parts if isinstance(rows, Blocks) else (partial(in_one, rows),) for rows in parts]
    return Blocks(tuple(make for several in makers for make in several), sum(map(len, parts)))


def _concatenated(parts: list[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat(parts, ignore_index=True)


def _changed(make: Callable[[], pd.DataFrame], change: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
    return change(make())
