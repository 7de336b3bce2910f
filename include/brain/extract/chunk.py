"""The extraction of many tables, whose rows the gate judges together: for each table as `extract_table` does it."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from brain.core.errors import BrainError, UnforeseenError
from brain.extract.report import ExtractionReport
from brain.extract.table import Unjudged, commit_judged, failed, finished, read_table
from brain.quality.engine import prepare
from brain.quality.gate import keep_result
from brain.quality.together import judge_together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from brain.core.moment import Moment
    from brain.core.source_table import SourceTable
    from brain.lake.lake import Lake
    from brain.quality.facts import Facts
    from brain.quality.gate import Check
    from brain.quality.result import GateResult
    from brain.source.connect import Source

log = logging.getLogger(__name__)

MOST_TABLES = 50  # judged together; read rows stay in memory until then
MOST_ROWS = 200_000


@dataclass(frozen=True)
class Asked:
    """A table to extract.

    Args:
        source: Opens what it is in.
    """

    source: Callable[[], Source]
    table: SourceTable
    check: Check


@dataclass(frozen=True)
class _Read:
    """A table that was read; what is left to do is in `found`, a report if nothing is.

    Args:
        facts: Of its rows; None if nothing is left to do.
    """

    table: SourceTable
    found: Unjudged | ExtractionReport
    facts: Facts | None
    seconds: float


def extract_tables(
    asked: Iterable[Asked], lake: Lake, moment: Moment, *, full: bool = False
) -> Iterator[ExtractionReport]:
    """Bring the snapshots of several tables up to `moment`: a report for each, in their order.

    What goes wrong with a table is in its report, and stops none of the others.

    Args:
        full: As of `extract_table`.
    """
    group: list[_Read] = []
    for one in asked:
        if any((one.table.space, one.table.name) == (other.table.space, other.table.name) for other in group):
            yield from _committed(lake, moment, group)  # what the first has read is known to the second
            group = []
        group.append(_read(one, lake, moment, full=full))
        if len(group) >= MOST_TABLES or sum(read.facts.rows for read in group if read.facts) >= MOST_ROWS:
            yield from _committed(lake, moment, group)
            group = []
    yield from _committed(lake, moment, group)


def _read(asked: Asked, lake: Lake, moment: Moment, *, full: bool) -> _Read:
    start, facts = time.perf_counter(), None
    found: Unjudged | ExtractionReport
    try:
        found = read_table(asked.source(), lake, asked.table, moment, full=full)
        if isinstance(found, Unjudged):
            content = found.change.content
            facts = asked.check(content.frame(), moment, total_rows=content.total_rows, unchanged=found.unchanged)
    except Exception as error:  # one table must not stop the others; the report names it
        found, facts = _failed(lake, asked.table, moment, error), None
    return _Read(asked.table, found, facts, time.perf_counter() - start)


def _committed(lake: Lake, moment: Moment, group: list[_Read]) -> Iterator[ExtractionReport]:
    """The reports of a group of tables, whose facts are judged together."""
    asked = [read.facts for read in group if read.facts is not None]
    if not all(facts.limits_only for facts in asked):
        prepare()
    start = time.perf_counter()
    results = iter(judge_together(asked))
    share = (time.perf_counter() - start) / max(1, len(group))
    for read in group:
        start, found = time.perf_counter(), read.found
        if isinstance(found, Unjudged):
            found = _judged(lake, moment, read.table, found, next(results))
        yield finished(found, read.seconds + share + time.perf_counter() - start)


def _judged(
    lake: Lake, moment: Moment, table: SourceTable, read: Unjudged, result: GateResult | Exception
) -> ExtractionReport:
    try:
        if isinstance(result, Exception):
            raise result
        keep_result(lake, table.use_case, moment, result)
        return commit_judged(lake, read, result)
    except Exception as error:  # one table must not stop the others; the report names it
        return _failed(lake, table, moment, error)


def _failed(lake: Lake, table: SourceTable, moment: Moment, error: Exception) -> ExtractionReport:
    if isinstance(error, BrainError):
        return failed(lake, table, moment, error)
    log.error("extracting %s", table.name, exc_info=error)
    unforeseen = UnforeseenError.during("extraction", table.name, error)
    return ExtractionReport(table.use_case, table.name, moment, "failed", reason=str(unforeseen), error=unforeseen)
