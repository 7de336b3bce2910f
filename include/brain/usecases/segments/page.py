"""Segments on the Brain page: customers on a map, a profile of each segment, and who moved."""

from __future__ import annotations

from brain.usecases.page import Axis, Groups, Words
from brain.usecases.segments.tables import CHECKED, CUSTOMER_SEGMENTS, SEGMENT_PROFILES

PAGE = Groups(
    title="Segments",
    words=Words("segment", "table", member="customer"),
    table=SEGMENT_PROFILES,
    checked=CHECKED,
    unit="segment",
    members=CUSTOMER_SEGMENTS,
    member="customer",
    as_of="as_of",
    before="previous_segment",
    moved="moved",
    name="name",
    apart="sets_apart",
    came="moved_in",
    left="moved_out",
    fresh="newcomers",
    claim="better_than_rfm",
    why="verdict",
    figures=(
        *("share", "recency_days", "tenure_days", "orders", "value", "order_value", "irregularity", "returned_share"),
        *("items", "expected_purchases", "expected_spend", "alive_probability"),
    ),
    trust=("stability", "spend_explained", "spend_explained_by_rfm", "explained_more_low", "explained_more_high"),
    axes=(
        Axis("days since the last purchase", "last_purchase"),
        Axis("expected spend", "expected_spend"),
        Axis("days of purchase", "orders"),
        Axis("spent in all", "value"),
        Axis("expected purchases", "expected_purchases"),
        Axis("probability of still being a customer", "alive_probability", root=False),
    ),
)
