"""Rules that are limits of a number, applied without Great Expectations, which takes seconds to import.

For facts that only time has changed: a run with nothing new asks a few numbers a table. Rows that are new go through
`brain.quality.engine`; `tests/quality/test_limits.py` holds that both say the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from brain.core.errors import QualityError
from brain.quality.result import EXAMPLES, finding_of
from brain.quality.rules import BETWEEN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brain.quality.facts import Facts
    from brain.quality.result import Finding
    from brain.quality.rules import Rule


def within_limits(facts: Facts) -> list[Finding]:
    """The findings that Great Expectations would have on the same rules and facts.

    Raises:
        QualityError: A rule is no limit.
    """
    findings = []
    for rule in (rule for suite in facts.frames for rule in facts.rules if rule.suite == suite):
        frame = facts.frames[rule.suite]
        values = frame[rule.arguments["column"]]
        broken = _broken(rule, values.to_numpy(np.float64), facts.subject)
        if broken.any():
            named = frame[facts.row_ids[rule.suite]].astype(str) if rule.suite in facts.row_ids else None
            examples = () if named is None else tuple(named[broken][:EXAMPLES])
            findings.append(finding_of(rule, int(broken.sum()), examples, values[broken].tolist()[0]))
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
