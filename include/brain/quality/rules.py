"""A rule of the gate: one expectation of Great Expectations, and the words for when it is not met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator

if TYPE_CHECKING:
    from collections.abc import Mapping


def _unquoted(value: object) -> object:
    """YAML reads an unquoted ``off`` as False."""
    return "off" if value is False else value


BETWEEN = "ExpectColumnValuesToBeBetween"
Severity = Annotated[Literal["warn", "fail", "off"], BeforeValidator(_unquoted)]


@dataclass(frozen=True)
class Rule:
    """One expectation and the words for when it is not met.

    Args:
        suite: The facts it is stated on: ``rows``, ``columns`` or ``table``.
        expectation: Class name in `great_expectations.expectations`.
        arguments: Its arguments.
        message: A sentence with ``{count}``, ``{examples}`` and ``{found}``; ``(s)`` is for more than one.
    """

    name: str
    severity: Severity
    suite: str
    expectation: str
    arguments: Mapping[str, Any]
    message: str

    def build(self) -> Any:
        """The Great Expectations object."""
        import great_expectations.expectations as gxe

        return getattr(gxe, self.expectation)(
            **self.arguments,
            severity="critical" if self.severity == "fail" else "warning",
            meta={"rule": self.name},
        )


def between(name: str, severity: Severity, suite: str, column: str, message: str, **limits: Any) -> Rule:
    """A rule that every value of `column` lies within `limits` (`min_value`, `max_value`, `strict_min`, …)."""
    return Rule(name, severity, suite, BETWEEN, {"column": column, **limits}, message)
