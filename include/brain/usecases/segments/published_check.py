"""The gate in front of the published tables: the rows of a run, before they replace the last ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from brain.quality.engine import validate
from brain.quality.result import GateResult
from brain.quality.rules import between
from brain.usecases.segments.tables import CHECKED, CUSTOMER_SEGMENTS, SEGMENT_PROFILES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brain.core.moment import Moment

RULES = (
    between(
        "alive", "fail", "customers", "alive_probability",
        "{count} probabilities of still being a customer outside 0 to 1 ({examples})", min_value=0, max_value=1,
    ),
    between(
        "expected", "fail", "customers", "expected_spend",
        "{count} customers expected to spend less than nothing ({examples})", min_value=0,
    ),
    between("distance", "fail", "customers", "distance", "{count} distances below 0 ({examples})", min_value=0),
    between(
        "not_from_the_future", "fail", "customers", "days_ahead",
        "{count} customers computed from orders after the moment of the run ({examples})", max_value=0,
    ),
    between("all_counted", "fail", "table", "uncounted", "the profiles count {found} customers too few",
        min_value=0, max_value=0,
    ),
    between("moves", "warn", "table", "moved_share",
        "a share of {found} of the customers has changed segments since the last publication", max_value=0.2,
    ),
)  # fmt: skip


def check_segments(rows: Mapping[str, pd.DataFrame], moment: Moment) -> GateResult:
    """Judge the rows about to be published; a row without a value (its `reason` says why) is not looked at."""
    customers, profiles = rows[CUSTOMER_SEGMENTS.name], rows[SEGMENT_PROFILES.name]
    placed = customers[customers["segment"].notna()]
    numbers = placed[["alive_probability", "expected_spend", "distance"]].apply(pd.to_numeric)
    ahead = pd.to_datetime(placed["as_of"]) - pd.Timestamp(moment.day)
    facts = {
        "customers": numbers.assign(
            customer=placed["customer"].astype(str), days_ahead=ahead.dt.days.astype("float64")
        ),
        "table": pd.DataFrame(
            {
                "uncounted": [len(placed) - int(profiles["customers"].fillna(0).sum())],
                "moved_share": [float(placed["moved"].fillna(False).astype(bool).mean()) if len(placed) else None],
            },
            dtype="float64",
        ),
    }
    findings, results = validate(RULES, facts, {"customers": "customer"}, CHECKED)
    return GateResult(CHECKED, len(customers), tuple(rule.name for rule in RULES), tuple(findings), results)
