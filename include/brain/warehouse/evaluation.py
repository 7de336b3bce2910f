"""One transaction from outcomes to scores: rows whose day has come are scored, sums and one line a target follow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
from psycopg2 import sql

from brain.core.moment import Moment
from brain.warehouse import fence
from brain.warehouse import ledger_statements as statements
from brain.warehouse.alarms import ALARMS, WATCH, alarms_by_target, take_back_alarms, watch
from brain.warehouse.bulk import copy_in
from brain.warehouse.connection import transaction
from brain.warehouse.evaluation_runs import EVALUATION_RUNS, EvaluationLine, record_lines
from brain.warehouse.extraction_runs import EXTRACTION_RUNS
from brain.warehouse.filling import prepare
from brain.warehouse.ledger_statements import ALL, CORRECTED, LOST, ONLY
from brain.warehouse.pools import POOLS
from brain.warehouse.refusal import explained
from brain.warehouse.reliability import forget_reliability, renew_reliability
from brain.warehouse.statements import create_temporary
from brain.warehouse.upgrade import upgrade
from brain.warehouse.views import show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from psycopg2.extensions import cursor as Cursor  # noqa: N812
    from pydantic import SecretStr

    from brain.warehouse.ledger import Ledger
    from brain.warehouse.tables import Layout
    from brain.warehouse.views import View

    Outcomes = Callable[[Ledger, pd.DataFrame], pd.DataFrame]

KEPT_TRUE = ("appended", "unchanged", "quarantined", "failed")  # what an extraction did that leaves known rows alone
TAKEN_OVER_AGAIN = timedelta(days=7)  # an extraction of a moment that is evaluated already may be made, or made again


@dataclass(frozen=True)
class Evaluation:
    """What one run found out about the rows of one ledger.

    Args:
        lines: One a target, and the one over all of them last.
        behind: The newest moment evaluated, if that is a newer one: then nothing was scored.
    """

    ledger: str
    evaluated_at: datetime
    lines: tuple[EvaluationLine, ...]
    behind: datetime | None = None

    def line(self) -> str:
        """One line for a log."""
        if self.behind is not None:
            return f"{self.ledger}: {self.behind} was evaluated already, so nothing is scored for {self.evaluated_at}"
        total = self.total
        told = f"{self.ledger}: {total.due} due, {total.resolved} scored, {total.pending} open"
        return f"{told}, {total.corrected} scored again" if total.corrected else told

    @property
    def total(self) -> EvaluationLine:
        return self.lines[-1] if self.lines else EvaluationLine(ALL, 0, 0, 0)


def layouts_of_ledgers(ledgers: Iterable[Ledger]) -> list[Layout]:
    """All tables that filling and evaluating some ledgers writes."""
    own = [layout for ledger in ledgers for layout in (ledger.layout, ledger.blocks)]
    return [*own, EVALUATION_RUNS, WATCH, ALARMS, POOLS] if own else []


def evaluate(
    url: SecretStr,
    use_case: str,
    ledgers: Sequence[Ledger],
    outcomes: Outcomes,
    moment: Moment,
    units: Mapping[str, str] = MappingProxyType({}),
    *,
    full: bool = False,
    views: Sequence[View] = (),
) -> list[Evaluation]:
    """Score what has come true by `moment`, each ledger in a transaction of its own.

    A moment older than the newest evaluated one scores nothing: what is known now is not unlearned. One ahead of the
    newest publication keeps no later run, which stands behind it, from scoring.

    Args:
        outcomes: What came true of a ledger's rows: see `UseCase.outcomes`.
        units: By source table, the unit that it belongs to, where that has another name.
        views: What people ask of the ledgers.
        full: Look at every row again; else at open ones, and at those of units whose data was corrected.

    Raises:
        PublishError: An outcome is not what the ledger declares; nothing was scored of that ledger.
        TableBusy: Another session holds a lock on a table.
    """
    if not ledgers:
        return []
    with explained():
        upgrade(url, use_case, layouts_of_ledgers(ledgers))
    found = [_evaluate(url, use_case, ledger, outcomes, moment, units, full=full) for ledger in ledgers]
    with explained(), transaction(url) as connection, connection.cursor() as cursor:
        show(cursor, views)
    return found


def _evaluate(
    url: SecretStr,
    use_case: str,
    ledger: Ledger,
    outcomes: Outcomes,
    moment: Moment,
    units: Mapping[str, str],
    *,
    full: bool,
) -> Evaluation:
    """What is open is read first: while outcomes are looked for, nobody is kept from publishing."""
    with explained(), transaction(url) as connection, connection.cursor() as cursor:
        newest = _hold(cursor, use_case, ledger)
        if newest is not None and moment.at < newest:
            return Evaluation(ledger.name, moment.at, (), newest)
        prepare(cursor, ledger)
        again = [units.get(name, name) for name in _corrected(cursor, use_case, newest, moment)]
        cursor.execute(statements.open_since(ledger), {"again": again, "full": full, "lost": LOST, "moment": moment.at})
        since = pd.DataFrame(cursor.fetchall(), columns=list(ledger.key))
    found = outcomes(ledger, since) if len(since) else None
    with explained(), transaction(url) as connection, connection.cursor() as cursor:
        newest = _hold(cursor, use_case, ledger)
        if newest is not None and moment.at < newest:
            return Evaluation(ledger.name, moment.at, (), newest)
        changed = _score(cursor, ledger, found, moment) if found is not None and len(found) else []
        watch(cursor, use_case, ledger, moment)
        lines = _finished(cursor, use_case, ledger, moment, _lines(cursor, ledger, moment), changed)
        record_lines(cursor, use_case, ledger.name, moment, lines)
        _advance(cursor, use_case, ledger, moment)
        return Evaluation(ledger.name, moment.at, tuple(lines))


def take_back_scores(cursor: Cursor, use_case: str, ledger: Ledger, after: Moment) -> None:
    """Forget what a ledger noted for moments later than `after`, and open what was scored later.

    A row that a later run scored again loses its score, too: what it was before nobody knows; the next run scores it.
    """
    values = {"after": after.at, "use_case": use_case, "ledger": ledger.name}
    for statement in statements.take_back(ledger):
        cursor.execute(statement, values)
    take_back_alarms(cursor, use_case, ledger, after)
    forget_reliability(cursor, use_case, ledger)
    fence.hold(cursor, _work(ledger))
    cursor.execute(_SET_BACK, (use_case, ledger.name, use_case, _work(ledger)))


def scored_after(url: SecretStr, use_case: str, ledgers: Iterable[Ledger], after: Moment) -> bool:
    """Whether a ledger was evaluated for a moment later than `after`."""
    with transaction(url) as connection, connection.cursor() as cursor:
        newest = [fence.newest(cursor, _work(ledger), ()) for ledger in ledgers]
        if any(found is not None and found > after.at for found in newest):
            return True
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (EVALUATION_RUNS.name,))
        if cursor.fetchall() == [(False,)]:
            return False
        cursor.execute(_LATER_LINES, (use_case, after.at))
        return bool(cursor.fetchall() == [(True,)])


def _hold(cursor: Cursor, use_case: str, ledger: Ledger) -> datetime | None:
    """Keep other writers out until the transaction ends; the newest moment evaluated.

    None later than the newest publication counts: it would keep all days before it from being scored.
    """
    fence.hold(cursor, use_case)
    fence.hold(cursor, _work(ledger))
    newest, published = fence.newest(cursor, _work(ledger), ()), fence.newest(cursor, use_case, [ledger.table])
    return None if newest is None or published is None else min(newest, published)


def _advance(cursor: Cursor, use_case: str, ledger: Ledger, moment: Moment) -> None:
    """Remember that `moment` was evaluated, but nothing later than the newest publication: see `_hold`."""
    published = fence.newest(cursor, use_case, [ledger.table])
    if published is not None:
        fence.advance(cursor, _work(ledger), min(moment, Moment(published)))


def _work(ledger: Ledger) -> str:
    return f"evaluation of {ledger.name}"


def _corrected(cursor: Cursor, use_case: str, after: datetime | None, moment: Moment) -> list[str]:
    """The source tables whose known rows have changed since some days before the last evaluation.

    To take over a correction twice changes nothing. To miss one would leave a wrong outcome for good.
    """
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (EXTRACTION_RUNS.name,))
    if after is None or cursor.fetchall() == [(False,)]:
        return []
    query = (
        "SELECT DISTINCT asset FROM extraction_runs"
        " WHERE use_case = %s AND interval_end >= %s AND interval_end <= %s"
        " AND (verdict <> ALL(%s) OR corrected > 0)"
    )
    cursor.execute(query, (use_case, after - TAKEN_OVER_AGAIN, moment.at, list(KEPT_TRUE)))
    return [name for (name,) in cursor.fetchall()]


def _score(cursor: Cursor, ledger: Ledger, found: pd.DataFrame, moment: Moment) -> list[str]:
    """Note outcomes in the ledger; the targets of which a row has changed, live or of a hindcast."""
    layout = statements.found_layout(ledger)
    cursor.execute(create_temporary(layout))
    names = [column.name for column in layout.columns]
    table = pa.Table.from_pandas(found[names], preserve_index=False)
    copy_in(cursor, statements.copy_found(ledger), table)
    cursor.execute(_ANALYZE.format(sql.Identifier(statements.FOUND)))
    cursor.execute(statements.create_touched(ledger))
    values: dict[str, Any] = {"moment": moment.at, "corrected": CORRECTED, "lost": LOST}
    cursor.execute(statements.resolve(ledger), values)
    cursor.execute(statements.void(ledger), values)
    cursor.execute(statements.touched_once())
    cursor.execute(_ANALYZE.format(sql.Identifier(statements.TOUCHED)))
    cursor.execute(statements.forget_touched(ledger))
    cursor.execute(statements.sum_touched(ledger))
    cursor.execute(statements.touched_targets(ledger))
    changed = [target for (target,) in cursor.fetchall()]
    for name in (statements.FOUND, statements.TOUCHED):
        cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
    return changed


def _finished(
    cursor: Cursor,
    use_case: str,
    ledger: Ledger,
    moment: Moment,
    lines: Sequence[EvaluationLine],
    changed: Sequence[str],
) -> list[EvaluationLine]:
    """The lines with what was found out over all rows scored so far, and the number of alarms.

    A rerun, which changes no row, gives the lines that scored something their slopes again.
    """
    scored = {line.target for line in lines if line.resolved or line.corrected}
    own = {ONLY} if ledger.target is None and scored else scored
    slopes = renew_reliability(cursor, use_case, ledger, own.union(changed))
    alarms = alarms_by_target(cursor, use_case, ledger, moment)
    alarms[ALL] = sum(alarms.values())
    return [
        replace(
            line,
            measures={
                **line.measures,
                **({"calibration_slope": slopes[line.target]} if line.target in scored & slopes.keys() else {}),
                "alarms": alarms.get(line.target, 0),
            },
        )
        for line in lines
    ]


def _lines(cursor: Cursor, ledger: Ledger, moment: Moment) -> list[EvaluationLine]:
    """One a target, ascending, and the one over all of them last."""
    cursor.execute(statements.counts(ledger), {"moment": moment.at})
    names = list(ledger.scoring.sums)
    rows = sorted(cursor.fetchall(), key=lambda row: (len(row[0]), row[0]))
    counted = {row[0]: ([int(value) for value in row[1:5]], [float(value or 0) for value in row[5:]]) for row in rows}
    whole = (
        [sum(values[place] for values, _ in counted.values()) for place in range(4)],
        [sum(sums[place] for _, sums in counted.values()) for place in range(len(names))],
    )
    targets = {name: found for name, found in counted.items() if name != ALL}
    return [
        EvaluationLine(
            target, due, resolved, pending, corrected,
            ledger.scoring.measures(resolved, dict(zip(names, sums, strict=True))),
        )
        for target, ((due, resolved, pending, corrected), sums) in {**targets, ALL: whole}.items()
    ]  # fmt: skip


_ANALYZE = sql.SQL("ANALYZE {}")
_SET_BACK = (
    "UPDATE writer_fences SET newest ="
    " least((SELECT max(interval_end) FROM evaluation_runs WHERE use_case = %s AND ledger = %s),"
    " (SELECT newest FROM writer_fences WHERE work = %s)) WHERE work = %s"
)
_LATER_LINES = "SELECT EXISTS (SELECT FROM evaluation_runs WHERE use_case = %s AND interval_end > %s)"
