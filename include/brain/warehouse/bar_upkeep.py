"""What is done with the tables of bars besides reading: begin a topic anew, drop what is too old."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from psycopg2 import sql

from brain.core.durations import day_before
from brain.core.errors import TableBusy
from brain.warehouse import fence
from brain.warehouse.bars import BARS
from brain.warehouse.connection import transaction
from brain.warehouse.partitions import month, part_names
from brain.warehouse.upgrade import WAIT

if TYPE_CHECKING:
    from pydantic import SecretStr

    from brain.core.moment import Moment

_REWIND = """
UPDATE bar_offsets SET
    next_offset = -1, last_offset = NULL, last_sha256 = NULL, topic_id = NULL, origin = renewed.origin
FROM (
    SELECT topic, partition, (SELECT max(origin) FROM bar_offsets) + row_number() OVER (ORDER BY partition) AS origin
    FROM bar_offsets WHERE topic = %s) AS renewed
WHERE bar_offsets.topic = renewed.topic AND bar_offsets.partition = renewed.partition
"""


def rewind(url: SecretStr, topic: str) -> int:
    """Let a topic be read from its beginning again, as one that was made anew; how many partitions it has.

    What is known already is not written again; what its messages say otherwise counts, in their order.
    """
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('bar_offsets') IS NOT NULL")
        if cursor.fetchall() == [(False,)]:
            return 0
        fence.hold(cursor, BARS.name)
        cursor.execute(_REWIND, (topic,))
        return int(cursor.rowcount)


def drop_old(url: SecretStr, moment: Moment, keep: str | None, keep_refused: str) -> list[str]:
    """Drop months of bars that are too old, and messages that were refused long ago.

    A month that somebody reads just now is dropped by the next run.

    Returns:
        Names of the parts that were dropped.
    """
    before = datetime.combine(day_before(moment.day, keep_refused), datetime.min.time(), UTC)
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM bar_dead_letters WHERE arrived_at < %s", (before,))
    if keep is None:
        return []
    first = f"{BARS.identifier}_{month(day_before(moment.day, keep)).name}"
    try:
        with transaction(url) as connection, connection.cursor() as cursor:
            fence.hold(cursor, BARS.name)
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", (WAIT,))
            old = sorted(name for name in part_names(cursor, BARS) if name < first)
            for name in old:
                cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
    except TableBusy:
        return []
    return old
