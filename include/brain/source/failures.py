"""What a database driver's error means for a table, in our words and without secrets."""

from __future__ import annotations

import re

import sqlalchemy as sa

from brain.core.connections import reason_of, refusal, said_by, server_of
from brain.core.errors import BrainError, CredentialsRejected, ServerNotTrusted, SettingsError, SourceTableError


def missing_table(table: str, schema: str | None) -> SourceTableError:
    """The error for a table that is not there."""
    return SourceTableError(
        table,
        found=f"no such table or view in {f'schema {schema!r}' if schema else 'the default schema'}",
        expected="the table that the catalogue names",
        remedy="Create it, or correct `table` or `source.schema` in the catalogue.",
    )


_SETTING = "BRAIN_SOURCE_URL or the Airflow connection brain_source"
_DATABASE = re.compile(r"database .* does not exist|Unknown database|unable to open database file", re.I)
_NO_TABLE = re.compile(r"no such table|does not exist|doesn't exist|no such column", re.I)
_DENIED = re.compile(r"permission denied|insufficient.?privilege", re.I)


def explain(error: Exception, url: sa.URL, table: str) -> BrainError:
    """What a driver's error means for the table; the text never holds the password."""
    cause, reason = said_by(error), reason_of(error, url)
    refused = refusal(error, url, _SETTING)
    if isinstance(refused, (CredentialsRejected, ServerNotTrusted)):
        return refused
    if _DATABASE.search(cause):
        return SettingsError(
            server_of(url),
            found=reason,
            expected="an existing database",
            remedy="Correct the database in BRAIN_SOURCE_URL.",
        )
    if _DENIED.search(cause):
        return SourceTableError(
            table,
            found=reason,
            expected=f"user {url.username!r} to be allowed to read it",
            remedy="Grant SELECT on the table and USAGE on its schema to that user.",
        )
    if _NO_TABLE.search(cause):
        return SourceTableError(
            table,
            found=reason,
            expected="a table that stays as it is while it is read",
            remedy="Restore the table or column, or correct the catalogue, then run the extraction again.",
        )
    if isinstance(error, (sa.exc.ProgrammingError, sa.exc.DataError, sa.exc.NotSupportedError)):
        return SourceTableError(
            table, found=reason, expected="a readable table", remedy="Correct the table, then extract again."
        )
    return refused
