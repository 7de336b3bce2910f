"""Timelines with marks: who has one and what there is to look at; the points, marks and makers of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from brain.core.errors import ModelNotFound
from brain.page.columns import described
from brain.page.reading import reading
from brain.warehouse.statements import COMMA
from brain.warehouse.tables import PUBLISHED_AT, REASON, STALE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

    from brain.page.reading import Reader, Record
    from brain.usecases.page import Makers, Marks, Timelines

KIND = "timelines"
MOST_MEMBERS = 2_000  # that are listed; the others are found by a part of their name
MOST_MARKS = 100  # that are told at a time
MOST_POINTS = 3_000  # that are drawn; of more, the lowest and the highest of as many stretches as that makes
NOTHING = sql.SQL("NULL")

# Who has a timeline is known from those that have marks, and from those that are looked at.
_MEMBERS = """
WITH noted AS ({noted}), watched AS ({watched}), known AS (
    SELECT unit, member, coalesce(made_by, 0) AS made_by, coalesce(makers, 0) AS makers, coalesce(marks, 0) AS marks,
        coalesce(open, 0) AS open, coalesce(unjudged, 0) AS unjudged, newest, kind, degree, told
    FROM watched FULL JOIN noted USING (unit, member)
    WHERE strpos(lower(member), lower(%s)) > 0
)
SELECT *, count(*) OVER () AS there FROM known
ORDER BY open DESC, unjudged DESC, newest DESC NULLS LAST, unit, member LIMIT %s
"""
_NOTED = """
SELECT {unit} AS unit, {member} AS member, count(*) AS marks, count(*) FILTER (WHERE {status} = {open}) AS open,
    count(*) FILTER (WHERE {verdict} IS NULL) AS unjudged, max({start}) AS newest,
    (array_agg({kind} ORDER BY {start} DESC))[1] AS kind, (array_agg({degree} ORDER BY {start} DESC))[1] AS degree,
    (array_agg({told} ORDER BY {start} DESC))[1] AS told
FROM {table} GROUP BY 1, 2
"""
_WATCHED = """
SELECT {unit} AS unit, {member} AS member, count(*) FILTER (WHERE {claim}) AS made_by, count(*) AS makers
FROM {table} GROUP BY 1, 2
"""
_UNWATCHED = "SELECT DISTINCT {unit} AS unit, {member} AS member, 0 AS made_by, 0 AS makers FROM {table}"
_UNMARKED = (
    "SELECT NULL::text AS unit, NULL::text AS member, 0 AS marks, 0 AS open, 0 AS unjudged,"
    " NULL::timestamptz AS newest, NULL::text AS kind, NULL::text AS degree, NULL::text AS told WHERE false"
)
_WHOSE = "FROM {table} WHERE {unit} = %s AND {member} = %s"
_FIRST_AND_LAST = "SELECT extract(epoch FROM min({at}))::float8, extract(epoch FROM max({at}))::float8 "
_WITHIN = _WHOSE + " AND {at} BETWEEN to_timestamp(%s) AND to_timestamp(%s)"
# The rows with the lowest and the highest value of each stretch: no peak is lost, and every point is a real one.
_THINNED = """
WITH within AS (SELECT *, coalesce({lines}) AS first FROM {table} WHERE {unit} = %s AND {member} = %s
        AND {at} BETWEEN to_timestamp(%s) AND to_timestamp(%s)),
    cut AS (SELECT *, width_bucket(extract(epoch FROM {at})::float8, %s, %s, %s) AS part FROM within),
    ranked AS (SELECT *, row_number() OVER (PARTITION BY part ORDER BY first, {at}) AS lowest,
        row_number() OVER (PARTITION BY part ORDER BY first DESC NULLS LAST, {at}) AS highest FROM cut)
