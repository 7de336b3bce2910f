"""What the catalogue says of recommendations: the shop, which lists, how long, and the table of rules."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, field_validator

from brain.core.table_settings import TableName
from brain.usecases.recommendations.names import LISTS
from brain.usecases.shop.catalogue import ShopSection, ShopSettings

ListName = Literal["buy_again", "new_for_you", "for_you"]
MOST_ITEMS = 50_000  # all their scores of some customers are in memory at a time


def _has_items(shop: ShopSettings) -> ShopSettings:
    if shop.orders.item is None:
        raise ValueError("orders without an `item` column: there is nothing to recommend")
    return shop


class Recommendations(ShopSection):
    """Lists for every customer of a shop."""

    lists: tuple[ListName, ...] = Field(
        ("buy_again", "new_for_you", "for_you"), min_length=1, description="Which lists are published."
    )
    length: int = Field(10, ge=1, le=100, description="Items in a list, at most.")
    max_items: int = Field(
        20_000, ge=10, le=MOST_ITEMS, description="Only so many items, the most popular ones, are recommended."
    )
    test_days: int = Field(28, ge=1, description="The newest days on which the methods compete; as many for choosing.")
    retrain_days: int = Field(7, ge=1, description="Models of this age are trained anew.")
    rules: TableName | None = Field(None, description="Table with exclusions and rules of the business.")

    @field_validator("shop")
    @classmethod
    def _shop(cls, shop: ShopSettings) -> ShopSettings:
        return _has_items(shop)

    @field_validator("lists")
    @classmethod
    def _once(cls, lists: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in LISTS if name in lists)

    @classmethod
    def of(cls, **given: Any) -> Self:
        """A section from plain values, as the catalogue would have them."""
        return cls.model_validate(given)
