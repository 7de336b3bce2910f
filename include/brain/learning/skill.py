"""Which models may claim skill: a block test of each model, then false discovery control over all of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from scipy.special import stdtr

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from numpy.typing import NDArray

Key = TypeVar("Key", bound="Hashable")

LEAST_BLOCKS = 8  # fewer blocks prove nothing: the p-value is then 1
LEAST_BLOCK_ROWS = 20
CONFIDENCE = 0.9
LEAST_SKILL = 5e-4  # skill below 0.05 % makes no claim, however regular: the p-value is then 1
RESAMPLES = 1000


@dataclass(frozen=True)
class SkillTest:
    """Skill against the base rate, out of sample, with its interval and p-value.

    Args:
        skill: 1 - log loss / log loss of the base rate.
        low: Lower end of the two-sided block-bootstrap interval at `CONFIDENCE`.
        high: Its upper end.
        p_value: One-sided, of "no gain in log loss", by a t-test on block means.
        blocks: Number of blocks, each at least two spans of a label long.
        standard_error: Of `skill`, from the spread of block means; 0 where there is nothing to measure.
    """

    skill: float
    low: float
    high: float
    p_value: float
    blocks: int
    standard_error: float


def skill_test(base_loss: NDArray[np.float64], model_loss: NDArray[np.float64], span: int, seed: int) -> SkillTest:
    """Test out-of-sample losses of a model against those of the base rate.

    Labels of rows closer than `span` overlap, so rows are grouped in blocks of two spans: block means are then nearly
    independent (only neighbouring blocks have labels that overlap).

    Args:
        base_loss: Log loss of the base rate by row in time order, shape (n,).
        model_loss: Log loss of the model, same rows.
        span: Rows over which labels overlap.
        seed: Of the bootstrap.
    """
    rows = len(base_loss)
    blocks = max(1, rows // max(2 * span, LEAST_BLOCK_ROWS))
    starts = np.arange(blocks) * rows // blocks
    base = np.add.reduceat(base_loss, starts)
    gain = base - np.add.reduceat(model_loss, starts)
    skill = float(gain.sum() / base.sum())
    if blocks < 2 or not gain.std():
        return SkillTest(skill, min(skill, 0.0), max(skill, 0.0), 1.0, blocks, 0.0)
    drawn = _resamples(blocks, seed)
    resampled = np.sort((drawn @ gain) / (drawn @ base))
    low, high = np.interp([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], np.linspace(0, 1, RESAMPLES), resampled)
    spread = gain.std(ddof=1) / np.sqrt(blocks)
    p_value = (
        float(stdtr(blocks - 1, -gain.mean() / spread)) if blocks >= LEAST_BLOCKS and skill >= LEAST_SKILL else 1.0
    )
    return SkillTest(skill, float(low), float(high), p_value, blocks, float(spread / base.mean()))


@lru_cache(maxsize=64)
def _resamples(blocks: int, seed: int) -> NDArray[np.float64]:
    """How often each block is drawn in each bootstrap sample, shape (RESAMPLES, blocks)."""
    drawn = np.random.default_rng(seed).multinomial(blocks, np.full(blocks, 1 / blocks), size=RESAMPLES)
    return drawn.astype(np.float64)


def control_fdr(p_values: Mapping[Key, float], level: float) -> dict[Key, bool]:
    """Which models may claim skill, so that at most the share `level` of the claims is expected to be false.

    Benjamini & Hochberg (1995), valid too for positively dependent p-values (Benjamini & Yekutieli 2001), as those of
    overlapping labels are.

    Args:
        p_values: Of all models, not only of the promising ones.
        level: Expected share of false claims.
    """
    ordered = np.sort(np.fromiter(p_values.values(), dtype=np.float64))
    thresholds = level * np.arange(1, len(ordered) + 1) / max(1, len(ordered))
    threshold = max(ordered[ordered <= thresholds], default=-1.0)
    return {key: bool(p_value <= threshold) for key, p_value in p_values.items()}
