"""The gate in front of the lists: every one that was computed reaches customers, and none names an item twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brain.quality.engine import validate
from brain.quality.result import GateResult
from brain.quality.rules import between
from brain.scoring.blocks import blocks
from brain.usecases.recommendations.tables import CHECKED, RECOMMENDATION_DETAILS, RECOMMENDATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brain.scoring.blocks import Rows
    from brain.usecases.recommendations.catalogue import Recommendations

_RULES = (
    between("customers", "fail", "lists", "missing", "{count} lists reach other customers than they say ({examples})",
        min_value=0, max_value=0),
    between("length", "fail", "lists", "too_long", "{count} lists are longer than `length` ({examples})", max_value=0),
    between("twice", "fail", "lists", "twice", "{count} lists name an item twice ({examples})", max_value=0),
)  # fmt: skip


def check_lists(rows: Mapping[str, Any], section: Recommendations) -> GateResult:
    """Judge the rows of both tables about to be published.

    Args:
        rows: By table; the lists may come in blocks, in which a customer's list is whole.
    """
    details = rows[RECOMMENDATION_DETAILS.name]
    computed = details[details["customers"].notna()]
    counted = _counted(rows[RECOMMENDATIONS.name])
    told = zip(map(str, computed["list"]), map(int, computed["customers"]), strict=True)
    nothing = _Counts()
    facts = [_facts(name, customers, counted.get(name, nothing), section.length) for name, customers in told]
    frame = pd.DataFrame(facts, columns=["list", "missing", "too_long", "twice"])
    findings, results = validate(_RULES, {"lists": frame}, {"lists": "list"}, CHECKED) if facts else ([], {})
    total = sum(counts.rows for counts in counted.values())
    return GateResult(CHECKED, total, tuple(rule.name for rule in _RULES), tuple(findings), results)


@dataclass
class _Counts:
    """Of one list of all customers."""

    rows: int = 0
    customers: int = 0
    longest: int = 0
    twice: int = 0


def _counted(lists: Rows) -> dict[str, _Counts]:
    found: dict[str, _Counts] = {}
    for block in blocks(lists):
        for name, own in block.groupby("list", observed=True):
            counts, ranks = found.setdefault(str(name), _Counts()), own["rank"].to_numpy(np.int64)
            counts.rows += len(own)
            counts.customers += int((ranks == 1).sum())
            counts.longest = max(counts.longest, int(ranks.max(initial=0)))
            counts.twice += int(own.duplicated(["customer", "item"]).sum())
    return found


def _facts(name: str, customers: int, counts: _Counts, length: int) -> tuple[str, float, float, float]:
    too_long = max(counts.longest - length, 0)
    return name, float(customers - counts.customers), float(too_long), float(counts.twice)
