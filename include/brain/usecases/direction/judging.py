"""The verb `judge` of direction: which cells may claim skill, decided over the whole grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brain.learning.skill import control_fdr
from brain.store.verdicts import Verdict
from brain.usecases.direction.names import model_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brain.usecases.protocol import Run

LEVEL = 0.05  # where the catalogue has no asset, and so sets none


def judge_grid(run: Run) -> Mapping[str, Any]:
    """Control the false discovery rate over all champions of the catalogue's cells.

    The strictest asset's level counts. A champion whose cell is no longer in the catalogue is not judged.
    """
    assets = run.section.assets
    grid = {model_key(asset.name, horizon) for asset in assets for horizon in asset.horizons}
    claims = [claim for claim in run.store.claims(run.section.names) if claim.key in grid]
    level = min((asset.training.false_discovery_rate for asset in assets), default=LEVEL)
    proven = control_fdr({claim.key: claim.p_value for claim in claims}, level)
    verdicts = (Verdict(c.key, c.version, proven[c.key], c.p_value, run.moment.at) for c in claims)
    recorded = run.store.record_verdicts(verdicts)
    return {"models": len(claims), "with_skill": sum(proven.values()), "recorded": recorded}
