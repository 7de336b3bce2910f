"""What recommendations publishes: the lists, and a row a list that says how it was made and how good it was."""

from __future__ import annotations

from brain.usecases.protocol import Overview
from brain.warehouse.tables import Column, Follows, History, ModelColumns, PublishedTable

RECOMMENDATION_DETAILS = PublishedTable(
    name="recommendation_details",
    meaning="A row a list: which method makes it, how good that was on purchases after it was made, and of what it is"
    " made. Scores are means over customers who bought in the test; everything was chosen before it.",
    key=("shop", "list"),
    columns=(
        Column("shop", "text", "The shop, as the catalogue calls it."),
        Column("list", "text", "`buy_again`, `new_for_you` or `for_you`."),
        Column("as_of", "timestamptz", "Time of the newest order that the lists know.", required=True),
        Column("customers", "integer", "Customers who have this list.", required=True, low=0),
        Column("items", "integer", "Items that it may name.", low=0),
        Column(
            "method", "text", "What makes it: popularity, own frequency, own frequency with decay, ease, als or blend."
        ),
        Column("has_skill", "boolean", "True if that method beats popularity and own frequency on later purchases."),
        Column("why", "text", "Why this method, in words."),
        Column("ndcg", "double precision", "Its nDCG on later purchases; 1 is a perfect list.", low=0, high=1),
        Column("ndcg_popularity", "double precision", "That of the most popular items.", low=0, high=1),
        Column(
            "ndcg_own_frequency", "double precision", "That of what each customer bought most often.", low=0, high=1
        ),
        Column("precision", "double precision", "Share of its places that were bought in the test.", low=0, high=1),
        Column("precision_popularity", "double precision", "That of the most popular items.", low=0, high=1),
        Column("precision_own_frequency", "double precision", "That of own frequency.", low=0, high=1),
        Column(
            "gain_low", "double precision", "Lower end of the 95 % interval of nDCG gained over the best simple one."
        ),
        Column("gain_high", "double precision", "Upper end of it."),
        Column("tested_customers", "integer", "Customers on whom it was measured.", low=0),
        Column("tested_from", "timestamptz", "The purchases it was measured on come after this time."),
        Column("tested_until", "timestamptz", "And not after this one."),
        Column("taken_customers", "integer", "Customers who ordered since the lists before these.", low=0),
        Column("taken_share", "double precision", "Share of their places that they took then.", low=0, high=1),
        Column(
            "taken_share_anyone", "double precision", "The same of the list of customer `*`, beside it.", low=0, high=1
        ),
        Column("half_life_days", "double precision", "A purchase counts half after so many days; empty: always whole."),
        Column("cold_start", "text", "What customers without an order are shown, and why."),
        Column("items_unknown", "integer", "Items bought since that the model does not know yet.", low=0),
        Column("left_out", "text", "Order lines that did not count, and why; empty if all did."),
        Column("rules_ignored", "text", "Rules that could not be followed, and why; empty if all were."),
        Column("model_version", "integer", "Version of the model behind it."),
        Column("data_sha256", "text", "Hash of the snapshot of orders behind it."),
        Column(
            "stale", "boolean", "True where the lists were kept from an earlier publication or know old orders only."
        ),
        Column("reason", "text", "Why they are stale."),
        Column("published_at", "timestamptz", "The run's moment."),
    ),
    value="customers",
    history=History("recommendation_history", "How every list was made and how good it was, a line for each change."),
    model=ModelColumns(("shop", "list"), "model_version"),
)

RECOMMENDATIONS = PublishedTable(
    name="recommendations",
    meaning="A row a customer, list and rank: what to show her. One look-up by key; customer `*` is whoever is not"
    " known. `recommendation_details` says how good a list is.",
    key=("customer", "list", "rank"),
    columns=(
        Column("customer", "text", "The customer as the orders tell it; `*` for anyone else."),
        Column("list", "text", "`buy_again`, `new_for_you` or `for_you`."),
        Column("rank", "integer", "1 is shown first.", low=1),
        Column("item", "text", "The item as the orders tell it.", required=True),
        Column(
            "score", "double precision", "What the item is sorted by within the list; it has no unit.", required=True
        ),
        Column("reason", "text", "Why, in words."),
        Column("as_of", "timestamptz", "Time of the newest order that the list knows.", required=True),
        Column("stale", "boolean", "True where the list was kept from an earlier publication."),
        Column("published_at", "timestamptz", "The moment of the run that made the list."),
    ),
    value="item",
    unscored="drop",
    follows=Follows(RECOMMENDATION_DETAILS, ("list",)),
)

CHECKED = "lists"  # the subject of the gate in front of both

OVERVIEW = Overview(
    "Recommendations",
    "SELECT list, method, has_skill, customers, ndcg, ndcg_popularity, ndcg_own_frequency, stale"
    " FROM recommendation_details ORDER BY list",
)
