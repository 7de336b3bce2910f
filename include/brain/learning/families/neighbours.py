"""Nearest neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brain.learning.family import SCALED, Choice, Family, Whole


def _make(p: Mapping[str, Any], rows: int) -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(n_neighbors=min(p["k"], rows), weights=p["weights"], n_jobs=1)


FAMILY = Family(
    about="The share of ones among the nearest rows.",
    make=_make,
    space={"k": Whole(25, 400, log=True), "weights": Choice(("uniform",))},
    preprocessing=SCALED,
    takes_weights=False,
    newest_rows=4000,
)
