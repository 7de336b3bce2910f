"""docs/tables.md, made from the declarations: ``python -m brain.usecases.table_docs docs/tables.md``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from brain.core.catalogue import parse_catalogue
from brain.usecases import USE_CASES
from brain.warehouse.docs import describe
from brain.warehouse.extraction_runs import EXTRACTION_RUNS

if TYPE_CHECKING:
    from brain.warehouse.tables import DerivedTable, PublishedTable

CATALOGUE = "assets: [GOLD]"  # all settings as they are by default: the page shows the columns that these give

HEAD = """# The tables in the warehouse

<!-- Made by `make docs` from the declarations; change those, not this page. -->

The tables of a use case are replaced together in one transaction: a reader sees all of the old or all of the new. The
role `bi_reader` may read them. Every sentence on a column is also its comment in the database (`\\d+` in psql). A name
in quotes is to be quoted in SQL.

A column that a release or the catalogue adds is added to an existing warehouse; one that is no longer declared stays,
empty in new rows. A column whose type differs from the declared one stops the publication, and nothing is changed."""


def documented() -> dict[str, tuple[PublishedTable | DerivedTable, ...]]:
    """The tables of each use case, by its name."""
    sections = parse_catalogue(CATALOGUE, USE_CASES).sections
    return {
        name: (*use_case.tables, *use_case.derived(sections.get(name) or use_case.section()))
        for name, use_case in USE_CASES.items()
    }


def render() -> str:
    """The page as Markdown."""
    parts = [HEAD]
    for use_case, tables in documented().items():
        parts += [f"# {use_case}", *map(describe, tables)]
    return "\n\n".join([*parts, "# All use cases", describe(EXTRACTION_RUNS)]) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(), encoding="utf-8")
