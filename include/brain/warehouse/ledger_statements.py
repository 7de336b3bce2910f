"""The SQL that derives from a declared ledger: fill, look for what is open, score, void, sum. No row goes by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import sql

from brain.warehouse.ledger import (
    BLOCK,
    CLAIMED,
    CORRECTED_AT,
    CORRECTIONS,
    FIRST_OUTCOME,
    HINDCAST,
    KNOWN_AT,
    NOTE,
    OUTCOME,
    RESOLVED,
    RESOLVED_AT,
    SUM,
)
from brain.warehouse.statements import AND, COMMA, identifiers
from brain.warehouse.tables import PUBLISHED_AT, Layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from brain.warehouse.ledger import Ledger

EPOCH = "DATE '1800-01-01'"  # before any day: blocks are counted from it
LEAST_BLOCK_DAYS = 28
FOUND, TOUCHED = "found_outcomes", "touched_blocks"
ALL = "all"  # the line of `evaluation_runs` over all targets
ONLY = "only"  # what stands for the target of a ledger that has none
CORRECTED = "scored again: the data behind it was corrected"
LOST = "cannot be scored: its row, or the one that decides it, is missing or without a usable value"


def names(columns: Iterable[str]) -> list[sql.Identifier]:
    """Columns by name, to be quoted by the driver."""
    return [sql.Identifier(name) for name in columns]


def indexes(ledger: Ledger) -> Sequence[sql.Composed]:
    """What is looked for: open rows of a key, rows scored by one run, the best and the worst."""
    table, name = sql.Identifier(ledger.layout.identifier), ledger.layout.identifier
    made = [
        sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} ({}) WHERE outcome IS NULL").format(
            sql.Identifier(f"{name}_open"), table, COMMA.join(names(ledger.key))
        ),
        sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} USING brin ({}) WITH (pages_per_range = 16)").format(
            sql.Identifier(f"{name}_resolved"), table, sql.Identifier(RESOLVED_AT)
        ),
        sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} ({at}) WHERE {at} IS NOT NULL").format(
            sql.Identifier(f"{name}_corrected"), table, at=sql.Identifier(CORRECTED_AT)
        ),
    ]
    if ledger.scoring.is_binary:
        made.append(
            sql.SQL(
                "CREATE INDEX IF NOT EXISTS {} ON {} ((base_log_loss - log_loss)) WHERE outcome IS NOT NULL"
            ).format(sql.Identifier(f"{name}_gain"), table)
        )
    return made


def staged_years(ledger: Ledger) -> sql.Composed:
    """The years of the days that the staged rows are about."""
    return _years(ledger, sql.Identifier(ledger.table.staging.identifier))


def history_years(ledger: Ledger) -> sql.Composed:
    """The years of the days that the history is about."""
    assert ledger.table.history_layout is not None
    return _years(ledger, sql.Identifier(ledger.table.history_layout.identifier))


def _years(ledger: Ledger, rows: sql.Identifier) -> sql.Composed:
    as_of = sql.Identifier(ledger.as_of)
    return sql.SQL("SELECT DISTINCT extract(year FROM {})::integer FROM {} WHERE {} IS NOT NULL").format(
        as_of, rows, as_of
    )


def fill(ledger: Ledger) -> sql.Composed:
    """Note what is staged and was not published before; %(published_at)s is the run's moment, %(hindcast)s the mark.

    What was published first stays, whatever is said later about the same day. Only what no reader has seen, and what
    is not scored yet, makes room for what one sees now.
    """
    columns = names((*ledger.key, *ledger.kept))
    updates = [sql.SQL("{0} = excluded.{0}").format(name) for name in names((*ledger.kept, PUBLISHED_AT, HINDCAST))]
    return sql.SQL(
        "INSERT INTO {ledger} AS kept ({columns}, {published_at}, {hindcast})"
        " SELECT {columns}, %(published_at)s, %(hindcast)s FROM {staged} WHERE {value} IS NOT NULL"
        " ON CONFLICT ({key}) DO UPDATE SET {updates}"
        " WHERE kept.{hindcast} AND NOT excluded.{hindcast} AND kept.outcome IS NULL"
    ).format(
        ledger=sql.Identifier(ledger.layout.identifier),
        columns=COMMA.join(columns),
        published_at=sql.Identifier(PUBLISHED_AT),
        hindcast=sql.Identifier(HINDCAST),
        staged=sql.Identifier(ledger.table.staging.identifier),
        value=sql.Identifier(ledger.scoring.value),
        key=COMMA.join(names(ledger.key)),
        updates=COMMA.join(updates),
    )


def fill_from_history(ledger: Ledger) -> sql.Composed:
    """Note what an earlier release published: the first line of the history for every key and day."""
    history = ledger.table.history_layout
    assert history is not None
    columns = COMMA.join(names((*ledger.key, *ledger.kept, PUBLISHED_AT)))
    return sql.SQL(
        "INSERT INTO {ledger} ({columns}, {hindcast}) SELECT DISTINCT ON ({key}) {columns}, false FROM {history}"
        " ORDER BY {key}, {published_at} ON CONFLICT DO NOTHING"
    ).format(
        ledger=sql.Identifier(ledger.layout.identifier),
        columns=columns,
        hindcast=sql.Identifier(HINDCAST),
        key=COMMA.join(names(ledger.key)),
        history=sql.Identifier(history.identifier),
        published_at=sql.Identifier(PUBLISHED_AT),
    )


def open_since(ledger: Ledger) -> sql.Composed:
    """By key, the oldest day that is to be looked at: of all of %(again)s, of all where %(full)s, else of open."""
    return sql.SQL(
        "SELECT {key}, min({as_of}) FROM {ledger} WHERE"
        " ((outcome IS NULL AND {note} IS DISTINCT FROM %(lost)s) OR %(full)s OR {entity} = ANY(%(again)s))"
        " AND {published_at} <= %(moment)s GROUP BY {key}"
    ).format(
        key=COMMA.join(names(ledger.table.key)),
        as_of=sql.Identifier(ledger.as_of),
        ledger=sql.Identifier(ledger.layout.identifier),
        note=sql.Identifier(NOTE),
        entity=sql.Identifier(ledger.entity),
        published_at=sql.Identifier(PUBLISHED_AT),
    )


def found_layout(ledger: Ledger) -> Layout:
    """The temporary table that the outcomes of a run are copied into."""
    wanted = (*ledger.key, OUTCOME, KNOWN_AT, *(column.name for column in ledger.realised))
    columns = tuple(next(c for c in ledger.layout.columns if c.name == name) for name in wanted)
    return Layout(FOUND, "", ledger.key, columns)


def copy_found(ledger: Ledger) -> sql.Composed:
    """COPY of CSV into that table; what is empty becomes NULL."""
    listed = COMMA.join(identifiers(found_layout(ledger).columns))
    return sql.SQL("COPY {} ({}) FROM STDIN WITH (FORMAT csv)").format(sql.Identifier(FOUND), listed)


def create_touched(ledger: Ledger) -> sql.Composed:
    """The temporary table of blocks whose sums have to be made anew."""
    return sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {}, {}, {}, {} FROM {} WITH NO DATA").format(
        sql.Identifier(TOUCHED),
        COMMA.join(names((*ledger.table.key, HINDCAST))),
        sql.SQL("false AS {}").format(sql.Identifier(CLAIMED)),
        sql.SQL("current_date AS {}").format(sql.Identifier(BLOCK)),
        sql.SQL("0 AS days"),
        sql.Identifier(ledger.layout.identifier),
    )


def resolve(ledger: Ledger) -> sql.Composed:
    """Score what has come true, and again what has come true otherwise; %(moment)s is the run's."""
    real = [OUTCOME, KNOWN_AT, *(column.name for column in ledger.realised)]
    changed = sql.SQL("({}) IS DISTINCT FROM ({})").format(
        COMMA.join(sql.SQL("kept.{}").format(name) for name in names(real)),
        COMMA.join(sql.SQL("found.{}").format(name) for name in names(real)),
    )
    scores = [
        sql.SQL("{} = {}").format(sql.Identifier(column.name), ledger.scoring.score(column.name))
        for column in ledger.scoring.scores
    ]
    update = sql.SQL(
        "UPDATE {ledger} AS kept SET {real}, {scores},"
        " {resolved_at} = coalesce(kept.{resolved_at}, %(moment)s),"
        " {first} = coalesce(kept.{first}, found.outcome),"
        " {corrections} = kept.{corrections} + (kept.{resolved_at} IS NOT NULL)::integer,"
        " {corrected_at} = CASE WHEN kept.{resolved_at} IS NOT NULL THEN %(moment)s END,"
        " {note} = CASE WHEN kept.{resolved_at} IS NOT NULL THEN %(corrected)s END"
        " FROM {found} AS found WHERE {same} AND kept.{published_at} <= %(moment)s AND {changed}"
        " RETURNING {touched}"
    ).format(
        ledger=sql.Identifier(ledger.layout.identifier),
        real=COMMA.join(sql.SQL("{0} = found.{0}").format(name) for name in names(real)),
        scores=COMMA.join(scores),
        found=sql.Identifier(FOUND),
        same=_same(ledger.key),
        changed=changed,
        touched=_touched(ledger),
        published_at=sql.Identifier(PUBLISHED_AT),
        **_marks(),
    )
    return _noting_touched(update)


