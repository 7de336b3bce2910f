"""What a warehouse shows of a use case: all its tables and views, made before the first publication fills them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from brain.core.errors import BrainError
from brain.warehouse.alarms import ALARMS, WATCH
from brain.warehouse.bars import TABLES as BAR_TABLES
from brain.warehouse.counters import COUNTERS
from brain.warehouse.evaluation import layouts_of_ledgers
from brain.warehouse.evaluation_runs import EVALUATION_RUNS
from brain.warehouse.extraction_runs import EXTRACTION_RUNS
from brain.warehouse.feature_drift import FEATURE_DRIFT
from brain.warehouse.notices import NOTICES
from brain.warehouse.pools import POOLS
from brain.warehouse.publish import layouts_of
from brain.warehouse.readiness import make_missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brain.usecases.protocol import Run, UseCase
    from brain.warehouse.tables import Column, Layout

log = logging.getLogger(__name__)

SHARED = (EXTRACTION_RUNS, EVALUATION_RUNS, ALARMS, FEATURE_DRIFT, POOLS, WATCH, NOTICES, COUNTERS, *BAR_TABLES)


@dataclass(frozen=True)
class Shown:
    """A table or view that readers see.

    Args:
        name: As people write it.
        key: Names of the columns of its key; none for a view.
    """

    name: str
    identifier: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()


def make_ready(run: Run) -> tuple[str, ...]:
    """Make the tables and views of a use case that are not there yet, empty and commented; their names.

    Raises:
        PublishError: Something of somebody else has one of the names.
        TableBusy: Another session holds a lock on a table.
    """
    use_case = run.use_case
    return make_missing(run.settings.warehouse_url, use_case.name, _layouts(use_case, run.section), use_case.views)


def try_to_make_ready(run: Run) -> None:
    """As `make_ready`, for a step that needs none of them: what is in the way is logged, and stops the publication."""
    try:
        make_ready(run)
    except BrainError as error:
        log.warning("tables that readers do not see yet: %s", error)


def shown(use_case: UseCase, section: Any) -> tuple[Shown, ...]:
    """The tables and views that a use case fills, those of all use cases left out."""
    own = [layout for layout in _layouts(use_case, section) if layout not in SHARED]
    views = (Shown(view.name, view.name, view.meaning, view.columns) for view in use_case.views)
    return (*map(_table, own), *views)


def shown_of_all() -> tuple[Shown, ...]:
    """The tables that all use cases share."""
    return tuple(map(_table, SHARED))


def _layouts(use_case: UseCase, section: Any) -> Sequence[Layout]:
    published = layouts_of(use_case.tables, use_case.derived(section))
    return list(
        dict.fromkeys([*published, *layouts_of_ledgers(use_case.ledgers), EXTRACTION_RUNS, FEATURE_DRIFT, NOTICES])
    )


def _table(layout: Layout) -> Shown:
    return Shown(layout.name, layout.identifier, layout.meaning, layout.columns, layout.key)
