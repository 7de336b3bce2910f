"""Linear models fitted by stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brain.learning.family import SCALED, Choice, Family, Real


def _make(p: Mapping[str, Any], _rows: int) -> Any:
    from sklearn.linear_model import SGDClassifier

    return SGDClassifier(loss="log_loss", alpha=p["alpha"], penalty=p["penalty"], average=True, random_state=p["seed"])


FAMILY = Family(
    about="Logistic regression fitted by averaged stochastic gradient descent.",
    make=_make,
    space={"alpha": Real(1e-4, 1), "penalty": Choice(("l2", "l1", "elasticnet"))},
    preprocessing=SCALED,
)
