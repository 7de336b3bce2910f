"""A shop's steps under the same faults as those of assets: lists and segments are whole, true, and come out again.

A failure names the seed: `python -m benchmarks.fault_injection SEED --play segments` plays that world again.
"""

from __future__ import annotations

import pytest

from benchmarks.fault_injection.findings import Findings
from benchmarks.fault_injection.plants import PLANTS
from benchmarks.fault_injection.plays import PLAYS
from benchmarks.fault_injection.supervisor import Plan, disturbed, finds, prepared

DAYS = {"recommendations": 1, "segments": 2}  # a segment is compared with the one of the day before

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize(("name", "days"), DAYS.items())
def test_faults_break_nothing_and_what_was_put_in_on_purpose_is_found(name: str, days: int) -> None:
    findings = Findings()
    with prepared(days, PLAYS[name]) as ready:
        disturbed(*ready, 1, Plan(days, 1), findings)
        assert findings.found == []
        assert findings.counts["days compared"] == days
        assert findings.counts["numbers replayed"] >= 100
        assert findings.counts["polls"] >= 20
        for defect in (plant for plant, planted in PLANTS.items() if planted.play == name):
            assert finds(*ready, defect) is not None, f"nobody notices that {PLANTS[defect].told}"