def void(ledger: Ledger) -> sql.Composed:
    """Note rows that cannot be scored: days between those whose outcomes are known, and not among them.

    What was scored of them no longer counts; %(moment)s is the run's. A correction may bring them back.
    """
    key = COMMA.join(names(ledger.table.key))
    emptied = (OUTCOME, KNOWN_AT, *(column.name for column in (*ledger.realised, *ledger.scoring.scores)))
    update = sql.SQL(
        "UPDATE {ledger} AS kept SET {emptied}, {note} = %(lost)s,"
        " {resolved_at} = coalesce(kept.{resolved_at}, %(moment)s),"
        " {corrections} = kept.{corrections} + (kept.outcome IS NOT NULL)::integer,"
        " {corrected_at} = CASE WHEN kept.outcome IS NOT NULL THEN %(moment)s ELSE kept.{corrected_at} END"
        " FROM (SELECT {key}, min({as_of}) AS first, max({as_of}) AS last FROM {found} GROUP BY {key}) AS known"
        " WHERE {same} AND kept.{as_of} > known.first AND kept.{as_of} < known.last"
        " AND kept.{published_at} <= %(moment)s AND kept.{note} IS DISTINCT FROM %(lost)s"
        " AND NOT EXISTS (SELECT FROM {found} AS found WHERE {same_day})"
        " RETURNING {touched}"
    ).format(
        ledger=sql.Identifier(ledger.layout.identifier),
        emptied=COMMA.join(sql.SQL("{} = NULL").format(name) for name in names(emptied)),
        key=key,
        as_of=sql.Identifier(ledger.as_of),
        found=sql.Identifier(FOUND),
        same=_same(ledger.table.key, "known"),
        same_day=_same(ledger.key),
        touched=_touched(ledger),
        published_at=sql.Identifier(PUBLISHED_AT),
        **_marks(),
    )
    return _noting_touched(update)


