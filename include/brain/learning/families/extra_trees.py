"""Extremely randomised trees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brain.learning.family import UNSCALED, Family, Real, Whole


def _make(p: Mapping[str, Any], _rows: int) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(
        n_estimators=p["trees"], max_depth=p["depth"], min_samples_leaf=p["leaf"], n_jobs=1, random_state=p["seed"]
    )


FAMILY = Family(
    about="Shallow trees that split at random thresholds.",
    make=_make,
    space={"trees": Whole(50, 300, log=True), "depth": Whole(2, 8), "leaf": Real(0.01, 0.2)},
    preprocessing=UNSCALED,
)
