"""What the gate found: plain records that go into the log, the lake and the Data Docs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brain.quality.rules import Rule

EXAMPLES = 5  # of what breaks a rule


@dataclass(frozen=True)
class Finding:
    """One rule that was not kept.

    Args:
        severity: ``fail`` keeps the rows out, ``warn`` only reports.
        message: What was found and what was expected, for a person.
        count: Number of rows or columns concerned.
        examples: The first of them: dates, columns or units.
    """

    rule: str
    severity: Literal["warn", "fail"]
    message: str
    count: int = 1
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class GateResult:
    """What the gate says of one subject.

    Args:
        subject: The unit whose rows they are, or a published table.
        rows: Number of rows looked at.
        rules: Names of the rules that were applied.
        findings: The rules that were not kept.
        validation: Great Expectations' own results by suite, as plain JSON; the Data Docs are rendered from them.
    """

    subject: str
    rows: int
    rules: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    validation: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return not self.failures

    @property
    def failures(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "fail")

    @property
    def warnings(self) -> int:
        return len(self.findings) - len(self.failures)

    @property
    def reason(self) -> str:
        """Why it did not pass; empty if it did."""
        return "; ".join(finding.message for finding in self.failures)

    def to_json(self) -> dict[str, Any]:
        """The result as plain JSON, without Great Expectations' own results."""
        return {
            "subject": self.subject,
            "passed": self.passed,
            "rows": self.rows,
            "rules": list(self.rules),
            "findings": [asdict(finding) for finding in self.findings],
        }


def finding_of(rule: Rule, count: int, examples: tuple[str, ...], found: object) -> Finding:
    """A finding in the words of its rule.

    Args:
        examples: The first rows that break it; none where its rows have no names.
        found: The first value that breaks it.
    """
    shown = ", ".join(examples) + (", …" if count > len(examples) else "")
    words = rule.message.replace("(s)", "" if count == 1 else "s")
    message = words.format(count=count, examples=shown, found=str(found))
    return Finding(rule.name, "fail" if rule.severity == "fail" else "warn", message, count, examples)