def touched_once() -> sql.Composed:
    """Leave every touched block once: one may have been noted by several statements."""
    return sql.SQL(
        "CREATE TEMPORARY TABLE once ON COMMIT DROP AS SELECT DISTINCT * FROM {touched}; TRUNCATE {touched};"
        " INSERT INTO {touched} SELECT * FROM once; DROP TABLE once"
    ).format(touched=sql.Identifier(TOUCHED))


def touched_targets(ledger: Ledger) -> sql.Composed:
    """The targets of the touched blocks; `ONLY` where the ledger has none."""
    target = sql.Literal(ONLY) if ledger.target is None else sql.SQL("{}::text").format(sql.Identifier(ledger.target))
    return sql.SQL("SELECT DISTINCT {} FROM {}").format(target, sql.Identifier(TOUCHED))


def forget_touched(ledger: Ledger) -> sql.Composed:
    """Remove the sums of the touched blocks."""
    key = (*ledger.table.key, HINDCAST, CLAIMED, BLOCK)
    return sql.SQL("DELETE FROM {} AS kept USING {} AS touched WHERE {}").format(
        sql.Identifier(ledger.blocks.identifier), sql.Identifier(TOUCHED), _same(key, "touched")
    )


def sum_touched(ledger: Ledger) -> sql.Composed:
    """Make the sums of the touched blocks."""
    key = (*ledger.table.key, HINDCAST)
    sums = [sql.SQL("sum({})").format(expression) for expression in ledger.scoring.sums.values()]
    summed = [sql.Identifier(f"{SUM}{name}") for name in ledger.scoring.sums]
    grouped = COMMA.join(sql.SQL("touched.{}").format(name) for name in names((*key, CLAIMED, BLOCK)))
    return sql.SQL(
        "INSERT INTO {blocks} ({key}, {resolved}, first_as_of, last_as_of, last_known_at, {summed})"
        " SELECT {grouped}, count(*), min(kept.{as_of})::date, max(kept.{as_of})::date, max(kept.{known})::date, {sums}"
        " FROM {touched} AS touched JOIN {ledger} AS kept ON {same} AND {claimed} = touched.{claim}"
        " AND kept.{as_of} >= touched.{block} AND kept.{as_of} < touched.{block} + touched.days"
        " WHERE kept.outcome IS NOT NULL GROUP BY {grouped}"
    ).format(
        blocks=sql.Identifier(ledger.blocks.identifier),
        key=COMMA.join(names((*key, CLAIMED, BLOCK))),
        resolved=sql.Identifier(RESOLVED),
        summed=COMMA.join(summed),
        grouped=grouped,
        as_of=sql.Identifier(ledger.as_of),
        known=sql.Identifier(KNOWN_AT),
        sums=COMMA.join(sums),
        touched=sql.Identifier(TOUCHED),
        ledger=sql.Identifier(ledger.layout.identifier),
        same=_same(key, "touched"),
        claimed=_claimed(ledger),
        claim=sql.Identifier(CLAIMED),
        block=sql.Identifier(BLOCK),
    )


