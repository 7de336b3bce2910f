"""The one place that checks which rows are about to be published: every expected one once, and no other."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import pandas as pd

from brain.core.errors import PublishError
from brain.scoring.blocks import Blocks, in_one
from brain.warehouse.tables import REASON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from brain.scoring.blocks import Rows
    from brain.warehouse.tables import PublishedTable

UNSCORED = "its chunk was not scored in this run"
_SHOWN = 5
_WHOLE_NUMBERS = ("integer", "bigint")

Key = tuple[Any, ...]


@overload
def complete(table: PublishedTable, scored: Blocks, expected: None) -> Blocks: ...


@overload
def complete(table: PublishedTable, scored: pd.DataFrame | None, expected: pd.DataFrame | None) -> pd.DataFrame: ...


@overload
def complete(table: PublishedTable, scored: Rows | None, expected: pd.DataFrame | None) -> Rows: ...


def complete(table: PublishedTable, scored: Rows | None, expected: pd.DataFrame | None) -> Rows:
    """The rows of `table` as they are to be published: those that were not scored are filled in, with the reason.

    Args:
        scored: The rows of all chunks that were scored; None if none was. Blocks stay blocks, where nothing tells which
            rows the table is to have: what is wrong with one is said when it is asked for.
        expected: The key of each row that the table is to have, once; None for whatever was scored.

    Returns:
        In the order of `expected`, with the columns that a use case fills and the reason. Whole numbers are Int64.

    Raises:
        PublishError: A row that is not expected, one that is there twice, a column that is not declared or lacks its
            values, or nothing to tell which rows there are.
    """
    if scored is None and expected is None and table.of is None and table.follows is None:
        raise _refused(table, "no scored chunk", "at least one", "Score again.")
    if isinstance(scored, Blocks) and expected is None:
        return scored.each(partial(_once, table))
    rows = _once(table, None if scored is None else in_one(scored))
    if expected is None:
        return rows
    keys = _keys(table, rows)
    wanted = _keys(table, expected)
    if unknown := set(keys) - set(wanted):
        raise _refused(
            table, f"{len(unknown)} rows that are not expected: {_named(unknown)}", f"no other than the {len(wanted)}"
        )
    return _filled_in(table, rows, keys, expected, wanted)


def tell_refused(
    tables: Iterable[Rows], refused: Mapping[str, object], unit_of: Callable[[Mapping[str, Any]], str]
) -> None:
    """Give the rows that were not scored because their unit's staged rows were refused that reason, in place."""
    whole = [rows for rows in tables if isinstance(rows, pd.DataFrame)]  # in blocks nothing was filled in
    for frame in whole if refused else ():
        for place in frame.index[frame[REASON] == UNSCORED]:
            (row,) = frame.loc[[place]].to_dict("records")
            unit = unit_of({str(name): value for name, value in row.items()})
            if unit in refused:
                frame.loc[place, REASON] = str(refused[unit])


def _once(table: PublishedTable, scored: pd.DataFrame | None) -> pd.DataFrame:
    """The declared columns, no key twice."""
    rows = _declared(table, scored)
    repeated = rows.duplicated(list(table.key))
    if repeated.any():
        twice = list(dict.fromkeys(_keys(table, rows[repeated])))
        raise _refused(table, f"{len(twice)} keys with several rows: {_named(twice)}", "one row a key")
    return rows


def _filled_in(
    table: PublishedTable, rows: pd.DataFrame, keys: list[Key], expected: pd.DataFrame, wanted: list[Key]
) -> pd.DataFrame:
    place = {key: number for number, key in enumerate(keys)}
    order = [place.get(key, -1) for key in wanted]
    grid = rows.reindex(order).reset_index(drop=True)
    missing = np.array(order) == -1
    if missing.any():
        for name in table.key:
            grid[name] = expected[name].to_numpy()
        grid[REASON] = grid[REASON].astype(object).mask(missing, UNSCORED)
    return grid


def _declared(table: PublishedTable, scored: pd.DataFrame | None) -> pd.DataFrame:
    """`scored` with every column that a use case fills, and the reason."""
    names = list(dict.fromkeys((*table.row_names, REASON)))
    if scored is None:
        return pd.DataFrame(columns=names, dtype=object)
    missing = {*table.key, table.value} - set(scored.columns)
    if strange := sorted(missing | set(scored.columns) - set(names)):
        raise _refused(table, f"undeclared or missing columns: {', '.join(strange)}", f"the columns {', '.join(names)}")
    rows = scored.reset_index(drop=True).reindex(columns=names)
    for column in table.row_columns:
        if column.type in _WHOLE_NUMBERS:
            rows[column.name] = _whole_numbers(table, rows[column.name])
    if empty := [name for name in table.key if rows[name].isna().any()]:
        raise _refused(table, f"rows without {', '.join(empty)}", "a whole key in every row")
    return rows


def _whole_numbers(table: PublishedTable, values: pd.Series[Any]) -> pd.Series[Any]:
    try:
        return values.astype("Int64")
    except (TypeError, ValueError):
        raise _refused(table, f"values of {values.name} that are not whole numbers", "whole numbers") from None


def _keys(table: PublishedTable, rows: pd.DataFrame) -> list[Key]:
    return list(zip(*(rows[name].tolist() for name in table.key), strict=True))


def _named(keys: Iterable[Key]) -> str:
    names = sorted(" ".join(map(str, key)) for key in keys)
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _refused(table: PublishedTable, found: str, expected: str, remedy: str = "Correct what scores it.") -> PublishError:
    return PublishError(table.name, found=found, expected=expected, remedy=f"Nothing was published. {remedy}")
