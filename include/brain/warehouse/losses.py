"""What forecasts would score that no ledger has, by the ledger's own SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
from psycopg2 import sql

from brain.warehouse import ledger_statements as statements
from brain.warehouse.bulk import copy_in
from brain.warehouse.connection import transaction
from brain.warehouse.refusal import explained
from brain.warehouse.statements import COMMA, create_temporary, identifiers
from brain.warehouse.tables import Layout

if TYPE_CHECKING:
    from pydantic import SecretStr

    from brain.warehouse.ledger import Ledger

LOSS = "loss"
_KEPT = "hindcast_rows"


def losses(url: SecretStr, ledger: Ledger, rows: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """The first of a ledger's scores, of every row whose outcome is known; a ledger itself is not looked at.

    Args:
        rows: What was said: the ledger's key, and what it keeps.
        outcomes: As `UseCase.outcomes` gives them.

    Returns:
        The key and ``loss``, ordered by the key.
    """
    said = Layout(
        _KEPT, "", ledger.key, tuple(c for c in ledger.layout.columns if c.name in (*ledger.key, *ledger.kept))
    )
    found = statements.found_layout(ledger)
    key = statements.names(ledger.key)
    with explained(), transaction(url) as connection, connection.cursor() as cursor:
        for layout, frame in ((said, rows), (found, outcomes)):
            names = [column.name for column in layout.columns]
            cursor.execute(create_temporary(layout))
            copy = sql.SQL("COPY {} ({}) FROM STDIN WITH (FORMAT csv)").format(
                sql.Identifier(layout.identifier), COMMA.join(identifiers(layout.columns))
            )
            copy_in(cursor, copy, pa.Table.from_pandas(frame[names], preserve_index=False))
        cursor.execute(
            sql.SQL(
                "SELECT {key}, {score} FROM {said} AS kept JOIN {found} AS found USING ({names}) ORDER BY {key}"
            ).format(
                key=COMMA.join(sql.SQL("kept.{}").format(name) for name in key),
                score=ledger.scoring.score(ledger.scoring.scores[0].name),
                said=sql.Identifier(said.identifier),
                found=sql.Identifier(found.identifier),
                names=COMMA.join(key),
            )
        )
        return pd.DataFrame(cursor.fetchall(), columns=[*ledger.key, LOSS])