SELECT {drawn} FROM ranked WHERE lowest = 1 OR highest = 1 ORDER BY {at}
"""


def overview(url: SecretStr, page: Timelines) -> dict[str, Any]:
    """The units, and who has a timeline: first those with most to look at.

    Returns:
        ``units`` each with as_of, stale, reason and what was left out; ``members`` and how many there are, as
        `members` tells them.

    Raises:
        BrainError: The warehouse does not answer, or its tables cannot be read.
    """
    with reading(url) as reader:
        units, found = _units(reader, page), _members(reader, page, "")
    return {
        "kind": KIND,
        "units": units,
        **found,
        "maker": page.makers.word if page.makers else "",
        "marked": page.marks is not None,
        "published_at": max((one["published_at"] for one in units if one["published_at"]), default=None),
    }


def members(url: SecretStr, page: Timelines, part: str) -> dict[str, Any]:
    """Those with a timeline whose name has a part, in capitals or not.

    Returns:
        ``members`` with counts of marks, of those that go on (``open``) and of those that nobody has judged, with the
        newest mark, and with how many of ``makers`` are used; ``there``: how many there are, listed or not.

    Raises:
        BrainError: The warehouse does not answer, or its tables cannot be read.
    """
    with reading(url) as reader:
        return _members(reader, page, part)


def timeline(url: SecretStr, page: Timelines, unit: str, member: str) -> dict[str, Any]:
    """All of one timeline.

    Returns:
        ``points`` as `points` tells them, over all times; ``marks`` as `marks` tells them, the newest; ``makers``;
        ``feedback_table``: where people say what they think of the marks, None where nowhere.

    Raises:
        ModelNotFound: Nothing is published of it.
        BrainError: The warehouse does not answer, or its tables cannot be read.
    """
    with reading(url) as reader:
        whose = _known(reader, page, unit, member)
        drawn = _points(reader, page, whose, None)
        told = _marks(reader, page, whose, 0) if page.marks else None
        made_by = _makers(reader, page, page.makers, whose) if page.makers else None
        of = [one for one in _units(reader, page) if one["unit"] == unit]
        place = _feedback_table(reader, page, unit)
    return {
        "kind": KIND,
        "unit": unit,
        "member": member,
        "of": of[0] if of else None,
        "lines": [name for name, _ in page.lines],
        "band": page.band.name if page.band else None,
        "points": drawn,
        "marks": told,
        "makers": made_by,
        "feedback_table": place,
    }


def points(url: SecretStr, page: Timelines, unit: str, member: str, span: tuple[float, float]) -> dict[str, Any]:
    """The points of a timeline between two times, in seconds since 1970.

    Returns:
        Lists ``at`` (seconds since 1970), ``lines`` (one each), ``low`` and ``high``; ``there``: how many points there
        are; fewer lists where they were ``thinned``: then of each stretch the lowest and the highest.

    Raises:
        BrainError: The warehouse does not answer, or its table cannot be read.
    """
    with reading(url) as reader:
        return _points(reader, page, _known(reader, page, unit, member), span)


def marks(url: SecretStr, page: Timelines, unit: str, member: str, skip: int) -> dict[str, Any]:
    """Marks of a timeline, the newest first, after the first `skip`.

    Returns:
        ``marks``, and ``there``: how many there are, told or not.

    Raises:
        ModelNotFound: Nothing is published of it, or the page has no marks.
        BrainError: The warehouse does not answer, or its table cannot be read.
    """
    with reading(url) as reader:
        told = _marks(reader, page, _known(reader, page, unit, member), skip)
        return {**told, "feedback_table": _feedback_table(reader, page, unit)}


def feedback_place(url: SecretStr, page: Timelines, mark: str) -> str | None:
    """The name of the table in which people say what they think of a published mark; None where there is none.

    Raises:
        ModelNotFound: No such mark is published.
        BrainError: The warehouse does not answer, or its tables cannot be read.
    """
    told, found = page.marks, []
    with reading(url) as reader:
        if told is not None and told.feedback is not None and "\0" not in mark and _there(reader, page, told.table):
            query = sql.SQL("SELECT of.{place} FROM {marks} AS mark JOIN {table} AS of USING ({unit}) WHERE {key} = %s")
            found = reader.rows(
                query.format(
                    place=sql.Identifier(told.feedback.table),
                    marks=sql.Identifier(told.table.layout.identifier),
                    table=sql.Identifier(page.table.layout.identifier),
                    unit=sql.Identifier(page.unit),
                    key=sql.Identifier(told.key),
                ),
                [mark],
            )
    if not found:
        raise _unknown(f"{page.words.item} {mark!r}", "one that is published")
    ((place,),) = found
    return str(place) if place else None


def _feedback_table(reader: Reader, page: Timelines, unit: str) -> str | None:
    """Where people say what they think of the marks of a unit."""
    if page.marks is None or page.marks.feedback is None:
        return None
    query = sql.SQL("SELECT {} FROM {} WHERE {} = %s").format(
        *map(sql.Identifier, (page.marks.feedback.table, page.table.layout.identifier, page.unit))
    )
    found = reader.rows(query, [unit])
    return str(found[0][0]) if found and found[0][0] else None


def _there(reader: Reader, page: Timelines, *tables: Any) -> bool:
    return all(reader.has(table.layout.identifier) for table in (page.table, *tables))


def _units(reader: Reader, page: Timelines) -> list[Record]:
    if not _there(reader, page):
        return []
    query = sql.SQL("SELECT * FROM {} ORDER BY {}").format(
        *map(sql.Identifier, (page.table.layout.identifier, page.unit))
    )
    named = {one["name"]: one["meaning"] for one in described(page.table, page.lacking)}
    return [
        {
            "unit": row[page.unit],
            "as_of": row[page.as_of],
            "stale": row[STALE],
            "reason": row[REASON],
            "lacking": [{"name": name, "meaning": named[name], "told": row[name]} for name in named if row[name]],
            "published_at": row[PUBLISHED_AT],
        }
        for row in reader.records(query)
    ]


def _members(reader: Reader, page: Timelines, part: str) -> dict[str, Any]:
    needed = [one.table for one in (page.marks, page.makers) if one]
    if "\0" in part or not _there(reader, page, page.points, *needed):
        return {"members": [], "there": 0}
    noted: sql.Composable = sql.SQL(_UNMARKED)
    if page.marks:
        noted = sql.SQL(_NOTED).format(**_names(page, page.marks.table), **_mark_columns(page.marks))
    watched = sql.SQL(_UNWATCHED).format(**_names(page, page.points))
    if page.makers:
        claim = sql.Identifier(page.makers.claim)
        watched = sql.SQL(_WATCHED).format(claim=claim, **_names(page, page.makers.table))
    found = reader.records(sql.SQL(_MEMBERS).format(noted=noted, watched=watched), [part, MOST_MEMBERS])
    return {"members": found, "there": found[0]["there"] if found else 0}


def _names(page: Timelines, table: Any) -> Mapping[str, sql.Composable]:
    names = {"table": table.layout.identifier, "unit": page.unit, "member": page.member}
    return {name: sql.Identifier(of) for name, of in names.items()}


def _mark_columns(told: Marks) -> Mapping[str, sql.Composable]:
    names = ("start", "kind", "degree", "told", "status", "verdict")
    return {**{name: sql.Identifier(getattr(told, name)) for name in names}, "open": sql.Literal(told.open)}


def _known(reader: Reader, page: Timelines, unit: str, member: str) -> list[str]:
    """The key of a timeline of which something is published."""
    tables = [page.points, *(one.table for one in (page.marks, page.makers) if one)]
    if "\0" not in unit + member and _there(reader, page, *tables):
        for table in tables:
            query = sql.SQL("SELECT EXISTS (SELECT " + _WHOSE + ")").format(**_names(page, table))
            if reader.rows(query, [unit, member]) == [(True,)]:
                return [unit, member]
    raise _unknown(
        f"{page.words.member} {member!r} of {page.words.unit} {unit!r}", f"a {page.words.member} of the overview"
    )


def _unknown(what: str, expected: str) -> ModelNotFound:
    remedy = "Go back to the overview: it lists them all."
    return ModelNotFound(what, found="nothing that is published", expected=expected, remedy=remedy)


def _points(reader: Reader, page: Timelines, whose: list[str], span: tuple[float, float] | None) -> dict[str, Any]:
    at = sql.Identifier(page.at)
    names = {**_names(page, page.points), "at": at}
    first, last = span or (None, None)
    if first is None:
        ((first, last),) = reader.rows(sql.SQL(_FIRST_AND_LAST + _WHOSE).format(**names), whose)
    lines = [sql.Identifier(column) for _, column in page.lines]
    band = [sql.Identifier(name) for name in (page.band.low, page.band.high)] if page.band else [NOTHING, NOTHING]
    drawn = COMMA.join([sql.SQL("extract(epoch FROM {at})::float8").format(at=at), *lines, *band])
    within = [*whose, first, last]
    ((there,),) = reader.rows(sql.SQL("SELECT count(*) " + _WITHIN).format(**names), within)
    if there > MOST_POINTS:
        query = sql.SQL(_THINNED).format(drawn=drawn, lines=COMMA.join(lines), **names)
        rows = reader.rows(query, [*within, first, last, MOST_POINTS // 2 - 1])
    else:
        query = sql.SQL("SELECT {drawn} " + _WITHIN + " ORDER BY {at}").format(drawn=drawn, **names)
        rows = reader.rows(query, within)
    columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * (len(lines) + 3)
    return {
        "at": columns[0],
        "lines": columns[1:-2],
        "low": columns[-2],
        "high": columns[-1],
        "there": there,
        "thinned": there > MOST_POINTS,
    }


def _marks(reader: Reader, page: Timelines, whose: list[str], skip: int) -> dict[str, Any]:
    told = page.marks
    if told is None:
        raise _unknown(f"mark of {page.title!r}", "a page whose timelines have marks")
    query = sql.SQL(
        "SELECT *, count(*) OVER () AS there " + _WHOSE + " ORDER BY {start} DESC, {key} LIMIT %s OFFSET %s"
    )
    names = {**_names(page, told.table), "start": sql.Identifier(told.start), "key": sql.Identifier(told.key)}
    rows = reader.records(query.format(**names), [*whose, MOST_MARKS, skip])
    found = [
        {
            "mark": row[told.key],
            "start": row[told.start],
            "end": row[told.end],
            "kind": row[told.kind],
            "told": row[told.told],
            "degree": row[told.degree],
            "rank": told.degrees.index(row[told.degree]) if row[told.degree] in told.degrees else 0,
            "status": row[told.status],
            "open": row[told.status] == told.open,
            "verdict": row[told.verdict],
            "note": row[told.note],
            "found": [row[name] for name in told.found],
        }
        for row in rows
    ]
    columns = described(told.table, told.found)
    return {
        "marks": found,
        "there": rows[0]["there"] if rows else skip,
        "degrees": list(told.degrees),
        "columns": columns,
    }


def _makers(reader: Reader, page: Timelines, makers: Makers, whose: list[str]) -> dict[str, Any]:
    query = sql.SQL("SELECT * " + _WHOSE + " ORDER BY {claim} DESC, {first} DESC NULLS LAST, {name}")
    order = {"claim": makers.claim, "first": makers.figures[0], "name": makers.name}
    names = {**_names(page, makers.table), **{name: sql.Identifier(of) for name, of in order.items()}}
    return {
        "word": makers.word,
        "columns": described(makers.table, makers.figures),
        "makers": [
            {
                "name": row[makers.name],
                "claim": row[makers.claim],
                "why": row[makers.why],
                "about": row[makers.about],
                "figures": [row[name] for name in makers.figures],
            }
            for row in reader.records(query.format(**names), whose)
        ],
    }
