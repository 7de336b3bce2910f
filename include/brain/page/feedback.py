"""What people say of marks: the only thing that is written from the page, by a login that may write nothing else.

The table is theirs, in a source database that is PostgreSQL; the next run reads it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2 import sql

from brain.core.errors import BrainError, QueryRefused
from brain.page.reading import PATIENCE, Reader
from brain.warehouse.connection import transaction
from brain.warehouse.statements import COMMA

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic import SecretStr

    from brain.usecases.page import Feedback

SETTING = "BRAIN_FEEDBACK_URL"
LONGEST_NOTE, LONGEST_MARK = 500, 500
_COLUMNS = (
    "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(quote_ident(%s)) AND attnum > 0 AND NOT attisdropped"
)
_REFUSED = (psycopg2.ProgrammingError, psycopg2.DataError, psycopg2.IntegrityError, psycopg2.InternalError)


def offered(
    url: SecretStr | None, feedback: Feedback, table: str | None, marks: Sequence[str], *, may: bool
) -> dict[str, Any]:
    """What a person can say of some marks here, and what was said of them; where it is not possible, why not.

    Args:
        url: Of the login that writes; None where none is set.
        table: Where it is said; None where the catalogue names no such table.
        may: Whether the person may start runs of the DAG that reads it.

    Returns:
        ``told``: how it stands, as a sentence; ``may``; ``answers``; ``said``, as `said` tells it; ``longest`` note.
    """
    found: dict[str, Any] = {"may": False, "said": {}, "longest": LONGEST_NOTE}
    found["answers"] = [vars(answer) for answer in feedback.answers]
    if table is None:
        return {**found, "told": "Nobody can confirm or dismiss: the catalogue names no table of feedback."}
    if url is None:
        told = f"Say what you think of one by SQL, in the table {table}. By a click it is not possible: {SETTING}"
        return {**found, "told": f"{told} is not set."}
    try:
        found["said"] = said(url, feedback, table, marks)
    except BrainError as error:
        return {**found, "told": f"What people said is not to be had: {error}"}
    if not may:
        return {**found, "told": f"Who may start runs of {feedback.dag} in Airflow may say what they think of one."}
    told = f"Say what you think of one: it goes into the table {table}, and the next run of {feedback.dag} reads it."
    return {**found, "may": True, "told": told}


def said(url: SecretStr, feedback: Feedback, table: str, marks: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What people have said of some marks, by mark: ``verdict``, ``note``, and ``by`` and ``at`` as far as it is known.

    Raises:
        BrainError: The database does not answer, or the table cannot be read.
    """
    with _asking(url, table) as reader:
        names = [feedback.verdict, feedback.note, *_known(reader, feedback, table)]
        query = sql.SQL("SELECT {mark}, {names} FROM {table} WHERE {mark} = ANY(%s)").format(
            mark=sql.Identifier(feedback.mark),
            names=COMMA.join(map(sql.Identifier, names)),
            table=sql.Identifier(table),
        )
        return {mark: _told(feedback, names, told) for mark, *told in reader.rows(query, [list(marks)])}


def say(url: SecretStr, feedback: Feedback, table: str, mark: str, answer: tuple[str, str], who: str) -> dict[str, Any]:
    """Write what a person says of a mark, in place of what was said before.

    Args:
        answer: The verdict, empty where a former one is taken back, and a note.
        who: The person's name; kept where the table has a column for it, with the time.

    Returns:
        As `said` tells it.

    Raises:
        BrainError: The database does not answer, or the login may not write the table.
    """
    verdict, note = answer
    with _asking(url, table) as reader:
        known = _known(reader, feedback, table)
        values = {feedback.mark: mark, feedback.verdict: verdict or None, feedback.note: note or None}
        values |= {feedback.by: who} if feedback.by in known else {}
        names = [*values, *([feedback.at] if feedback.at in known else [])]
        query = sql.SQL(
            "INSERT INTO {table} ({names}) VALUES ({values}) ON CONFLICT ({mark}) DO UPDATE SET {sets} RETURNING {told}"
        ).format(
            table=sql.Identifier(table),
            names=COMMA.join(map(sql.Identifier, names)),
            values=COMMA.join([sql.Placeholder() if name in values else sql.SQL("now()") for name in names]),
            mark=sql.Identifier(feedback.mark),
            sets=COMMA.join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in names[1:]),
            told=COMMA.join(map(sql.Identifier, names[1:])),
        )
        (row,) = reader.rows(query, list(values.values()))
        return _told(feedback, names[1:], row)


def problem_with(feedback: Feedback, verdict: str, note: str) -> str:
    """Why an answer cannot be one, for people; empty where it can."""
    possible = [answer.verdict for answer in feedback.answers]
    if verdict and verdict not in possible:
        return f"The verdict {verdict[:40]!r} is none: say {' or '.join(possible)}, or nothing to take it back."
    if len(note) > LONGEST_NOTE:
        return f"The note has {len(note)} characters; write at most {LONGEST_NOTE}."
    return "The note holds a character that no table keeps (NUL)." if "\0" in note else ""


def _known(reader: Reader, feedback: Feedback, table: str) -> list[str]:
    """Which of the columns that tell who and when the table has."""
    there = {name for (name,) in reader.rows(_COLUMNS, [table])}
    return [name for name in (feedback.by, feedback.at) if name in there]


def _told(feedback: Feedback, names: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    told = dict(zip(names, row, strict=True))
    words = {"verdict": feedback.verdict, "note": feedback.note, "by": feedback.by, "at": feedback.at}
    return {word: told.get(name) for word, name in words.items()}


@contextmanager
def _asking(url: SecretStr, table: str) -> Iterator[Reader]:
    with transaction(url, SETTING) as connection, connection.cursor() as cursor:
        cursor.execute(PATIENCE)
        try:
            yield Reader(cursor)
        except (*_REFUSED, psycopg2.errors.QueryCanceled) as error:
            raise QueryRefused(
                f"the table {table!r}",
                found=str(error).strip().splitlines()[0],
                expected=f"a table that the login of {SETTING} may read and add to",
                remedy="docs/page.md says what it needs. By SQL you can say the same.",
            ) from error
