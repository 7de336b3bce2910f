"""Members in groups: a map of some of them, the profile of each group, who moved, and the row of one member."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from brain.page.columns import described
from brain.page.members import unknown_member
from brain.page.reading import reading
from brain.warehouse.statements import COMMA
from brain.warehouse.tables import PUBLISHED_AT, REASON, STALE

if TYPE_CHECKING:
    from pydantic import SecretStr

    from brain.page.reading import Reader, Record
    from brain.usecases.page import Axis, Groups

KIND = "groups"
MOST_POINTS = 1_500  # on the map; of more members, a share that their names draw
BITS = 1 << 20
MOST_MOVES = 50
SHOWN_RUNS = 10


def overview(url: SecretStr, page: Groups) -> dict[str, Any]:
    """All that is published of the groups, and a sample of their members.

    Returns:
        ``groups`` by number, each with ``all``: each column in the order of ``columns``; ``points``: number of the
        group, then what each axis says; ``moves``: from, to, how many; ``runs``: the sizes of the groups in the last
        publications.

    Raises:
        BrainError: The warehouse does not answer, or its tables cannot be read.
    """
    with reading(url) as reader:
        groups = _groups(reader, page)
        members = sum(one["size"] or 0 for one in groups)
        found = {
            "groups": groups,
            "points": _points(reader, page, members),
            "moves": _moves(reader, page),
            "runs": _runs(reader, page),
        }
    return {
        "kind": KIND,
        **found,
        "members": members,
        "axes": [{"name": axis.name, "root": axis.root, **_of(page, axis)} for axis in page.axes],
        "columns": described(page.table),
        "figures": list(page.figures),
        "trust": list(page.trust),
        "asked": {"member": page.member, "table": page.members.name, "group": page.unit},
        "published_at": max((one["published_at"] for one in groups if one["published_at"]), default=None),
    }


def member(url: SecretStr, page: Groups, name: str) -> dict[str, Any]:
    """What is published of one member.

    Raises:
        ModelNotFound: There is none of that name.
        BrainError: The warehouse does not answer, or its tables cannot be read.
    """
    with reading(url) as reader:
        table = page.members.layout.identifier
        query = sql.SQL("SELECT * FROM {} WHERE {} = %s").format(sql.Identifier(table), sql.Identifier(page.member))
        known = "\0" not in name and reader.has(table)
        found = reader.records(query, [name]) if known else []
        groups = _groups(reader, page)
    if not found:
        raise unknown_member(page, name)
    (row,) = found
    return {
        "kind": KIND,
        "member": name,
        "group": row[page.unit],
        "name": row[page.name],
        "before": row[page.before],
        "moved": row[page.moved],
        "stale": row[STALE],
        "reason": row[REASON],
        "columns": [{**one, "value": row[one["name"]]} for one in described(page.members)],
        "groups": {one["number"]: one["name"] for one in groups},
    }


def _groups(reader: Reader, page: Groups) -> list[Record]:
    if not reader.has(page.table.layout.identifier):
        return []
    query = sql.SQL("SELECT * FROM {} ORDER BY {}").format(
        *map(sql.Identifier, (page.table.layout.identifier, page.unit))
    )
    return [
        {
            "number": row[page.unit],
            "name": row[page.name],
            "size": row[page.table.value],
            "apart": row[page.apart],
            "came": row[page.came],
            "left": row[page.left],
            "fresh": row[page.fresh],
            "claim": row[page.claim],
            "why": row[page.why],
            "stale": row[STALE],
            "reason": row[REASON],
            "published_at": row[PUBLISHED_AT],
            "all": [row[column.identifier] for column in page.table.columns],
        }
        for row in reader.records(query)
    ]


def _of(page: Groups, axis: Axis) -> dict[str, str]:
    """Kind and meaning of an axis: how long ago a day is counts in days."""
    (told,) = described(page.members, [axis.column])
    return {"kind": "count" if told["kind"] == "day" else told["kind"], "meaning": told["meaning"]}


def _points(reader: Reader, page: Groups, members: int) -> list[list[Any]]:
    """A sample of the members: the same names at every look, so that the map stands still."""
    if not members or not reader.has(page.members.layout.identifier):
        return []
    query = sql.SQL(
        "SELECT {group}, {axes} FROM {table} WHERE {group} IS NOT NULL"
        " AND (hashtextextended({member}, 0) & %s) < %s ORDER BY hashtextextended({member}, 0), {member} LIMIT %s"
    ).format(
        group=sql.Identifier(page.unit),
        axes=COMMA.join(_axis(page, axis) for axis in page.axes),
        table=sql.Identifier(page.members.layout.identifier),
        member=sql.Identifier(page.member),
    )
    share = min(1.0, MOST_POINTS / members)
    return [list(row) for row in reader.rows(query, [BITS - 1, int(BITS * share), MOST_POINTS])]


def _axis(page: Groups, axis: Axis) -> sql.Composable:
    column = sql.Identifier(axis.column)
    if page.members.column(axis.column).type == "date":
        return sql.SQL("({} - {})").format(sql.Identifier(page.as_of), column)
    return sql.SQL("round(nullif({}::float8, 'NaN')::numeric, 3)::float8").format(column)


def _moves(reader: Reader, page: Groups) -> list[tuple[Any, ...]]:
    """From which group to which, and how many, in the last publication."""
    if not reader.has(page.members.layout.identifier):
        return []
    query = sql.SQL(
        "SELECT {before}, {group}, count(*) FROM {table} WHERE {moved} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT %s"
    ).format(
        before=sql.Identifier(page.before),
        group=sql.Identifier(page.unit),
        moved=sql.Identifier(page.moved),
        table=sql.Identifier(page.members.layout.identifier),
    )
    return reader.rows(query, [MOST_MOVES])


def _runs(reader: Reader, page: Groups) -> list[dict[str, Any]]:
    """The last publications, newest first: the size of each group, and how many came from another one."""
    history = page.table.history_layout
    if history is None or not reader.has(history.identifier):
        return []
    query = sql.SQL(
        "SELECT {at}, {group}, {size}, {came} FROM {history} WHERE {at} IN"
        " (SELECT DISTINCT {at} FROM {history} ORDER BY 1 DESC LIMIT %s) ORDER BY 1 DESC, 2"
    ).format(
        at=sql.Identifier(PUBLISHED_AT),
        group=sql.Identifier(page.unit),
        size=sql.Identifier(page.table.value),
        came=sql.Identifier(page.came),
        history=sql.Identifier(history.identifier),
    )
    runs: dict[Any, dict[str, Any]] = {}
    for at, group, size, came in reader.rows(query, [SHOWN_RUNS]):
        run = runs.setdefault(at, {"at": at, "sizes": {}, "moved": 0})
        run["sizes"][group] = size
        run["moved"] += came or 0
    return list(runs.values())
