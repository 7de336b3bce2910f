"""A reader of a shop's tables: each row is that of an undisturbed publication, and no publication is in parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg2 import sql
from psycopg2.extras import RealDictCursor

from benchmarks.fault_injection.reader import Reader
from brain.warehouse.read import ask

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from psycopg2.extensions import connection as Connection  # noqa: N812

    from benchmarks.fault_injection.machine import World
    from benchmarks.fault_injection.play import Truth

PUBLISHED_AT, STALE = "published_at", "stale"

Row = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A published table.

    Args:
        key: Of a row.
        part: The column that tells rows apart that may be of several publications; empty where all are of one.
        unsaid: Columns that say why a row is stale, beside `stale`.
    """

    name: str
    key: tuple[str, ...]
    part: str = ""
    unsaid: tuple[str, ...] = ()

    def facts(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """What a publication says in a row."""
        return tuple(value for name, value in row.items() if name not in (STALE, *self.unsaid))

    def key_of(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(row[name] for name in self.key)

    def part_of(self, row: Mapping[str, Any]) -> Any:
        return row[self.part] if self.part else ""


@dataclass(frozen=True)
class Shown:
    """The tables of a use case, and the history beside them."""

    tables: tuple[Table, ...]
    history: str

    def truth_of(self, world: World) -> Truth:
        """By table, part and publication, the rows of what was published last: by key, what they say."""
        found: Truth = {}
        for table in self.tables:
            told = ask(world.settings.warehouse_url, f"SELECT * FROM {table.name}")
            rows = [dict(zip(told.columns, row, strict=True)) for row in told.rows]
            found |= _by_publication(table, rows)
        return found


def _by_publication(table: Table, rows: Iterable[Mapping[str, Any]]) -> Truth:
    found: Truth = {}
    for row in rows:
        if row[PUBLISHED_AT] is None:  # a row without a value says why there is none
            continue
        told = found.setdefault((table.name, table.part_of(row), row[PUBLISHED_AT]), {})
        told[table.key_of(row)] = table.facts(row)
    return found


LISTS = Shown(
    (
        Table("recommendation_details", ("shop", "list"), "list", ("reason",)),
        Table("recommendations", ("customer", "list", "rank"), "list"),
    ),
    "recommendation_history",
)
PLACES = Shown(
    (
        Table("customer_segments", ("customer",), unsaid=("reason",)),
        Table("segment_profiles", ("segment",), unsaid=("reason",)),
    ),
    "segment_profile_history",
)


@dataclass
class ShopReader(Reader):
    """Looks at all tables of a use case at once."""

    shown: Shown = field(default=PLACES, kw_only=True)

    def look(self, connection: Connection) -> None:
        with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL AS there", (self.shown.history,))
            if not cursor.fetchone()["there"]:
                return
            rows: dict[str, list[Row]] = {}
            for table in self.shown.tables:
                cursor.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table.name)))
                rows[table.name] = cursor.fetchall()
            cursor.execute(sql.SQL("SELECT count(*) AS lines FROM {}").format(sql.Identifier(self.shown.history)))
            lines = cursor.fetchone()["lines"]
        self.findings.count("polls")
        if lines < self.lines:
            self.findings.report("forward", f"the history shrank from {self.lines} lines to {lines}")
        self.lines = lines
        parts = {table: _by_publication(table, rows[table.name]) for table in self.shown.tables}
        for table, found in parts.items():
            self._check_parts(table, found)
            self._check_rows(table, found)
        self._check_together(parts)

    def _check_parts(self, table: Table, found: Truth) -> None:
        """Each part is of one publication, not older than before, and does not vanish."""
        moments: dict[Any, set[Any]] = {}
        for _, part, published_at in found:
            moments.setdefault((table.name, part), set()).add(published_at)
        for part, published in moments.items():
            if len(published) > 1:
                self.findings.report("whole", f"{part} is of several publications: {sorted(map(str, published))}")
            newest = (max(published), max(published))
            if newest[0] < self.newest.get(part, newest)[0]:
                self.findings.report("forward", f"{part} went from {self.newest[part][0]} back to {newest[0]}")
            self.newest[part] = newest
        for part in self.newest:
            if part[0] == table.name and part not in moments:
                self.findings.report("whole", f"{part} had rows and has none")

    def _check_rows(self, table: Table, found: Truth) -> None:
        """Every row is that of its publication undisturbed, and none is missing."""
        for publication, rows in found.items() if self.truth else ():
            expected = self.truth.get(publication, {})
            if rows == expected:
                continue
            keys = sorted(rows.keys() ^ expected.keys())
            if keys:
                told = f"{publication} has {len(rows)} rows, undisturbed {len(expected)}; such as {keys[:2]}"
                self.findings.report("whole", told)
            for key in rows.keys() & expected.keys():
                if rows[key] != expected[key]:
                    told = f"{publication} {key} shows {rows[key]}, undisturbed it is {expected[key]}"
                    self.findings.report("true", told)
                    break

    def _check_together(self, parts: Mapping[Table, Truth]) -> None:
        """What stands in one table is of the publication that the other tells."""
        told = [{(part, published_at) for _, part, published_at in found} for found in parts.values()]
        if any(one != told[0] for one in told):
            self.findings.report("whole", f"the tables are of different publications: {told}")
