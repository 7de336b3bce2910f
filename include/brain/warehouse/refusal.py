"""What PostgreSQL refuses, in words that say what to do."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from psycopg2 import DataError, IntegrityError
from psycopg2.errors import InsufficientPrivilege

from brain.core.errors import PublishError
from brain.warehouse.tables import STAGED

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def explained() -> Iterator[None]:
    """Turn PostgreSQL's refusal of rows or of a right into an error that says what to do.

    Raises:
        PublishError: PostgreSQL refused; nothing was changed.
    """
    try:
        yield
    except (DataError, IntegrityError) as error:
        told = error.diag
        raise PublishError(
            (told.table_name or "warehouse").removeprefix(STAGED),
            found=f"{told.message_primary} ({told.message_detail or told.context})",
            expected="rows as the table declares them",
            remedy="Nothing was published. Look at what scores these rows.",
        ) from error
    except InsufficientPrivilege as error:
        raise PublishError(
            "warehouse",
            found=str(error.diag.message_primary),
            expected="a role that owns the published tables and may create tables in their schema",
            remedy="Nothing was published. Give the tables to that role (ALTER TABLE … OWNER TO …) or GRANT CREATE ON"
            " SCHEMA … TO it.",
        ) from error
