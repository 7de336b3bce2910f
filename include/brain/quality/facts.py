"""What the gate judges: the facts of one subject's rows, and the rules stated on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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
    """

    subject: str
    rows: int
    rules: tuple[Rule, ...] = ()
    frames: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    row_ids: Mapping[str, str] = field(default_factory=dict)

    def stated(self, suite: str) -> list[Rule]:
        """The rules of a suite that apply."""
        frame = self.frames[suite]
        return [rule for rule in self.rules if rule.suite == suite and frame[rule.arguments["column"]].notna().any()]
