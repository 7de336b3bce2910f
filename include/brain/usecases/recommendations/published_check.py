"""The gate in front of the lists: every one that was computed reaches customers, and none names an item twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brain.quality.engine import validate
from brain.quality.result import GateResult
from brain.quality.rules import between
from brain.usecases.recommendations.tables import CHECKED, RECOMMENDATION_DETAILS, RECOMMENDATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brain.usecases.recommendations.catalogue import Recommendations

_RULES = (
    between("customers", "fail", "lists", "missing", "{count} lists reach other customers than they say ({examples})",
        min_value=0, max_value=0),
    between("length", "fail", "lists", "too_long", "{count} lists are longer than `length` ({examples})", max_value=0),
    between("twice", "fail", "lists", "twice", "{count} lists name an item twice ({examples})", max_value=0),
)  # fmt: skip


def check_lists(rows: Mapping[str, pd.DataFrame], section: Recommendations) -> GateResult:
    """Judge the rows of both tables about to be published."""
    details, lists = rows[RECOMMENDATION_DETAILS.name], rows[RECOMMENDATIONS.name]
    computed = details[details["customers"].notna()]
    told = zip(computed["list"], computed["customers"], strict=True)
    facts = [_facts(str(name), int(customers), lists, section.length) for name, customers in told]
    frame = pd.DataFrame(facts, columns=["list", "missing", "too_long", "twice"])
    findings, results = validate(_RULES, {"lists": frame}, {"lists": "list"}, CHECKED) if facts else ([], {})
    return GateResult(CHECKED, len(lists), tuple(rule.name for rule in _RULES), tuple(findings), results)


def _facts(name: str, customers: int, lists: pd.DataFrame, length: int) -> tuple[str, float, float, float]:
    own = lists[np.asarray(lists["list"] == name)]
    ranks = own["rank"].to_numpy(np.int64)
    twice = own.duplicated(["customer", "item"]).sum()
    return name, float(customers - (ranks == 1).sum()), float(max(ranks.max(initial=0) - length, 0)), float(twice)
