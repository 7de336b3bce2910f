"""Changes of tables that readers are reading: each waits for a moment at a time, so that no reader queues behind it.

ALTER TABLE waits for every transaction that has read the table, and everybody who comes later waits behind it. So it is
tried for `WAIT` at a time, in a transaction of its own that holds the lock no longer than the change takes.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from psycopg2.errors import InsufficientPrivilege

from brain.core.errors import TableBusy
from brain.warehouse import fence
from brain.warehouse.connection import transaction
from brain.warehouse.evolution import READER_ROLE, Pattern, bring_up_to_date, read_facts
from brain.warehouse.statements import create_temporary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import SecretStr

    from brain.warehouse.evolution import Facts
    from brain.warehouse.tables import Layout

WAIT = "50ms"
PAUSE_SECONDS = 0.5
READER_SECONDS = 60  # the longest transaction of the reader role, as local.databases limits it
PATIENCE_SECONDS = 90  # then every reader in the way is disconnected, so that taking turns stops no publication either
LAST_SECONDS = 15  # tries after that

OVERDUE = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity AS session
WHERE usename = %s AND datname = current_database() AND xact_start < clock_timestamp() - make_interval(secs => %s)
    AND EXISTS (
        SELECT FROM pg_locks AS held JOIN unnest(%s) AS asked (name) ON relation = to_regclass(quote_ident(name))
        WHERE held.pid = session.pid AND granted)
"""


def upgrade(url: SecretStr, work: str, layouts: Sequence[Layout]) -> dict[str, tuple[str, ...]]:
    """Make some tables what is declared; by name, the columns they have besides.

    A reader who has lifted the limits of the reader role and stays in the way is disconnected, where the writer may;
    after `PATIENCE_SECONDS` every reader in the way is.

    Args:
        work: What is fenced: see `brain.warehouse.fence`.

    Raises:
        PublishError: A table cannot be brought to what this release declares; nothing was changed.
        TableBusy: Somebody else than an overdue reader stays in the way.
    """
    start = time.monotonic()
    while True:
        try:
            return _upgrade(url, work, layouts)
        except TableBusy:
            waited = time.monotonic() - start
            if waited > PATIENCE_SECONDS + LAST_SECONDS:
                raise
        is_last = waited > PATIENCE_SECONDS
        _end_readers(url, layouts, 0 if is_last else READER_SECONDS)
        if not is_last:
            time.sleep(PAUSE_SECONDS)


def _upgrade(url: SecretStr, work: str, layouts: Sequence[Layout]) -> dict[str, tuple[str, ...]]:
    patterns = {layout.name: replace(layout, name=f"declared_{layout.identifier}") for layout in layouts}
    with transaction(url) as connection, connection.cursor() as cursor:
        fence.hold(cursor, work)
        for pattern in patterns.values():
            cursor.execute(create_temporary(pattern))
        facts = read_facts(cursor, {one.identifier for one in (*layouts, *patterns.values())})
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", (WAIT,))
        return {
            layout.name: bring_up_to_date(cursor, layout, facts.get(layout.identifier), _pattern(pattern, facts))
            for layout, pattern in zip(layouts, patterns.values(), strict=True)
        }


def _pattern(pattern: Layout, facts: dict[str, Facts]) -> Pattern:
    return Pattern.of(pattern, facts[pattern.identifier])


def _end_readers(url: SecretStr, layouts: Sequence[Layout], seconds: int) -> None:
    """Disconnect readers that hold a lock for longer than `seconds`; the role is a member of the reader's."""
    try:
        with transaction(url) as connection, connection.cursor() as cursor:
            cursor.execute(OVERDUE, (READER_ROLE, seconds, [layout.identifier for layout in layouts]))
    except InsufficientPrivilege:
        return  # it waits for them to end
