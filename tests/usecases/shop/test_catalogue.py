"""A shop is described in a few lines, once for every use case that is about it."""

from __future__ import annotations

import pytest

from brain.core.catalogue import parse_catalogue
from brain.core.errors import CatalogueError
from brain.core.section import Section
from brain.usecases.shop.catalogue import ShopSection


class Some:
    """As much of a use case as the catalogue asks for."""

    section: type[Section] = ShopSection
    top_level: tuple[str, ...] = ()


BOTH = {"one": Some(), "other": Some()}


def sections(text: str) -> dict[str, ShopSection]:
    found = parse_catalogue(text, BOTH).sections
    assert all(isinstance(section, ShopSection) for section in found.values())
    return dict(found)  # type: ignore[arg-type]


def test_four_lines_describe_a_shop() -> None:
    found = sections("use_cases:\n  one:\n    shop: {orders: sales, window: 90 days}\n  other:\n")
    shop = found["one"].shop
    assert (shop.orders.table, shop.orders.customer, shop.orders.time, shop.window) == (
        "sales",
        "customer",
        "time",
        "90d",
    )
    assert found["other"].shop == shop


def test_columns_are_named_where_they_are_called_otherwise() -> None:
    text = """
use_cases:
  one:
    shop:
      orders: {table: lines, customer: user, item: null, time: at, quantity: n, value: paid}
      items: products
"""
    shop = sections(text)["one"].shop
    assert (shop.orders.item, shop.orders.value) == (None, "paid")
    assert shop.items is not None
    assert shop.items.table == "products"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("use_cases: {one: {}}", "'one' without a 'shop', and no other use case with one|`one` without a `shop`"),
        ("use_cases: {one: {shop: {orders: {tabel: x}}}}", "tabel: there is no such setting"),
        ("use_cases: {one: {shop: {orders: x, window: long}}}", "window"),
    ],
)
def test_a_mistake_is_named(text: str, told: str) -> None:
    with pytest.raises(CatalogueError, match=told):
        parse_catalogue(text, BOTH)
