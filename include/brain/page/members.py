"""Who is on lists or in groups: found by the beginning of a name, which the table's key answers at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import sql

from brain.core.errors import ModelNotFound
from brain.page.reading import reading
from brain.usecases.page import Groups, Lists

if TYPE_CHECKING:
    from pydantic import SecretStr

    from brain.page.reading import Reader
    from brain.usecases.page import Page
    from brain.warehouse.tables import PublishedTable

MOST = 20  # names that are offered
LOOKED_AT = 200  # names after the beginning, among which those that begin with it stand in any collation


def names(url: SecretStr, page: Lists | Groups, beginning: str) -> list[str]:
    """The first members in order whose name begins so; without a beginning, the first of all.

    Raises:
        BrainError: The warehouse does not answer, or its table cannot be read.
    """
    with reading(url) as reader:
        table = _table(page)
        if "\0" in beginning or not reader.has(table.layout.identifier):
            return []
        query = sql.SQL(
            "SELECT name FROM (SELECT DISTINCT {member} AS name FROM {table} WHERE {member} >= %s ORDER BY 1 LIMIT %s)"
            " AS next WHERE starts_with(name, %s) AND name <> %s LIMIT %s"
        ).format(member=sql.Identifier(page.member), table=sql.Identifier(table.layout.identifier))
        anyone = page.anyone if isinstance(page, Lists) else ""
        return [name for (name,) in reader.rows(query, [beginning, LOOKED_AT, beginning, anyone, MOST])]


def knows(url: SecretStr, page: Lists | Groups, name: str) -> bool:
    """Whether anything is published of a member of that name.

    Raises:
        BrainError: The warehouse does not answer, or its table cannot be read.
    """
    with reading(url) as reader:
        return has_member(reader, page, name)


def has_member(reader: Reader, page: Lists | Groups, name: str) -> bool:
    """Whether anything is published of a member of that name."""
    table = _table(page)
    if "\0" in name or not reader.has(table.layout.identifier):
        return False
    query = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {} = %s)").format(
        sql.Identifier(table.layout.identifier), sql.Identifier(page.member)
    )
    ((there,),) = reader.rows(query, [name])
    return bool(there)


def unknown_member(page: Page, name: str) -> ModelNotFound:
    """What is said of a name that is not published."""
    return ModelNotFound(
        f"{page.words.member} {name!r}",
        found="nothing that is published",
        expected=f"a {page.words.member} as the source writes it",
        remedy="Go back to the overview and search by the beginning of the name.",
    )


def _table(page: Lists | Groups) -> PublishedTable:
    return page.lines if isinstance(page, Lists) else page.members
