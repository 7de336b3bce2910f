"""Support vector machines, bagged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brain.learning.families import svc
from brain.learning.family import SCALED, Family, Real, Whole


def _make(p: Mapping[str, Any], rows: int) -> Any:
    from sklearn.ensemble import BaggingClassifier

    member = svc.FAMILY.make({**p, "kernel": "rbf"}, rows)
    return BaggingClassifier(member, n_estimators=p["models"], max_samples=0.5, n_jobs=1, random_state=p["seed"])


FAMILY = Family(
    about="Support vector machines with Platt scaling, each fitted to a random half of the rows.",
    make=_make,
    space={"C": Real(1e-3, 10), "models": Whole(3, 10)},
    preprocessing=SCALED,
    takes_weights=False,
    newest_rows=1500,
)
