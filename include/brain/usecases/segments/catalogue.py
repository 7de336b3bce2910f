"""Segments' part of the catalogue: the shops, their orders, and how their segments are formed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import Field, model_validator

from brain.core.errors import CatalogueError
from brain.core.section import Section
from brain.core.table_settings import ExtractionSettings, RetentionSettings, TableName


class ShopSettings(Section):
    """One shop: where its orders are, and how its segments are formed."""

    orders: TableName = Field(description="Its table of order lines in the source schema.")
    customer: str = Field("customer", description="Column of the orders with the customer.")
    time: str = Field("time", description="Column of the orders with their date or time.")
    value: str = Field("value", description="Column of the orders with what a line cost; below zero for a return.")
    item: str | None = Field(None, description="Column of the orders with the item; not used if empty.")
    quantity: str | None = Field(None, description="Column with the quantity; below zero for a return. Not used if empty.")
    min_groups: int = Field(3, ge=2, le=20, description="The fewest segments.")
    max_groups: int = Field(6, ge=2, le=20, description="The most segments.")
    min_stability: float = Field(
        0.8, ge=0, le=1, description="Adjusted Rand index over bootstraps that the number of segments has to reach."
    )
    smallest_share: float = Field(0.02, ge=0, lt=0.5, description="Share of the customers the smallest segment needs.")
    bootstraps: int = Field(20, ge=2, description="Samples over which stability is measured.")
    min_customers: int = Field(100, ge=20, description="Customers with a purchase below which no segments are formed.")
    period_days: int = Field(28, ge=1, description="Length of the period to come, for what is expected and for proof.")
    max_age_days: int = Field(90, ge=1, description="Segments formed longer ago than this are formed anew.")
    extraction: ExtractionSettings = Field(ExtractionSettings(), description="How the table is read.")
    retention: RetentionSettings = Field(RetentionSettings(), description="What is kept, and for how long.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_groups > self.max_groups:
            raise ValueError(f"min_groups {self.min_groups} is above max_groups {self.max_groups}")
        return self


class Shops(Section):
    """The shops, by name."""

    shops: Mapping[TableName, ShopSettings]

    def shop(self, name: str) -> ShopSettings:
        """The shop called `name`.

        Raises:
            CatalogueError: No such shop.
        """
        if name in self.shops:
            return self.shops[name]
        raise CatalogueError(
            name,
            found="no shop of that name in the catalogue",
            expected=f"one of {', '.join(self.shops) or '(none)'}",
            remedy="Add it under `use_cases: segments: shops:` or correct the name.",
        )
