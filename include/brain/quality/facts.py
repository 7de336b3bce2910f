"""What the gate judges: the facts of one subject's rows, and the rules stated on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from brain.core.errors import QualityError

if TYPE_CHECKING:
    import pandas as pd

    from brain.quality.rules import Rule


@dataclass(frozen=True)
class Facts:
    """The facts of one subject's rows, and the rules stated on them; `judge` and `judge_together` apply them.

    Args:
        subject: The unit whose rows they are, or a published table.
        rows: Number of rows looked at.
        rules: A rule on a fact that has no value at all does not apply, and is skipped.
        frames: The facts by suite.
        row_ids: By suite, the column that names a row in examples.
        limits_only: Each rule is that a number lies within limits: applied without Great Expectations.
    """

    subject: str
    rows: int
    rules: tuple[Rule, ...] = ()
    frames: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    row_ids: Mapping[str, str] = field(default_factory=dict)
    limits_only: bool = False

    def stated(self, suite: str) -> list[Rule]:
        """The rules of a suite that apply."""
        frame = self.frames[suite]
        return [rule for rule in self.rules if rule.suite == suite and frame[rule.arguments["column"]].notna().any()]


def require_facts(facts: Facts) -> None:
    """A rule on facts that are not there would never be broken.

    Raises:
        QualityError: There is one.
    """
    for rule in facts.rules:
        column = rule.arguments["column"]
        if rule.suite not in facts.frames or column not in facts.frames[rule.suite]:
            raise QualityError(
                facts.subject,
                found=f"the rule {rule.name!r} on {column!r} of the facts {rule.suite!r}, which are not there",
                expected=f"one of the facts {', '.join(facts.frames)}, with that column",
                remedy="Correct the rule's suite or column, or compute the fact.",
            )
