"""Logistic regression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brain.learning.family import SCALED, Choice, Family, Real


def _make(p: Mapping[str, Any], _rows: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    if p["penalty"] == "l2":
        return LogisticRegression(C=p["C"], solver="newton-cholesky", tol=1e-6)
    ratio = 1.0 if p["penalty"] == "l1" else p["l1_ratio"]
    return LogisticRegression(C=p["C"], l1_ratio=ratio, solver="saga", max_iter=200, tol=1e-3, random_state=p["seed"])


FAMILY = Family(
    about="Logistic regression with a ridge, lasso or elastic net penalty.",
    make=_make,
    space={
        "C": Real(1e-4, 10),
        "penalty": Choice(("l2", "l1", "elasticnet")),
        "l1_ratio": Real(0.1, 0.9, log=False, when=("penalty", ("elasticnet",))),
    },
    preprocessing=SCALED,
    first_trials=(  # strong shrinkage, which is hard to beat where little can be foreseen
        {"scale": "standard", "select": "none", "C": 0.1, "penalty": "l2"},
        {"scale": "standard", "select": "none", "C": 0.003, "penalty": "l2"},
    ),
    order=0,
)
