"""What segments publishes: a row a customer, and a row a segment."""

from __future__ import annotations

from brain.usecases.protocol import Overview
from brain.warehouse.tables import PUBLISHED_AT, REASON, STALE, Column, History, ModelColumns, PublishedTable

_SHOP = Column("shop", "text", "Name of the shop, as the catalogue has it.", required=True)
_AS_OF = "Day of the shop's newest purchase that this was computed from."
_REST = (
    Column("data_sha256", "text", "SHA-256 of the snapshot of orders behind it.", required=True),
    Column(STALE, "boolean", "True where this publication could not compute the row anew, or only from old orders."),
    Column(REASON, "text", "Why it is stale."),
    Column(PUBLISHED_AT, "timestamptz", "The moment of the run that computed the row."),
)

CUSTOMER_SEGMENTS = PublishedTable(
    name="customer_segments",
    meaning="A row a customer: her segment, and what she is expected to buy.",
    key=("customer",),
    columns=(
        Column("customer", "text", "The customer, as the orders have it."),
        Column("as_of", "date", _AS_OF, required=True),
        Column(
            "segment", "integer", "Number of her segment; it means the same people from one model to the next. 0 for"
            " customers without a purchase.", low=0,
        ),
        Column("name", "text", "The segment in words.", required=True),
        Column("distance", "double precision", "How far she is from the middle of her segment; 1 is usual.", low=0),
        Column("previous_segment", "integer", "Her segment in the publication before; empty for a new customer."),
        Column(
            "moved", "boolean", "Whether she has changed segments since the publication before; false where that is not"
            " known.", required=True,
        ),
        Column("since", "date", "The as_of from which on she has been in her segment.", required=True),
        Column("last_purchase", "date", "Day of her last purchase."),
        Column("orders", "integer", "Days on which she has bought."),
        Column("value", "double precision", "What she has spent in all, returns not taken off.", low=0),
        Column(
            "expected_purchases", "double precision", "Purchases to expect of her in the period to come (BG/NBD).",
            low=0,
        ),
        Column(
            "expected_spend", "double precision", "What she is expected to spend in the period to come (expected"
            " purchases times Gamma-Gamma).", low=0,
        ),
        Column(
            "alive_probability", "double precision", "Probability that she still is a customer (BG/NBD); 1 for all who"
            " bought once, of whom the model cannot tell.", low=0, high=1,
        ),
        Column("period_days", "integer", "Length of the period to come."),
        _SHOP,
        Column("model_version", "integer", "Version of the model that formed the segments.", required=True),
        *_REST,
    ),
    value="segment",
    model=ModelColumns(("shop",), "model_version"),
)  # fmt: skip

SEGMENT_PROFILES = PublishedTable(
    name="segment_profiles",
    meaning="A row a segment: who is in it, what sets it apart, who came and went, and how far to trust it.",
    key=("segment",),
    columns=(
        Column("segment", "integer", "Number of the segment. 0 for customers without a purchase.", low=0),
        Column("as_of", "date", _AS_OF, required=True),
        Column("name", "text", "The segment in words.", required=True),
        Column("customers", "integer", "How many customers are in it.", low=0),
        Column("share", "double precision", "Its share of all customers.", low=0, high=1),
        Column("sets_apart", "text", "What sets it apart from all customers, the strongest first."),
        Column("recency_days", "double precision", "Days since the last purchase, median."),
        Column("tenure_days", "double precision", "Days since the first purchase, median."),
        Column("orders", "double precision", "Days of purchase, median."),
        Column("value", "double precision", "What was spent in all, median."),
        Column("order_value", "double precision", "What was spent on a day of purchase, median."),
        Column(
            "irregularity", "double precision", "Standard deviation by mean of the days between purchases, median;"
            " empty where nobody has bought three times.",
        ),
        Column("returned_share", "double precision", "Share of the value that was sent back, mean."),
        Column("items", "double precision", "Different items a day of purchase, median; empty where not known."),
        Column("expected_purchases", "double precision", "Purchases to expect in the period to come, mean."),
        Column("expected_spend", "double precision", "Spend to expect in the period to come, mean."),
        Column("alive_probability", "double precision", "Probability of still being a customer, mean.", low=0, high=1),
        Column("period_days", "integer", "Length of the period to come."),
        Column(
            "moved_in", "integer", "Customers who came from another segment since the publication before. Empty, as the"
            " next two, where that one is not known: a later day was published first, or `brain repair` took it back.",
        ),
        Column("moved_out", "integer", "Customers who went to another segment since the publication before."),
        Column("newcomers", "integer", "Customers who were not in the publication before."),
        Column(
            "stability", "double precision", "How alike the segments of bootstrap samples are: adjusted Rand index,"
            " mean; 1 is the same, 0 is chance.",
        ),
        Column(
            "spend_explained", "double precision", "Share of the variance of next-period spend that the segments"
            " explain, on customers they did not learn from.",
        ),
        Column("spend_explained_by_rfm", "double precision", "The same for as many groups by RFM quintiles."),
        Column("explained_more_low", "double precision", "Lower end of the difference, 95 % interval by bootstrap."),
        Column("explained_more_high", "double precision", "Upper end of it."),
        Column(
            "better_than_rfm", "boolean", "Whether the interval lies above 0. Where false, RFM quintiles would do."
        ),
        Column("verdict", "text", "The same in words, and what was left out or could not be said."),
        _SHOP,
        Column("model_version", "integer", "Version of the model that formed the segments.", required=True),
        Column("trained_at", "timestamptz", "The moment it was trained for.", required=True),
        *_REST,
    ),
    value="customers",
    history=History("segment_profile_history", "Every profile ever published."),
)  # fmt: skip

CHECKED = CUSTOMER_SEGMENTS.name  # the subject of the gate in front of both

OVERVIEW = Overview(
    "Segments",
    "SELECT segment, name, customers, moved_in, moved_out, expected_spend, as_of FROM segment_profiles"
    " ORDER BY segment",
)
