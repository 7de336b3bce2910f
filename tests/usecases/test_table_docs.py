"""The page on the published tables is what the declarations say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from brain.usecases.table_docs import documented, render
from brain.warehouse.docs import describe
from brain.warehouse.tables import DerivedTable
from tests.warehouse.conftest import SALES

PAGE = Path(__file__).parents[2] / "docs/tables.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run `make docs`"


def test_every_column_and_its_meaning_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for tables in documented().values():
        for table in tables:
            assert f"\n## {table.name}\n\n{table.meaning}\n" in page
            assert all(column.meaning in page for column in table.columns)
            assert isinstance(table, DerivedTable) or table.history is None or f"`{table.history.name}`" in page


def test_a_table_says_what_becomes_of_rows_that_could_not_be_computed() -> None:
    assert "keeps its last published values, marked `stale`" in describe(SALES)
    assert "could not be computed is not shown" in describe(replace(SALES, unscored="drop"))


def test_limits_and_quotes_are_shown() -> None:
    lines = describe(SALES).splitlines()
    assert "| `pieces` | bigint, 0 to 1000 | Pieces that are likely to be sold; 100 % sure is nobody. |" in lines
    assert "| `day` | integer, never empty, at least 1 | Days ahead. |" in lines
    assert '| `"Mean Price"` | double precision | Of a piece, in francs. |' in lines
