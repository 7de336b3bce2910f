"""From a published row to its replay: which table, which model, which snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from brain.core.errors import UnknownTable
from brain.core.keys import ModelKey
from brain.scoring.replay import Published, Replay, TableReplay, replay
from brain.warehouse import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from brain.scoring.reasons import Reason
    from brain.usecases.protocol import Run


@dataclass(frozen=True)
class Explanation:
    """A replay, and what the number is made of; no reasons where it did not come out again."""

    replay: Replay
    reasons: Sequence[Reason]


def has_target(run: Run, target: str) -> bool:
    """Whether the use case can predict what a person calls `target`."""
    return run.use_case.has_target(run.use_case.target(target))


def last_published(run: Run, unit: str, target: str, as_of: datetime | None = None) -> Published | None:
    """The number last published for a unit's target and row; None if there was none.

    Args:
        target: As a person calls it.
        as_of: By default the newest row.
    """
    key = ModelKey(run.use_case.name, unit, run.use_case.target(target))
    for table in run.use_case.tables:
        if table.model is None or table.history is None:
            continue
        try:
            row = read.last_published(run.settings.warehouse_url, table, run.use_case.row_key(key), as_of)
        except UnknownTable:  # nothing was published yet
            continue
        if row is not None:
            return Published(
                key=key,
                as_of=row["as_of"],
                published_at=row["published_at"],
                value=row[table.value],
                has_skill=row.get("has_skill"),
                model_version=row["model_version"],
                data_sha256=row["data_sha256"],
            )
    return None


def table_replays(runs: Iterable[Run], unit: str, target: str) -> list[TableReplay]:
    """All rows that the model of a unit and target made, recomputed: of each use case whose models make many rows.

    Args:
        target: As a person calls it.

    Raises:
        Transient: A server or the lake cannot be reached just now.
    """
    having = [run for run in runs if unit in {one.name for one in run.units}]
    found = [run.use_case.replay(run, ModelKey(run.use_case.name, unit, run.use_case.target(target))) for run in having]
    return [told for told in found if told is not None]


def replay_of(run: Run, published: Published) -> Replay:
    """Recompute a published number from the model version and the snapshot it names.

    Raises:
        Transient: A server or the lake cannot be reached just now.
    """
    return replay(run.store, run.lake, run.use_case.space, published)


def explanation_of(run: Run, published: Published) -> Explanation:
    """Recompute a published number, and say what it is made of.

    Raises:
        Transient: A server or the lake cannot be reached just now.
    """
    found = replay_of(run, published)
    if not found.identical or found.model is None or found.row is None:
        return Explanation(found, ())
    return Explanation(found, run.use_case.reasons(found.model, found.row, published.has_skill, published.value))
