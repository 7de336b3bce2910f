"""What a published value is made of: what the model adds to its base rate, feature by feature."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logit

from brain.core.errors import ScoringError
from brain.portable.heads import Blend
from brain.portable.parts import Parts, log_odds_parts
from brain.store.stored_model import model_id

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brain.portable.evaluate import Evaluator
    from brain.store.stored_model import StoredModel

LEAST = 1e-12  # of a part, in log-odds: what is less is rounding


@dataclass(frozen=True)
class Reason:
    """A part of a published value.

    Args:
        kind: What it is, in a word.
        words: For people, a sentence.
        part: In log-odds; the parts of a value add up to its own.
        feature: Name of the feature it is about; None if it is about none.
        value: Of the feature in the scored row, or of the share that the words name; None if there is none.
    """

    kind: str
    words: str
    part: float
    feature: str | None = None
    value: float | None = None


def added_parts(
    model: StoredModel, row: NDArray[np.float64], published: float, evaluator: Evaluator | None = None
) -> Parts:
    """What the model adds to the log-odds of its base rate: the total is ``logit(published) - logit(base rate)``.

    Args:
        row: As the model takes it, shape (features,).
        published: What its head made of the row, where it may claim skill.
        evaluator: The model's; made anew if None.

    Raises:
        ArtifactRejected: The model may not be run.
        ScoringError: Its head has no base rate.
    """
    head = model.head
    if not isinstance(head, Blend):
        raise ScoringError(
            model_id(model.key, model.version),
            found=f"a head {head.kind!r}",
            expected="one that blends a base rate with what the model says",
            remedy="There is nothing to take apart: the value is the model's output.",
        )
    found = log_odds_parts(evaluator or model.evaluator(), row, model_id(model.key, model.version), head.center)
    blended = replace(
        found,
        features=head.slope * found.features,
        reference=head.slope * (found.reference - head.center) + head.intercept,
        together=head.slope * found.together,
        limits=head.slope * found.limits,
    )
    rest = float(logit(published) - logit(head.base_rate)) - blended.total
    return replace(blended, limits=blended.limits + rest)
