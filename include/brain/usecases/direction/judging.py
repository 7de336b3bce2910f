"""The verb `judge` of direction: which cells may claim skill, decided over the whole grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brain.learning.skill import control_fdr
from brain.store.verdicts import Verdict
from brain.usecases.direction.names import model_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brain.core.keys import ModelKey
    from brain.store.verdicts import Claim
    from brain.usecases.protocol import Run

LEVEL = 0.05  # where the catalogue has no asset, and so sets none


def judge_grid(run: Run) -> Mapping[str, Any]:
    """Decide over all champions of the catalogue's cells.

    The strictest asset's level counts. A champion whose cell is no longer in the catalogue is not judged.
    """
    assets = run.section.assets
    grid = {model_key(asset.name, horizon) for asset in assets for horizon in asset.horizons}
    claims = [claim for claim in run.store.claims(run.section.names) if claim.key in grid]
    level = min((asset.training.false_discovery_rate for asset in assets), default=LEVEL)
    proven = may_claim(claims, level)
    verdicts = (Verdict(c.key, c.version, proven[c.key], c.p_value, run.moment.at) for c in claims)
    recorded = run.store.record_verdicts(verdicts)
    return {"models": len(claims), "with_skill": sum(proven.values()), "recorded": recorded}


def may_claim(claims: Sequence[Claim], level: float) -> dict[ModelKey, bool]:
    """Which models may claim skill: this is decided here, and nowhere else.

    Chance has to be ruled out, by the p-values of all models together; and nothing may speak against a claim. What
    speaks against it leaves its p-value alone: a skill too small to matter is no better explained by chance.
    """
    proven = control_fdr({claim.key: claim.p_value for claim in claims}, level)
    return {claim.key: proven[claim.key] and not claim.barred for claim in claims}
