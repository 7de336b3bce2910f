"""From the broker to the mail under kills: nothing is lost or told twice, and every rerun comes to the same."""

from __future__ import annotations

import pytest

from benchmarks.fault_injection.chain import disturbed, prepared
from benchmarks.fault_injection.findings import Findings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_kills_lose_and_double_neither_bars_nor_mails() -> None:
    findings = Findings()
    with prepared(2) as chain:
        disturbed(chain, 1, 2, 1, findings)
    assert findings.found == []
    assert findings.counts["kills inside steps"] >= 4, findings.counts
    assert findings.counts["anomalies told"] >= 2
    assert findings.counts["numbers replayed"] >= 20
