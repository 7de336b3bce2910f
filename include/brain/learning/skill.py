"""Which models may claim skill: a block test of each model, then false discovery control over all of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from scipy.special import logit, stdtr

from brain.learning.probability import log_loss

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from numpy.typing import NDArray

    Values = NDArray[np.float64]

Key = TypeVar("Key", bound="Hashable")

LEAST_BLOCKS = 8  # fewer blocks prove nothing: the p-value is then 1
LEAST_BLOCK_ROWS = 20
MOST_BLOCKS = 20  # of long histories the blocks are long, as bull and bear markets are
CONFIDENCE = 0.9
LEAST_SKILL = 5e-4  # skill below 0.05 % makes no claim, however regular: too little to matter
RESAMPLES = 1000


@dataclass(frozen=True)
class SkillTest:
    """Skill against the base rate, out of sample, with its interval and p-value.

    Args:
        skill: 1 - log loss / log loss of the base rate.
        low: Lower end of the two-sided block-bootstrap interval at `CONFIDENCE`.
        high: Its upper end.
        p_value: One-sided, of "the base rate says all there is to say", by a t-test on block means.
        blocks: Number of blocks, each at least two spans of a label long.
        standard_error: Of `skill`, from the spread of block means; 0 where there is nothing to measure.
    """

    skill: float
    low: float
    high: float
    p_value: float
    blocks: int
    standard_error: float


def skill_test(outcome: Values, base: Values, said: Values, span: int, seed: int) -> SkillTest:
    """Test what was said out of sample against the base rate.

    Labels of rows closer than `span` overlap, so rows are grouped in blocks of two spans at least. And drift comes in
    regimes that slow features follow by chance, so there are no more than `MOST_BLOCKS`: with blocks of 20 rows, 22 %
    of p-values were below 0.05 where the drift changed every year and the features were random walks; now 14 %.

    What was said holds the base rate as a special case, slope 0, and its slope is fitted. Even where nothing can be
    foreseen its loss is then a little above the base rate's, and a test of the losses is too strict for weak signals
    and, where slopes are tiny, too lax for none (Clark and West, 2007). So the p-value is of what their adjustment
    leaves: whether outcomes beyond the base rate go the way in which log-odds were moved away from it. If the base rate
    says all there is to say, the mean of that product is 0, whatever the slope.

    Args:
        outcome: 0 or 1, by row in time order, shape (n,).
        base: The base rate known before each row.
        said: What was said instead.
        span: Rows over which labels overlap.
        seed: Of the bootstrap.
    """
    base_loss = log_loss(outcome, base)
    rows = len(base_loss)
    blocks = max(1, min(rows // max(2 * span, LEAST_BLOCK_ROWS), MOST_BLOCKS))
    starts = np.arange(blocks) * rows // blocks
    loss = np.add.reduceat(base_loss, starts)
    gain = loss - np.add.reduceat(log_loss(outcome, said), starts)
    skill = float(gain.sum() / loss.sum())
    if not gain.std():  # one block has none either
        return SkillTest(skill, min(skill, 0.0), max(skill, 0.0), 1.0, blocks, 0.0)
    drawn = _resamples(blocks, seed)
    resampled = np.sort((drawn @ gain) / (drawn @ loss))
    low, high = np.interp([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], np.linspace(0, 1, RESAMPLES), resampled)
    spread = gain.std(ddof=1) / np.sqrt(blocks)
    moved = np.add.reduceat((outcome - base) * (logit(said) - logit(base)), starts)
    p_value = _p_value(moved, overlapping=span > 1) if blocks >= LEAST_BLOCKS else 1.0
    return SkillTest(skill, float(low), float(high), p_value, blocks, float(spread / loss.mean()))


def _p_value(block: Values, *, overlapping: bool) -> float:
    """One-sided p-value of "mean 0" by a t-test on blocks; `overlapping` ones may go with their neighbours."""
    blocks, off = len(block), block - block.mean()
    variance = float(off @ off)
    if overlapping:
        variance += max(0.0, 2 * float(off[1:] @ off[:-1]))
    if not variance:
        return 1.0
    return float(stdtr(blocks - 1, -block.mean() / np.sqrt(variance / (blocks - 1) / blocks)))


def too_little(skill: float) -> str:
    """Why a skill makes no claim, however small its p-value is; empty if it is large enough to matter."""
    return f"skill of {skill:.3%} is below {LEAST_SKILL:.2%}, too little to matter" if skill < LEAST_SKILL else ""


def too_much(skill: float, plausible: float) -> str:
    """Why a skill makes no claim, however small its p-value is; empty unless it is too good to be true."""
    if skill <= plausible:
        return ""
    found = f"skill of {skill:.1%} is above {plausible:.1%}, as only features have that know the future"
    return f"{found}; look at each, or raise training.plausible_skill"


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
    thresholds = level * np.arange(1, len(ordered) + 1) / len(ordered)
    threshold = max(ordered[ordered <= thresholds], default=-1.0)
    return {key: bool(p_value <= threshold) for key, p_value in p_values.items()}
