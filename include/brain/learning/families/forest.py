"""Random forests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brain.learning.family import UNSCALED, Choice, Family, Real, Whole


def _make(p: Mapping[str, Any], _rows: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(
        n_estimators=p["trees"],
        max_depth=p["depth"],
        min_samples_leaf=p["leaf"],
        max_features=p["features"],
        n_jobs=1,
        random_state=p["seed"],
    )


FAMILY = Family(
    about="A random forest of shallow trees.",
    make=_make,
    space={
        "trees": Whole(50, 300, log=True),
        "depth": Whole(2, 8),
        "leaf": Real(0.01, 0.2),
        "features": Choice(("sqrt", "log2", None)),
    },
    preprocessing=UNSCALED,
)
