"""Segments' part of the catalogue: the shop, and how its customers' segments are formed."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from brain.usecases.shop.catalogue import ShopSection


class SegmentsSection(ShopSection):
    """The shop, and how its segments are formed."""

    min_groups: int = Field(3, ge=2, le=20, description="The fewest segments.")
    max_groups: int = Field(6, ge=2, le=20, description="The most segments.")
    min_stability: float = Field(
        0.8, ge=0, le=1, description="Adjusted Rand index over bootstraps that the number of segments has to reach."
    )
    smallest_share: float = Field(0.02, ge=0, lt=0.5, description="Share of the customers the smallest segment needs.")
    bootstraps: int = Field(40, ge=2, description="Samples over which stability is measured.")
    min_customers: int = Field(100, ge=20, description="Customers with a purchase below which no segments are formed.")
    period_days: int = Field(28, ge=1, description="Length of the period to come, for what is expected and for proof.")
    max_age_days: int = Field(90, ge=1, description="Segments formed longer ago than this are formed anew.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.min_groups > self.max_groups:
            raise ValueError(f"min_groups {self.min_groups} is above max_groups {self.max_groups}")
        if self.shop.orders.value is None:
            raise ValueError("segments are formed by what customers spend: name the column of it in shop.orders.value")
        return self
