"""The real steps while they are killed, cut off, starved, misled and altered; and defects put in, which must be found.

It stands for the quick form of `python -m benchmarks faults`, whose figures it asks for. A failure names the seed:
`python -m benchmarks.fault_injection SEED` plays that world again (docs/trust.md).
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import pytest

from benchmarks import faults
from benchmarks.bounds import complaints
from benchmarks.fault_injection.findings import Findings
from benchmarks.fault_injection.injections import KINDS
from benchmarks.fault_injection.machine import Machine
from benchmarks.fault_injection.pieces import Piece
from benchmarks.fault_injection.plants import PLANTS
from benchmarks.fault_injection.supervisor import Plan, Reference, disturbed, finds, prepared

DAYS = 2
SECONDS = 60.0
PLANT = "parts"  # the defect that is put in beside the figures

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

Prepared = tuple[Machine, Reference]


@pytest.fixture(scope="module")
def ready() -> Iterator[Prepared]:
    with prepared(DAYS) as made:
        yield made


def test_faults_break_nothing_and_every_rerun_comes_to_the_undisturbed_result(ready: Prepared) -> None:
    start, pieces = time.monotonic(), list[Piece]()
    for seed in itertools.count(1):
        findings = Findings()
        disturbed(*ready, seed, Plan(DAYS), findings)
        assert findings.found == [], f"seed {seed}"
        pieces.append(Piece.of(seed, findings))
        if time.monotonic() - start > SECONDS:
            break
    shown = {PLANT: finds(*ready, PLANT) is not None}
    report = faults.report({"kills inside steps": 10}, pieces, shown, time.monotonic() - start)
    assert complaints(faults, report.figures) == []


@pytest.mark.parametrize(
    "name", [name for name, planted in PLANTS.items() if planted.play == "direction" and name != PLANT]
)
def test_a_defect_that_was_put_in_is_found(ready: Prepared, name: str) -> None:
    if "disk" in PLANTS[name].kinds and ready[0].small_disk is None:
        pytest.skip("only root may mount a file system")
    found = finds(*ready, name)
    assert found is not None, f"nobody notices that {PLANTS[name].told}"


def test_every_kind_of_fault_has_a_defect_that_it_shows() -> None:
    assert {kind for planted in PLANTS.values() for kind in planted.kinds} == set(KINDS)