def counts(ledger: Ledger) -> sql.Composed:
    """By target, of the run of %(moment)s: rows due, scored, still open and scored again, and sums of the scored.

    Due is what it scored, and what it could not because its row is lost.
    """
    target = sql.SQL("{}::text").format(sql.Identifier(ledger.target) if ledger.target else sql.Literal(ALL))
    scored = sql.SQL("FILTER (WHERE outcome IS NOT NULL AND {} = %(moment)s)").format(sql.Identifier(RESOLVED_AT))
    sums = [sql.SQL("sum({}) {}").format(expression, scored) for expression in ledger.scoring.sums.values()]
    return sql.SQL(
        "SELECT {target}, count(*) FILTER (WHERE {resolved_at} = %(moment)s),"
        " count(*) {scored}, count(*) FILTER (WHERE outcome IS NULL),"
        " count(*) FILTER (WHERE {corrected_at} = %(moment)s), {sums} FROM {ledger}"
        " WHERE NOT {hindcast} AND {published_at} <= %(moment)s"
        " AND (outcome IS NULL OR {resolved_at} = %(moment)s OR {corrected_at} = %(moment)s) GROUP BY 1"
    ).format(
        target=target,
        scored=scored,
        sums=COMMA.join(sums),
        ledger=sql.Identifier(ledger.layout.identifier),
        hindcast=sql.Identifier(HINDCAST),
        published_at=sql.Identifier(PUBLISHED_AT),
        **_marks(),
    )


