"""Gaussian naive Bayes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brain.learning.family import SCALED, Family, Real


def _make(p: Mapping[str, Any], _rows: int) -> Any:
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB(var_smoothing=p["smoothing"])


FAMILY = Family(
    about="Gaussian naive Bayes.",
    make=_make,
    space={"smoothing": Real(1e-9, 1)},
    preprocessing=SCALED,
)
