"""From the broker to the mail under kills; the longer form is `python -m benchmarks faults_bars`.

Here two of the things that nothing is lost by are taken away on purpose, and that has to be found.
"""

from __future__ import annotations

import pytest

from benchmarks.fault_injection.chain import disturbed, finds, prepared
from benchmarks.fault_injection.findings import Findings
from benchmarks.fault_injection.plants import PLANTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_kills_lose_and_double_neither_bars_nor_mails_and_what_was_put_in_on_purpose_is_found() -> None:
    findings = Findings()
    with prepared(1) as chain:
        disturbed(chain, 1, 1, 1, findings)
        assert findings.found == []
        assert findings.counts["anomalies told"] >= 2
        assert findings.counts["numbers replayed"] >= 20
        for defect in (name for name, planted in PLANTS.items() if planted.play == "anomalies"):
            assert finds(chain, defect), f"nobody notices that {PLANTS[defect].told}"