def take_back(ledger: Ledger) -> Sequence[sql.Composed]:
    """Forget rows noted after %(after)s, open those scored after it, and make all sums and lines anew."""
    emptied = (OUTCOME, KNOWN_AT, *(column.name for column in (*ledger.realised, *ledger.scoring.scores)))
    parts = {
        "ledger": sql.Identifier(ledger.layout.identifier),
        "published_at": sql.Identifier(PUBLISHED_AT),
        "emptied": COMMA.join(
            sql.SQL("{} = NULL").format(name) for name in names((*emptied, RESOLVED_AT, FIRST_OUTCOME, NOTE))
        ),
        "blocks": sql.Identifier(ledger.blocks.identifier),
        "touched": sql.Identifier(TOUCHED),
        "columns": _touched(ledger),
        **_marks(),
    }
    forget = sql.SQL("DELETE FROM {ledger} WHERE {published_at} > %(after)s")
    reopen = sql.SQL(
        "UPDATE {ledger} SET {emptied}, {corrected_at} = NULL, {corrections} = 0"
        " WHERE {resolved_at} > %(after)s OR {corrected_at} > %(after)s"
    )
    empty = sql.SQL("DELETE FROM {blocks}")
    all_blocks = sql.SQL(
        "INSERT INTO {touched} SELECT DISTINCT {columns} FROM {ledger} AS kept WHERE kept.outcome IS NOT NULL"
    )
    lines = sql.SQL(
        "DELETE FROM evaluation_runs WHERE use_case = %(use_case)s AND ledger = %(ledger)s AND interval_end > %(after)s"
    )
    return [
        *(forget.format(**parts), reopen.format(**parts), empty.format(**parts)),
        *(create_touched(ledger), all_blocks.format(**parts), sum_touched(ledger)),
        *(sql.SQL("DROP TABLE {touched}").format(**parts), lines.format()),
    ]


def _noting_touched(update: sql.Composed) -> sql.Composed:
    """Run an update, and note the blocks of the rows that it has changed; gives how many rows."""
    return sql.SQL(
        "WITH done AS ({update}), noted AS (INSERT INTO {touched} SELECT DISTINCT * FROM done)"
        " SELECT count(*) FROM done"
    ).format(update=update, touched=sql.Identifier(TOUCHED))


def _touched(ledger: Ledger) -> sql.Composed:
    """The block of a row of the ledger, and how many days it has."""
    days = _block_days(ledger)
    start = "{epoch} + ((kept.{as_of}::date - {epoch}) / ({days})) * ({days})"
    block = sql.SQL(start).format(epoch=sql.SQL(EPOCH), as_of=sql.Identifier(ledger.as_of), days=days)
    key = COMMA.join(sql.SQL("kept.{}").format(name) for name in names((*ledger.table.key, HINDCAST)))
    return COMMA.join([key, _claimed(ledger), block, days])


def _block_days(ledger: Ledger) -> sql.Composable:
    span = sql.SQL("kept.{}").format(ledger.span_sql) if isinstance(ledger.span, str) else ledger.span_sql
    return sql.SQL("greatest({}, ({} * 14 + 4) / 5)").format(sql.Literal(LEAST_BLOCK_DAYS), span)


def _claimed(ledger: Ledger) -> sql.Composable:
    if ledger.claim is None:
        return sql.SQL("false")
    return sql.SQL("coalesce(kept.{}, false)").format(sql.Identifier(ledger.claim))


def _same(columns: Iterable[str], other: str = "found") -> sql.Composed:
    return AND.join(sql.SQL("kept.{0} = {1}.{0}").format(name, sql.SQL(other)) for name in names(columns))


def _marks() -> dict[str, sql.Identifier]:
    return {
        "resolved_at": sql.Identifier(RESOLVED_AT),
        "first": sql.Identifier(FIRST_OUTCOME),
        "corrections": sql.Identifier(CORRECTIONS),
        "corrected_at": sql.Identifier(CORRECTED_AT),
        "note": sql.Identifier(NOTE),
    }
