"""Recommendations on the Brain page: how each list is made, and the lists of one customer."""

from __future__ import annotations

from brain.usecases.page import Lists, Words
from brain.usecases.recommendations.names import ANYONE
from brain.usecases.recommendations.tables import CHECKED, RECOMMENDATION_DETAILS, RECOMMENDATIONS

PAGE = Lists(
    title="Recommendations",
    words=Words("list", "table", member="customer", item="item"),
    table=RECOMMENDATION_DETAILS,
    checked=CHECKED,
    unit="list",
    lines=RECOMMENDATIONS,
    member="customer",
    anyone=ANYONE,
    rank="rank",
    item="item",
    reason="reason",
    method="method",
    why="why",
    claim="has_skill",
    size="customers",
    scores=(
        ("this list", "ndcg"),
        ("what sells most", "ndcg_popularity"),
        ("what each bought most often", "ndcg_own_frequency"),
    ),
)
