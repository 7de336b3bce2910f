"""Which tables extraction reads for a shop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brain.core.source_table import KeyKind, SourceTable
from brain.usecases.protocol import Input
from brain.usecases.shop.quality import linked_check, orders_check

if TYPE_CHECKING:
    from brain.usecases.shop.catalogue import ShopSettings

CUSTOMERS, ITEMS = "customers", "items"


def linked_name(shop: ShopSettings, table: str) -> str:
    """What the snapshots of a linked table are called."""
    return f"{shop.name} {table}"


def shop_inputs(shop: ShopSettings, use_case: str, space: str) -> tuple[Input, ...]:
    """The orders, and the linked tables that the catalogue names."""
    inputs = [Input(orders_table(shop, use_case, space), orders_check(shop))]
    if shop.customers:
        numbers = tuple(filter(None, [shop.customers.age]))
        wanted = tuple(dict.fromkeys((*numbers, *shop.customers.segment_by)))
        inputs.append(
            _linked(shop, use_case, space, CUSTOMERS, shop.customers.table, shop.customers.customer, wanted, numbers)
        )
    if shop.items:
        given = shop.items
        wanted, numbers = (
            tuple(filter(None, [given.name, given.category, given.stock])),
            tuple(filter(None, [given.stock])),
        )
        inputs.append(_linked(shop, use_case, space, ITEMS, given.table, given.item, wanted, numbers))
    return tuple(inputs)


def orders_table(shop: ShopSettings, use_case: str, space: str) -> SourceTable:
    """The order lines as extraction reads them: by time, only what is newer."""
    given = shop.orders
    numbers = tuple(filter(None, [given.quantity, given.value]))
    return SourceTable(
        use_case=use_case,
        space=space,
        name=shop.name,
        table=given.table,
        key=(given.time,),
        kind=KeyKind.EVENTS,
        required=tuple(dict.fromkeys(filter(None, [given.customer, given.item, *numbers]))),
        numeric=numbers,
        extraction=shop.extraction,
        retention=shop.retention,
    )


def _linked(
    shop: ShopSettings,
    use_case: str,
    space: str,
    name: str,
    table: str,
    key: str,
    required: tuple[str, ...],
    numeric: tuple[str, ...],
) -> Input:
    called = linked_name(shop, name)
    read = SourceTable(
        use_case=use_case,
        space=space,
        name=called,
        table=table,
        key=(key,),
        kind=KeyKind.NAMES,
        required=required,
        numeric=numeric,
        extraction=shop.extraction,
        retention=shop.retention,
    )
    return Input(read, linked_check(called))
