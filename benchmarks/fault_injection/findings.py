"""What a run counted and what it found: a finding is something that must never be."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """One thing that must never be.

    Args:
        rule: Which rule was broken: a key of `RULES`.
        told: What was seen, and after which faults.
    """

    rule: str
    told: str


RULES = {
    "whole": "readers see all rows, all of one publication",
    "forward": "As_Of and Published_At never go back",
    "true": "a number that is shown is the undisturbed one of its publication",
    "traced": "a number comes out again from a model that verifies and was champion then",
    "champions": "one champion a key, and its version is there",
    "orphans": "after `tidy` nothing is left that nobody needs",
    "passing": "what passes by itself fails with an error that a retry may help",
    "ends": "a step ends",
    "contained": "what strikes one asset leaves the others fresh",
    "converges": "the rerun gives the undisturbed tables, champions and versions, byte for byte",
}


@dataclass
class Findings:
    """Counts of faults and checks, and what was found; the reader adds to them from its own thread."""

    counts: Counter[str] = field(default_factory=Counter)
    found: list[Finding] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, what: str, number: int = 1) -> None:
        with self._lock:
            self.counts[what] += number

    def fault(self, kind: str, told: str) -> None:
        """Note a fault that struck."""
        with self._lock:
            self.counts[kind] += 1
            self.faults.append(f"{kind}: {told}")

    def report(self, rule: str, told: str) -> None:
        """Note something that must never be, with the faults that came last; the same once."""
        assert rule in RULES, rule
        with self._lock:
            if not any(one.rule == rule and one.told.startswith(told) for one in self.found):
                self.found.append(Finding(rule, f"{told} [after {'; '.join(self.faults[-4:]) or 'no fault'}]"))
