"""How much of a model's evidence is believed: the slope of the blend that is published."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Values = NDArray[np.float64]

PRIOR_SCALE = 0.3  # a priori, the share of its claimed evidence that a model of daily returns is worth
PRIOR_FREEDOM = 3  # degrees of freedom: most models are worth next to nothing, and some few a lot
HALF_LIFE = 2500  # rows, ten years, after which evidence counts half: what is known tends to be traded away
STEPS = 60
MOST = 4.0  # of a slope: beyond, a model says so little that its noise would be published


def recency(rows: NDArray[np.intp], now: int) -> Values:
    """How much evidence of `rows` counts at the row `now`, shape (n,): 1 if new, the less the older."""
    counts: Values = 0.5 ** ((now - rows) / HALF_LIFE)
    return counts


def blend_slope(
    evidence: Values, outcome: Values, base_odds: Values, weight: Values | float, expected: float = 0.0
) -> float:
    """How much of the model's evidence to believe: 0 none, 1 all of it.

    The slope from 0 to `MOST` that is likeliest under a t-distribution around what is expected: where the evidence,
    counted in independent outcomes, is thin, the slope stays there, and where it is plenty the prior hardly matters. A
    normal one would hold back the strongest models most. Where there are two such slopes, the one near what is expected
    is found. Newton's steps take the t-distribution for the normal one that has the same gradient (Lange, Little and
    Taylor, 1989), and a step that would leave the bracket is halved into it.

    Args:
        evidence: Out-of-sample log-odds of the model beyond the base rate, shape (n,).
        outcome: 0 or 1, shape (n,).
        base_odds: Log-odds of the base rate known at the time, shape (n,).
        weight: How many independent outcomes a row stands for: 1 / span where labels overlap; or shape (n,).
        expected: The slope where there is no evidence.
    """
    low, high, slope, freedom = 0.0, MOST, min(expected, MOST), PRIOR_FREEDOM + 1
    for _ in range(STEPS):
        precision = freedom / (freedom * PRIOR_SCALE**2 + (slope - expected) ** 2)
        chance = expit(base_odds + slope * evidence)
        gradient = float((weight * evidence) @ (chance - outcome)) + precision * (slope - expected)
        curvature = float((weight * evidence**2) @ (chance * (1 - chance))) + precision
        low, high = (low, slope) if gradient > 0 else (slope, high)
        stepped = slope - gradient / curvature
        before, slope = slope, stepped if low <= stepped <= high else (low + high) / 2
        if abs(slope - before) < 1e-8:
            break
    return slope


def shares_of_their_own(spans: Sequence[int]) -> list[float]:
    """How much labels over each span say that those over the others do not, from 0 to 1.

    Moves over j and over k rows share min / max of their variance: three of 20, 21 and 25 rows tell little
    more than one.
    """
    return [1 / sum(min(one, other) / max(one, other) for other in spans) for one in spans]
