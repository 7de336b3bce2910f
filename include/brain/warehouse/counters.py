"""The table `counters`: the highest counter seen of every snapshot's manifest and every champion.

It stands in another database than what it guards: who can put back an older copy there cannot take this back, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import sql
from psycopg2.extras import execute_values

from brain.core.counters import Counters
from brain.warehouse import fence
from brain.warehouse.connection import transaction
from brain.warehouse.refusal import explained
from brain.warehouse.tables import Column, Layout
from brain.warehouse.upgrade import upgrade

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

COUNTERS = Layout(
    name="counters",
    meaning="The highest counter seen of each signed thing that is replaced in the lake or in MongoDB; an older one is"
    " refused.",
    key=("subject",),
    columns=(
        Column("subject", "text", "What is counted: the manifest of a table, or the champion of a model key."),
        Column("last", "bigint", "The highest counter that a run has read or written.", required=True),
    ),
    filled=frozenset({"last"}),
)
_UPSERT = sql.SQL(
    "INSERT INTO counters (subject, last) VALUES %s"
    " ON CONFLICT (subject) DO UPDATE SET last = greatest(counters.last, excluded.last)"
)


class KeptCounters(Counters):
    """Counters that the warehouse remembers; read once, at the first question."""

    def __init__(self, url: SecretStr) -> None:
        super().__init__()
        self._url = url
        self._is_read = False
        self._is_there = False

    def last(self, subject: str) -> int:
        """As in `Counters`.

        Raises:
            ServerUnreachable: The warehouse does not answer.
            CredentialsRejected: The login was refused.
        """
        if not self._is_read:
            self._last = self._read()
            self._is_read = True
        return super().last(subject)

    def _read(self) -> dict[str, int]:
        with explained(), transaction(self._url) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('counters')")
            self._is_there = cursor.fetchone() != (None,)
            if not self._is_there:
                return {}
            cursor.execute("SELECT subject, last FROM counters")
            return dict(cursor.fetchall())

    def _write(self, new: Mapping[str, int]) -> None:
        if not self._is_there:
            with explained():
                upgrade(self._url, COUNTERS.name, [COUNTERS])
        with explained(), transaction(self._url) as connection, connection.cursor() as cursor:
            fence.hold(cursor, COUNTERS.name)  # chunks write side by side
            execute_values(cursor, _UPSERT, sorted(new.items()))
