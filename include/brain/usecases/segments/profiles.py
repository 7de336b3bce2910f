"""The profile of each segment: who is in it, what sets it apart, who came and went, and how far to trust it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brain.usecases.segments.names import NO_GROUP, NO_GROUP_NAME
from brain.usecases.segments.naming import set_apart, standings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brain.store.stored_model import StoredModel

MEDIANS = ("recency_days", "tenure_days", "orders", "value", "order_value", "irregularity", "items")
MEANS = ("returned_share", "expected_purchases", "expected_spend", "alive_probability")
UNPROVEN = "not compared with RFM quintiles: too few customers a period ago, or nobody bought since"


def profiles_of(rows: pd.DataFrame, model: StoredModel, left_out: str) -> pd.DataFrame:
    """A row a segment of the model, also one that nobody is in now, and one for customers without a purchase.

    Args:
        rows: The customers, as `Previous.compared` gives them.
        left_out: Which order lines did not count, in words.
    """
    told, metrics = model.document["hyper_parameters"], model.document["metrics"]
    names = {NO_GROUP: NO_GROUP_NAME, **dict(zip(told["ids"], told["names"], strict=True))}
    bought = rows[rows["segment"] != NO_GROUP]
    place = {segment: number for number, segment in enumerate(told["ids"])}
    stands = standings(bought, bought["segment"].map(place).to_numpy(np.int64), len(place))
    own = rows.groupby("segment")
    counts = _counts(rows["segment"], names)
    profiles = pd.DataFrame({"name": names, "customers": counts})
    profiles["share"] = counts / max(len(rows), 1)
    profiles["sets_apart"] = [set_apart(stands[place[number]]) if number in place else None for number in names]
    profiles = profiles.join(own[list(MEDIANS)].median()).join(own[list(MEANS)].mean())
    moved = rows[rows["moved"].to_numpy(bool)]
    profiles["moved_in"] = _counts(moved["segment"], names)
    profiles["moved_out"] = _counts(moved["previous_segment"], names)
    profiles["newcomers"] = _counts(rows.loc[rows["previous_segment"].isna(), "segment"], names)
    trust = {"period_days": told["period_days"], **_trust(metrics, told["value"]["reason"], left_out)}
    profiles = profiles.assign(**trust).rename_axis("segment").reset_index()
    return profiles[(profiles["segment"] != NO_GROUP) | (profiles["customers"] > 0)]


def _counts(segments: pd.Series[Any], names: Mapping[int, str]) -> pd.Series[int]:
    """How many are in each of the named segments."""
    return segments.value_counts().reindex(list(names), fill_value=0)


def _trust(metrics: Mapping[str, Any], no_value: str, left_out: str) -> dict[str, Any]:
    proof = metrics["proof"] or {}
    words = [proof.get("words", UNPROVEN)]
    if no_value:
        words.append(f"nothing is expected of customers: {no_value}")
    if left_out:
        words.append(left_out)
    return {
        "stability": metrics["stability"],
        "spend_explained": proof.get("explained"),
        "spend_explained_by_rfm": proof.get("by_rfm"),
        "explained_more_low": proof.get("low"),
        "explained_more_high": proof.get("high"),
        "better_than_rfm": proof.get("better"),
        "verdict": "; ".join(words),
    }
