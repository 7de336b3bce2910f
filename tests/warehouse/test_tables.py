"""What a declaration makes of the rows of a run, and which declarations are mistakes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from brain.core.errors import PublishError
from brain.warehouse.grid import complete
from brain.warehouse.publish import Publication, TableCounts, TableRows, publish
from brain.warehouse.tables import Column, PublishedTable, folded, spelled
from tests.warehouse.conftest import MONDAY, SALES, TUESDAY, frame, show, told

if TYPE_CHECKING:
    from brain.core.settings import Settings

BERN, THUN = ("Bern", 1, 10, 2.5), ("Thun", 1, 7, 3.5)
DROPPING = replace(SALES, unscored="drop")


def test_a_row_that_was_not_computed_is_kept_and_marked_stale(settings: Settings) -> None:
    show(settings, SALES, frame(BERN, THUN))
    done = show(settings, SALES, frame(("Bern", 1, 11, 2.5), ("Thun", 1, None, None), ("Chur", 1, None, None)), TUESDAY)
    assert done.tables == {"sales": TableCounts(fresh=1, stale=2, departed=0, remembered=1)}
    assert told(settings, "SELECT shop, pieces, stale, reason, published_at FROM sales ORDER BY 1") == [
        ("Bern", 11, False, None, TUESDAY.at),
        ("Chur", None, True, "no model", None),
        ("Thun", 7, True, "no model", MONDAY.at),
    ]


def test_a_table_that_drops_such_rows_shows_only_what_was_computed(settings: Settings) -> None:
    show(settings, DROPPING, frame(BERN, THUN, ("Chur", 1, 1, 1.0)))
    done = show(
        settings, DROPPING, frame(("Bern", 1, 11, 2.5), ("Thun", 1, None, None), ("Basel", 1, None, None)), TUESDAY
    )
    assert done.tables == {"sales": TableCounts(fresh=1, stale=0, departed=2, remembered=1, gone=("Chur",))}
    assert told(settings, "SELECT shop, pieces FROM sales") == [("Bern", 11)]
    assert done.gone == ["Chur"], "Thun is expected, and could not be computed"
    assert told(settings, "SELECT count(*) FROM sales_history") == [(4,)]


def test_a_table_without_history_stale_and_reason_is_enough(settings: Settings) -> None:
    columns = tuple(column for column in SALES.columns if column.name not in ("stale", "reason"))
    plain = replace(DROPPING, columns=columns, history=None, model=None)
    show(settings, plain, frame(BERN, ("Thun", 1, None, None)))
    assert told(settings, "SELECT shop FROM sales") == [("Bern",)]
    assert told(settings, "SELECT to_regclass('sales_history')") == [(None,)]


@pytest.mark.parametrize(
    "text", ["", "a,b", 'say "hi"', "two\nlines", "carriage\rreturn", "\\.", "\\N", "NULL", "naïve 100 % ✓", " "]
)
def test_text_survives_the_trip(settings: Settings, text: str) -> None:
    show(settings, SALES, frame((f"shop {text}", 1, None, None)).assign(reason=text))
    assert told(settings, "SELECT shop, reason FROM sales") == [(f"shop {text}", text or None)]


def test_numbers_survive_the_trip(settings: Settings) -> None:
    exact = [0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0, 1 / 3, float("inf")]
    whole = 9_007_199_254_740_993
    table = replace(SALES, columns=tuple(replace(column, high=None) for column in SALES.columns))
    show(settings, table, frame(*((f"{place}", 1, whole, number) for place, number in enumerate(exact))))
    assert [price for (price,) in told(settings, 'SELECT "Mean Price" FROM sales ORDER BY shop')] == exact
    assert told(settings, "SELECT DISTINCT pieces FROM sales") == [(whole,)]


def test_several_tables_are_published_together_or_not_at_all(settings: Settings) -> None:
    def both(first: pd.DataFrame, second: pd.DataFrame) -> list[TableRows]:
        other = replace(SALES, name="sales_of_tea", history=None)
        return [TableRows(SALES, complete(SALES, first, None)), TableRows(other, complete(other, second, None))]

    done = publish(settings.warehouse_url, "shops", both(frame(BERN, THUN), frame(BERN)), [], MONDAY)
    assert (done.fresh, list(done.tables)) == (3, ["sales", "sales_of_tea"])
    with pytest.raises(PublishError, match=r"sales_of_tea: found .*Failing row contains"):
        publish(
            settings.warehouse_url, "shops", both(frame(("Bern", 1, 11, 1.0)), frame(("Bern", 1, -1, 1.0))), [], TUESDAY
        )
    assert told(settings, "SELECT pieces FROM sales ORDER BY 1") == [(7,), (10,)]


def test_a_value_of_the_wrong_type_is_refused_and_named(settings: Settings) -> None:
    with pytest.raises(
        PublishError, match=r'found invalid input syntax .*COPY staged_sales, line 1, column Mean Price: "cheap"'
    ):
        show(settings, SALES, frame(("Bern", 1, 11, "cheap")))


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        ({"value": "price"}, "sales lacks price"),
        ({"value": "shop"}, "cannot be key and value"),
        ({"key": ("shop", "hour")}, "sales lacks a column"),
        ({"key": ()}, "sales has no key"),
        ({"columns": (*SALES.columns, SALES.columns[0])}, "two columns of one name"),
        ({"columns": (*SALES.columns, Column("Shop", "text", "Folds to shop."))}, "two columns of one name"),
        ({"columns": tuple(c for c in SALES.columns if c.name != "stale")}, "sales lacks stale"),
        ({"columns": tuple(replace(c, required=False) for c in SALES.columns)}, "as_of has to be required"),
        ({"columns": (*SALES.columns, Column("x" * 64, "text", "Long."))}, "longer than 63 bytes"),
        ({"columns": (*SALES.columns, Column("x" * 60, "integer", "Long.", low=0))}, "longer than 63 bytes"),
        ({"columns": (*SALES.columns, Column("100 %", "text", "A sign."))}, "'100 %' is no name"),
    ],
)
def test_a_mistake_in_a_declaration_shows_where_it_is_made(changes: dict[str, Any], mistake: str) -> None:
    with pytest.raises(ValueError, match=mistake):
        replace(SALES, **changes)


def test_a_name_is_what_a_person_writes_in_sql() -> None:
    assert [folded(name) for name in ("As_Of", "5_Day_Probability", "Mean Price")] == [
        "as_of",
        "5_Day_Probability",
        "Mean Price",
    ]
    assert [spelled(name) for name in ("As_Of", "5_Day_Probability")] == ["As_Of", '"5_Day_Probability"']


def test_a_use_case_fills_every_column_but_those_of_the_publisher() -> None:
    assert isinstance(SALES, PublishedTable)
    assert SALES.row_names == ("shop", "day", "as_of", "pieces", "Mean Price", "version", "reason")


def test_a_publication_counts_over_all_its_tables() -> None:
    done = Publication(MONDAY.at, {"sales": TableCounts(1, 2, 3, 4), "stock": TableCounts(10, 20, 30, 40)})
    assert (done.fresh, done.stale, done.departed) == (11, 22, 33)


@pytest.mark.parametrize("value", [10, None])
def test_a_row_with_a_value_has_all_that_its_table_requires(settings: Settings, value: int | None) -> None:
    lacking = frame(("Bern", 1, 10, 2.5), ("Thun", 1, value, 2.5), ("Thun", 2, value, 2.5))
    lacking.loc[1:, "as_of"] = None
    if value is None:
        assert show(settings, SALES, lacking).fresh == 1
        return
    with pytest.raises(PublishError, match="found 2 rows with a value and without all of as_of; the first is Thun 1"):
        show(settings, SALES, lacking)
