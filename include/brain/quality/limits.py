"""Rules that are limits of a number, applied without Great Expectations, which takes seconds to import.

For facts that only time has changed: a run with nothing new asks a few numbers a table. Rows that are new go through
`brain.quality.engine`; `tests/quality/test_limits.py` holds that both say the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from brain.core.errors import QualityError
from brain.quality.engine import EXAMPLES, require_facts, told_finding
from brain.quality.rules import BETWEEN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from brain.quality.result import Finding
    from brain.quality.rules import Rule


def within_limits(
    rules: Sequence[Rule], facts: Mapping[str, pd.DataFrame], row_ids: Mapping[str, str], subject: str
) -> list[Finding]:
    """The findings that `brain.quality.engine.validate` would have on the same rules and facts.

    Raises:
        QualityError: A rule is no limit, or its facts are not there.
    """
    require_facts(rules, facts, subject)
    findings = []
    for rule in (rule for suite in facts for rule in rules if rule.suite == suite):
        frame = facts[rule.suite]
        values = frame[rule.arguments["column"]]
        broken = _broken(rule, values.to_numpy(np.float64), subject)
        if broken.any():
            named = frame[row_ids[rule.suite]].astype(str) if rule.suite in row_ids else None
            examples = () if named is None else tuple(named[broken][:EXAMPLES])
            findings.append(told_finding(rule, int(broken.sum()), examples, str(values[broken].tolist()[0])))
    return findings


def _broken(rule: Rule, values: NDArray[np.float64], subject: str) -> NDArray[np.bool_]:
    """Which values lie outside the limits; an empty one breaks none."""
    limits: dict[str, Any] = {name: value for name, value in rule.arguments.items() if name != "column"}
    low, high = limits.pop("min_value", None), limits.pop("max_value", None)
    strict_low, strict_high = limits.pop("strict_min", False), limits.pop("strict_max", False)
    if rule.expectation != BETWEEN or limits:
        raise QualityError(
            subject,
            found=f"the rule {rule.name!r} ({rule.expectation} of {', '.join(rule.arguments)})",
            expected="a rule that a number lies within limits",
            remedy="State it with `brain.quality.rules.between`, or have it judged by `brain.quality.engine`.",
        )
    below = np.zeros(len(values), bool) if low is None else (values <= low if strict_low else values < low)
    above = np.zeros(len(values), bool) if high is None else (values >= high if strict_high else values > high)
    return np.asarray(below | above)
