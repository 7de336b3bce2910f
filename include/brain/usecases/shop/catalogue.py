"""How a shop's tables are described in the catalogue; one description serves every use case that is about the shop."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field

from brain.core.catalogue import USE_CASES
from brain.core.durations import AGE
from brain.core.section import Place, Section, validated
from brain.core.table_settings import ExtractionSettings, RetentionSettings, TableName
from brain.core.yaml_document import YamlDocument
from brain.quality.rules import Severity

SHOP = "shop"
_WORDS = re.compile(r"\s*(\d+)\s*(d|day|w|week|m|month|y|year)s?\s*")


def _age(value: object) -> object:
    """``90 days`` as ``90d``."""
    found = _WORDS.fullmatch(value) if isinstance(value, str) else None
    return f"{found.group(1)}{found.group(2)[0]}" if found else value


def _named(value: object) -> object:
    return {"table": value} if isinstance(value, str) else value


Age = Annotated[str, BeforeValidator(_age), Field(pattern=AGE)]


class OrdersTable(Section):
    """The table of order lines: who took what, when."""

    table: TableName = Field(description="Its name in the source schema.")
    customer: str = Field("customer", description="Column that tells the customer: text or a whole number.")
    item: str | None = Field("item", description="Column that tells the item; empty where orders do not say what.")
    time: str = Field("time", description="Column with the date or time of the order.")
    quantity: str | None = Field(None, description="Column with the quantity; below zero it is a return. 1 if empty.")
    value: str | None = Field(None, description="Column with the money spent on the line, or what it is worth.")


class CustomersTable(Section):
    """A table with a row a customer."""

    table: TableName = Field(description="Its name in the source schema.")
    customer: str = Field("customer", description="Its key: the customer as the orders tell it.")
    age: str | None = Field(None, description="Column with the age in years; rules of age ask it.")
    segment_by: tuple[str, ...] = Field(
        (), description="Columns whose values group customers: who has no order yet may get what sells in her group."
    )


class ItemsTable(Section):
    """A table with a row an item."""

    table: TableName = Field(description="Its name in the source schema.")
    item: str = Field("item", description="Its key: the item as the orders tell it.")
    name: str | None = Field(None, description="Column with its name in words; reasons use it.")
    category: str | None = Field(None, description="Column with its category; rules may name one.")
    stock: str | None = Field(None, description="Column with how many there are; rules of stock ask it.")


class ShopQuality(Section):
    """What the quality gate looks at in new order lines: `fail` keeps them out, `warn` reports, `off` skips."""

    unnamed: Severity = Field("warn", description="Lines name their customer and item; others are left out.")
    max_unnamed: float = Field(0.05, ge=0, le=1, description="Share of lines that need not.")
    returns: Severity = Field("warn", description="Most lines are no returns.")
    max_returns: float = Field(0.5, ge=0, le=1, description="Share of lines that may be.")
    duplicates: Severity = Field("warn", description="Lines differ; equal ones count once.")
    max_duplicates: float = Field(0.01, ge=0, le=1, description="Share of lines that may repeat another.")
    infinite: Severity = Field("warn", description="Quantities and values are finite; other lines are left out.")
    giant: Severity = Field("warn", description="No customer has most of the lines.")
    max_giant: float = Field(0.2, gt=0, le=1, description="Share of the lines that one customer may have.")
    stale: Severity = Field("warn", description="The newest line is recent.")
    max_stale: int = Field(14, ge=0, description="Days since the newest line.")


class ShopSettings(Section):
    """A shop: its tables, and how far back its orders count."""

    name: str = Field("shop", min_length=1, description="What it is called in tables of details and in reports.")
    orders: Annotated[OrdersTable, BeforeValidator(_named)] = Field(
        description="Its order lines; a name alone will do."
    )
    customers: Annotated[CustomersTable | None, BeforeValidator(_named)] = Field(
        None, description="A row a customer, if there is such a table."
    )
    items: Annotated[ItemsTable | None, BeforeValidator(_named)] = Field(
        None, description="A row an item, if there is such a table."
    )
    window: Age | None = Field(None, description="Only orders of this age count: `90 days`; all if empty.")
    quality: ShopQuality = Field(ShopQuality(), description="What the quality gate looks at.")
    extraction: ExtractionSettings = Field(ExtractionSettings(), description="How its tables are read.")
    retention: RetentionSettings = Field(RetentionSettings(), description="What is kept, and for how long.")


class ShopSection(Section):
    """A part of the catalogue about a shop. Where `shop` is left out, it is the one that another use case describes."""

    shop: ShopSettings = Field(description="The shop; left out, that of another use case.")

    @classmethod
    def read(cls, document: YamlDocument, place: Place) -> Self:
        own: Any = document.at(place) or {}
        if not isinstance(own, dict) or SHOP in own:
            return super().read(document, place)
        others = document.at((USE_CASES,)) or {}
        named = [name for name, other in others.items() if isinstance(other, dict) and SHOP in other]
        if not named:
            raise document.wrong(place, f"`{place[-1]}` without a `{SHOP}`, and no other use case with one")
        shared = (USE_CASES, named[0], SHOP)
        return validated(cls, {**own, SHOP: document.at(shared)}, document, [place, shared[:-1]])
