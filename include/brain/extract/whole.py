"""A keyed table (customers, orders): read whole in each run, and compared with the previous snapshot by its key."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from brain.core.errors import SourceTableError
from brain.extract.incremental import refuse_loss, told_lost
from brain.extract.reading import no_rows
from brain.extract.shape import keyed_columns
from brain.lake.commit import Commit, Status
from brain.lake.keyed import KeyedContent, ordered
from brain.lake.snapshot import snapshot_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from brain.core.source_table import SourceTable
    from brain.extract.report import ExtractionReport
    from brain.lake.lake import Lake
    from brain.lake.manifest import Manifest, Version
    from brain.source.connect import Source


@dataclass(frozen=True)
class KeyedChanges:
    """What is different between two states of a keyed table.

    Args:
        new: Number of keys that are new.
        changed: Number of known keys with other values in a column that both states have.
        vanished: Number of known keys that are gone.
        columns: Columns in which rows changed.
    """

    new: int = 0
    changed: int = 0
    vanished: int = 0
    columns: tuple[str, ...] = ()


def read_keyed(
    source: Source,
    lake: Lake,
    table: SourceTable,
    manifest: Manifest | None,
    report: ExtractionReport,
    *,
    full: bool,
    damaged: frozenset[str] = frozenset(),
) -> tuple[Commit, ExtractionReport]:
    """What to commit, and the report of what is different from the previous snapshot.

    Args:
        full: A column that is no key may have changed its type.
        damaged: Names of segments that are lost.

    Raises:
        SourceTableError: The table is missing, empty, of the wrong shape, or has lost too many rows; a key is missing
            or twice; a column has changed its type.
    """
    kinds = source.columns(table.table)
    names = keyed_columns(table, kinds)
    read = source.read_table(table.table, names, batch_rows=table.extraction.batch_rows)
    if not read.num_rows and not table.may_be_empty:
        raise no_rows(table, "no row")
    content = KeyedContent(table.key, ordered(table, read), report.moment.day)
    before = manifest.latest if manifest else None
    if before is not None:
        _refuse_other_types(table, before, content, kept=table.key if full else names)
    lost = damaged.intersection(segment.name for segment in before.segments) if before else frozenset()
    changes = _changes(lake, manifest, content, lost)
    refuse_loss(table, changes.vanished, before.rows if before else 0)
    known = [column.name for column in before.columns] if before else list(names)
    report = replace(
        report,
        rows_read=read.num_rows,
        rows_new=changes.new,
        rows_changed=changes.changed,
        rows_vanished=changes.vanished,
        corrected_columns=changes.columns,
        added_columns=tuple(name for name in names if name not in known),
        removed_columns=tuple(name for name in known if name not in names),
        left_out=tuple(name for name in kinds if name not in names),
    )
    status = _status(before, content, changes)
    if lost:
        report = replace(report, reason=told_lost(lost))
        status = "rewritten" if status in ("appended", "unchanged") else status
    return Commit(table, manifest, status, content, report.moment, checked_in_full=True, damaged=damaged), report


def _status(before: Version | None, content: KeyedContent, changes: KeyedChanges) -> Status:
    if before is None:
        return "new"
    if before.data_sha256 == content.data_sha256:
        return "unchanged"
    if changes.changed or changes.vanished:
        return "corrected"
    return "rewritten" if set(before.columns) != set(content.columns) else "appended"


def _refuse_other_types(table: SourceTable, before: Version, content: KeyedContent, kept: Sequence[str]) -> None:
    """Of the columns in `kept`, none may have another type than in the version before."""
    now = {column.name: column.type for column in content.columns}
    for column in before.columns:
        found = now.get(column.name, column.type)
        if column.name in kept and found != column.type:
            remedy = (
                "Name another `name` for its snapshots, or delete its folder in the lake; the old ones end here."
                if column.name in table.key
                else "If that is meant, extract the table once in full (`brain extract --full`)."
            )
            raise SourceTableError(
                table.name,
                found=f"the column {column.name!r} of type {found} in table {table.table!r}",
                expected=f"{column.type}, as in the snapshot before",
                remedy=f"Cast it in a view, or give it back its type. {remedy}",
            )


def _changes(lake: Lake, manifest: Manifest | None, content: KeyedContent, lost: Collection[str]) -> KeyedChanges:
    """The differences to the latest version; of both sides only segments are looked at that the other does not have.

    Rows of a lost segment count as changed as far as rows with other keys came, and as vanished beyond that.
    """
    if manifest is None:
        return KeyedChanges(new=content.total_rows)
    before = manifest.latest
    if before.data_sha256 == content.data_sha256:
        return KeyedChanges()
    known = {segment.chain for segment in before.segments}
    gone = tuple(segment for segment in before.segments if segment.chain not in content.parts)
    new = [part for chain, part in content.parts.items() if chain not in known]
    readable = tuple(segment for segment in gone if segment.name not in lost)
    old = lake.read_table(replace(snapshot_of(manifest, before), segments=readable))
    changes = compare(old, pa.concat_tables(new) if new else content.table.schema.empty_table(), content.key)
    unknown = sum(segment.rows for segment in gone) - sum(segment.rows for segment in readable)
    changed = min(changes.new, unknown)
    return replace(
        changes,
        new=changes.new - changed,
        changed=changes.changed + changed,
        vanished=changes.vanished + unknown - changed,
    )


def compare(old: pa.Table, new: pa.Table, key: Sequence[str]) -> KeyedChanges:
    """Compare the rows of two tables, each with one row a key; columns that only one side has do not count."""
    here, there = _matches(old.select(list(key)), new.select(list(key)))
    changed = np.zeros(len(here), bool)
    columns = []
    for name in new.column_names:
        if name in key or name not in old.column_names or old.column(name).type != new.column(name).type:
            continue
        differs = _differs(old.column(name).take(here), new.column(name).take(there))
        if differs.any():
            columns.append(name)
            changed |= differs
    return KeyedChanges(new.num_rows - len(here), int(changed.sum()), old.num_rows - len(here), tuple(columns))


def _matches(old: pa.Table, new: pa.Table) -> tuple[pa.Array, pa.Array]:
    """Positions of the keys that both sides have, on either side."""
    names = [f"k{number}" for number in range(old.num_columns)]
    left, right = (
        keys.rename_columns(names).append_column(side, pa.array(np.arange(keys.num_rows)))
        for keys, side in ((old, "here"), (new, "there"))
    )
    found = left.join(right, keys=names, join_type="inner")
    return found.column("here"), found.column("there")


def _differs(old: pa.ChunkedArray, new: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Where two columns differ; NULL is equal to NULL, and NaN to NaN."""
    other: NDArray[np.bool_] = np.asarray(pc.fill_null(pc.not_equal(old, new), False))
    if pa.types.is_floating(old.type):
        other &= ~np.asarray(pc.fill_null(pc.and_(pc.is_nan(old), pc.is_nan(new)), False))
    unlike: NDArray[np.bool_] = np.asarray(pc.is_null(old)) != np.asarray(pc.is_null(new))
    return other | unlike
