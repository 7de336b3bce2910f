"""A new release or catalogue reaches the tables of an existing warehouse, and nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from psycopg2 import sql

from brain.core.errors import PublishError
from brain.warehouse.connection import transaction
from brain.warehouse.evolution import read_facts
from brain.warehouse.tables import Column, DerivedTable, PublishedTable
from tests.warehouse.conftest import MONDAY, SALES, TUESDAY, WEDNESDAY, execute, frame, show, told

if TYPE_CHECKING:
    from brain.core.settings import Settings

COLOUR = Column("Colour", "text", "Colour of most pieces.")
BERN, THUN = ("Bern", 1, 10, 2.5), ("Thun", 1, 7, 3.5)


def with_columns(table: PublishedTable, *columns: Column, without: str = "") -> PublishedTable:
    """The table with some columns changed, added at its end, or left out."""
    changed = {column.name: column for column in columns}
    kept = tuple(changed.pop(column.name, column) for column in table.columns if column.name != without)
    return replace(table, columns=(*kept, *changed.values()))


def comments(settings: Settings, name: str) -> dict[str, str | None]:
    with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        facts = read_facts(cursor, [name])[name]
    return {"": facts.comment, **{name: column.comment for name, column in facts.columns.items()}}


def test_the_table_and_every_column_say_in_the_warehouse_what_they_mean(settings: Settings) -> None:
    show(settings, SALES, frame(BERN))
    meanings = {column.identifier: column.meaning for column in SALES.columns}
    assert comments(settings, "sales") == {"": SALES.meaning, **meanings}
    history = comments(settings, "sales_history")
    assert history.pop("") == "All that was ever published."
    assert history == {name: meanings[name] for name in history}
    assert list(history)[:4] == ["shop", "day", "as_of", "published_at"]


def test_a_column_added_in_a_release_reaches_table_and_history(settings: Settings) -> None:
    show(settings, SALES, frame(BERN, THUN))
    grown = with_columns(SALES, COLOUR)
    show(settings, grown, frame(BERN, ("Thun", 1, None, None)).assign(Colour=pd.Series(["red", None])), TUESDAY)
    assert told(settings, "SELECT shop, pieces, Colour, stale FROM sales ORDER BY 1") == [
        ("Bern", 10, "red", False),
        ("Thun", 7, None, True),
    ]
    assert told(settings, "SELECT shop, Colour FROM sales_history ORDER BY published_at, shop") == [
        ("Bern", None),
        ("Thun", None),
        ("Bern", "red"),
    ]
    assert comments(settings, "sales_history")["colour"] == COLOUR.meaning


def test_a_required_column_added_in_a_release_binds_new_rows_only(settings: Settings) -> None:
    show(settings, SALES, frame(BERN))
    grown = with_columns(SALES, replace(COLOUR, required=True))
    with pytest.raises(PublishError, match="1 rows with a value and without all of as_of, Colour; the first is Thun 1"):
        show(settings, grown, frame(BERN, THUN).assign(Colour=pd.Series(["red", None])), TUESDAY)
    show(settings, grown, frame(BERN, THUN).assign(Colour="red"), TUESDAY)
    assert told(settings, "SELECT count(*), count(Colour) FROM sales_history") == [(3, 2)]


def test_a_column_that_is_no_longer_declared_stays_and_is_empty_in_new_rows(settings: Settings) -> None:
    colour = replace(COLOUR, required=True)
    show(settings, with_columns(SALES, colour), frame(BERN, THUN).assign(Colour="red"))
    show(settings, SALES, frame(("Bern", 1, 11, 2.5), ("Thun", 1, None, None)), TUESDAY)
    assert told(settings, "SELECT shop, pieces, Colour FROM sales ORDER BY 1") == [
        ("Bern", 11, None),
        ("Thun", 7, "red"),
    ]
    assert told(settings, "SELECT shop, Colour FROM sales_history ORDER BY published_at, shop") == [
        ("Bern", "red"),
        ("Thun", "red"),
        ("Bern", None),
    ]


def test_a_derived_table_grows_and_empties_its_columns_and_views_on_it_survive(settings: Settings) -> None:
    def wide(*days: int) -> DerivedTable:
        columns = tuple(Column(f"{day} days", "bigint", f"Pieces in {day} days.") for day in days)
        values = [sql.SQL("max(pieces) FILTER (WHERE day = {})").format(sql.Literal(day)) for day in days]
        select = sql.SQL("SELECT {} FROM sales GROUP BY shop").format(sql.SQL(", ").join([sql.SQL("shop"), *values]))
        return DerivedTable(
            "Shops", "A row per shop.", ("Shop",), (Column("Shop", "text", "The shop."), *columns), select
        )

    show(settings, SALES, frame(BERN, ("Bern", 2, 20, 1.0), THUN), MONDAY, [wide(1)])
    execute(settings, 'CREATE VIEW tomorrow AS SELECT Shop, "1 days" FROM Shops')
    show(settings, SALES, frame(BERN, ("Bern", 2, 20, 1.0)), TUESDAY, [wide(2)])
    assert told(settings, 'SELECT Shop, "1 days", "2 days" FROM shops') == [("Bern", None, 20)]
    assert told(settings, "SELECT * FROM tomorrow") == [("Bern", None)]
    show(settings, SALES, frame(BERN, ("Bern", 2, 20, 1.0)), TUESDAY, [wide(1, 2)])
    assert told(settings, 'SELECT Shop, "1 days", "2 days" FROM shops') == [("Bern", 10, 20)]


def test_a_column_of_another_type_is_an_error_that_says_what_to_do_and_changes_nothing(settings: Settings) -> None:
    show(settings, SALES, frame(BERN))
    before = told(settings, "SELECT * FROM sales"), comments(settings, "sales")
    other = with_columns(SALES, COLOUR, Column("Mean Price", "text", "In words."))
    with pytest.raises(
        PublishError, match=r"sales\.Mean Price: found a column of type double precision; expected the "
    ):
        show(settings, other, frame(("Bern", 1, 11, "cheap")).assign(Colour="red"), TUESDAY)
    assert (told(settings, "SELECT * FROM sales"), comments(settings, "sales")) == before
    assert told(settings, "SELECT count(*) FROM sales_history") == [(1,)]


def test_the_remedy_for_another_type_works(settings: Settings) -> None:
    show(settings, SALES, frame(BERN))
    other = with_columns(SALES, Column("Mean Price", "text", "In words."))
    for table in ("sales", "sales_history"):
        execute(settings, f'ALTER TABLE {table} ALTER COLUMN "Mean Price" TYPE text USING "Mean Price"::text')
    show(settings, other, frame(("Bern", 1, 11, "cheap")), TUESDAY)
    assert told(settings, 'SELECT "Mean Price" FROM sales_history ORDER BY published_at') == [("2.5",), ("cheap",)]


def test_a_new_limit_holds_for_new_rows_and_leaves_the_old_ones(settings: Settings) -> None:
    show(settings, SALES, frame(("Bern", 1, 900, 2.5)))
    narrower = with_columns(SALES, replace(SALES.column("pieces"), high=500))
    with pytest.raises(PublishError, match=r"sales: found .*sales_pieces_check"):
        show(settings, narrower, frame(("Bern", 1, 501, 2.5)), TUESDAY)
    show(settings, narrower, frame(("Thun", 1, 500, 2.5)), TUESDAY)
    assert told(settings, "SELECT pieces FROM sales_history ORDER BY 1") == [(500,), (900,)]
    with pytest.raises(Exception, match="sales_pieces_check"):
        execute(settings, "UPDATE sales SET pieces = 501")


def test_a_limit_that_was_lifted_no_longer_holds(settings: Settings) -> None:
    show(settings, SALES, frame(BERN))
    wider = with_columns(SALES, replace(SALES.column("pieces"), high=None))
    show(settings, wider, frame(("Bern", 1, 5000, 2.5)), TUESDAY)
    widest = with_columns(SALES, replace(SALES.column("pieces"), low=None, high=None))
    show(settings, widest, frame(("Bern", 1, -1, 2.5)), WEDNESDAY)
    assert told(settings, "SELECT pieces FROM sales") == [(-1,)]


def test_a_meaning_that_changed_is_told_anew(settings: Settings) -> None:
    show(settings, SALES, frame(BERN))
    clearer = replace(with_columns(SALES, replace(SALES.column("day"), meaning="Days after as_of.")), meaning="Sales.")
    show(settings, clearer, frame(BERN), TUESDAY)
    found = comments(settings, "sales")
    assert (found[""], found["day"]) == ("Sales.", "Days after as_of.")


def grown(default: Any) -> PublishedTable:
    country = Column("country", "text", "The country of the shop.", default=default)
    return replace(SALES, key=("country", "shop", "day"), columns=(country, *SALES.columns))


def test_a_key_may_grow_by_a_column_with_a_default(settings: Settings) -> None:
    show(settings, SALES, frame(BERN, THUN))
    rows = frame(BERN, ("Bern", 1, 3, 1.0), ("Thun", 1, None, None)).assign(country=["CH", "US", "CH"])
    show(settings, grown("CH"), rows, TUESDAY)
    assert told(settings, "SELECT country, shop, pieces, stale FROM sales ORDER BY 1, 2") == [
        ("CH", "Bern", 10, False),
        ("CH", "Thun", 7, True),
        ("US", "Bern", 3, False),
    ]
    assert told(settings, "SELECT country, shop, pieces FROM sales_history ORDER BY published_at, 1, 2") == [
        ("CH", "Bern", 10),
        ("CH", "Thun", 7),
        ("US", "Bern", 3),
    ]


@pytest.mark.parametrize(
    "table", [grown(None), replace(SALES, key=("shop",))], ids=["grown without a default", "shorter"]
)
def test_a_key_that_would_lose_rows_is_refused_and_nothing_is_changed(
    settings: Settings, table: PublishedTable
) -> None:
    show(settings, SALES, frame(BERN))
    rows = frame(THUN).assign(country="CH") if "country" in table.key else frame(THUN)
    with pytest.raises(PublishError, match=r"sales: found a table with the key \(shop, day\); expected the key"):
        show(settings, table, rows, TUESDAY)
    assert told(settings, "SELECT shop FROM sales") == [("Bern",)]


def test_a_view_in_the_place_of_a_table_is_refused(settings: Settings) -> None:
    execute(settings, "CREATE VIEW sales AS SELECT 1 AS shop")
    with pytest.raises(PublishError, match="sales: found something of that name that is not a table"):
        show(settings, SALES, frame(BERN))


def test_a_publication_that_changes_no_declaration_does_not_wait_for_readers(settings: Settings) -> None:
    """ALTER TABLE would wait for the reader, and all later readers for it."""
    show(settings, SALES, frame(BERN))
    assert settings.reader_url is not None
    with transaction(settings.reader_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sales, sales_history")
        show(settings, SALES, frame(BERN, THUN), TUESDAY)
    assert told(settings, "SELECT count(*) FROM sales") == [(2,)]


def test_the_reader_gets_back_the_right_it_lost(settings: Settings) -> None:
    show(settings, SALES, frame(BERN))
    execute(settings, "REVOKE SELECT ON sales, sales_history FROM bi_reader")
    show(settings, SALES, frame(BERN), TUESDAY)
    rights = (
        "SELECT has_table_privilege('bi_reader', name, 'SELECT') FROM (VALUES ('sales'), ('sales_history')) t(name)"
    )
    assert told(settings, rights) == [(True,), (True,)]


def test_a_role_that_may_not_create_tables_is_told_what_it_lacks(settings: Settings) -> None:
    execute(settings, "REVOKE CREATE ON SCHEMA public FROM CURRENT_USER")
    with pytest.raises(PublishError, match="found permission denied for schema public; expected a role that owns"):
        show(settings, SALES, frame(BERN))


def test_what_readers_have_to_pass_does_not_grow_with_every_publication(settings: Settings) -> None:
    """Also in a warehouse of an earlier release, whose pages were filled to the brim."""
    show(settings, SALES, frame(BERN))
    execute(settings, "ALTER TABLE sales RESET (fillfactor)")
    shops = [(f"shop {number}", 1, 10, 2.5) for number in range(500)]
    sizes = []
    for turn in range(12):
        show(settings, SALES, frame(*shops).assign(pieces=turn), TUESDAY)
        sizes += told(settings, "SELECT pg_relation_size('sales') / 8192")
    assert sizes[-1] == sizes[3]
