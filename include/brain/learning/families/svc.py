"""Support vector machines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brain.learning.family import SCALED, Choice, Family, Real, Whole


def _make(p: Mapping[str, Any], _rows: int) -> Any:
    """Platt scaling on held-out decision values makes probabilities; the head corrects what it gets wrong."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.svm import SVC

    machine = SVC(C=p["C"], kernel=p["kernel"], degree=p.get("degree", 3), random_state=p["seed"])
    return CalibratedClassifierCV(machine, method="sigmoid", cv=3, ensemble=False)


FAMILY = Family(
    about="A support vector machine with Platt scaling.",
    make=_make,
    space={
        "C": Real(1e-3, 10),
        "kernel": Choice(("rbf", "poly")),
        "degree": Whole(2, 4, when=("kernel", ("poly",))),
    },
    preprocessing=SCALED,
    takes_weights=False,
    newest_rows=1500,
)
