from __future__ import annotations

from brain.store.verdicts import Claim
from brain.usecases.direction.judging import may_claim
from brain.usecases.direction.names import model_key

GOLD, WTI, VIX = (model_key(asset, 5) for asset in ("GOLD", "WTI", "VIX"))


def test_a_claim_needs_proof_and_nothing_against_it() -> None:
    claims = [Claim(GOLD, 1, 0.001), Claim(WTI, 1, 0.001, "too little to matter"), Claim(VIX, 1, 0.5)]
    assert may_claim(claims, 0.1) == {GOLD: True, WTI: False, VIX: False}


def test_what_is_barred_does_not_change_what_chance_explains() -> None:
    """0.045 is proven beside a second small p-value, whatever that one's model may claim, and not without it."""
    beside = [Claim(GOLD, 1, 0.045), Claim(WTI, 1, 0.001, "too little to matter"), Claim(VIX, 1, 0.9)]
    assert may_claim(beside, 0.1)[GOLD]
    assert not may_claim([beside[0], beside[2]], 0.05)[GOLD]
