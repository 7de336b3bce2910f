"""docs/tables.md, made from the declarations: ``python -m brain.usecases.table_docs docs/tables.md``."""

from __future__ import annotations

import sys
from pathlib import Path

from brain.usecases import USE_CASES
from brain.usecases.published import SHARED
from brain.warehouse.docs import describe
from brain.warehouse.views import describe_view

HEAD = """# The tables in the warehouse

<!-- Made by `make docs` from the declarations; change those, not this page. -->

The tables of a use case are replaced together in one transaction: a reader sees all of the old or all of the new. The
role `bi_reader` may read them. Every sentence on a column is also its comment in the database (`\\d+` in psql). A name
in quotes is to be quoted in SQL.

A column that a release or the catalogue adds is added to an existing warehouse; one that is no longer declared stays,
empty in new rows. A column whose type differs from the declared one stops the publication, and nothing is changed."""


def render() -> str:
    """The page as Markdown."""
    parts = [HEAD]
    for name, use_case in USE_CASES.items():
        parts += [f"# {name}", *map(describe, use_case.tables)]
        parts += map(describe, use_case.derived(use_case.example))
        parts += [describe(ledger.layout) for ledger in use_case.ledgers]
        parts += map(describe_view, use_case.views)
        parts += [describe(ledger.blocks) for ledger in use_case.ledgers]
    return "\n\n".join([*parts, "# All use cases", *map(describe, SHARED)]) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(), encoding="utf-8")
