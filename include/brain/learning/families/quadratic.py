"""Logistic regression on features, their squares and their products."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brain.learning.family import Family, Real, Whole

QUANTILES = 100


def _make(p: Mapping[str, Any], _rows: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=p["C"], solver="newton-cholesky", tol=1e-6)


def _before(p: Mapping[str, Any], rows: int, features: int) -> list[tuple[str, Any]]:
    """Ranks, because a product of two outliers would outweigh all else; then products, of which the best are kept.

    The best are chosen among products and not among features: one that matters only beside another would be missed.
    """
    from sklearn.feature_selection import SelectKBest
    from sklearn.preprocessing import PolynomialFeatures, QuantileTransformer, StandardScaler

    terms = features * (features + 3) // 2
    return [
        ("rank", QuantileTransformer(n_quantiles=min(QUANTILES, rows), subsample=None, random_state=0)),
        ("center", StandardScaler()),
        ("multiply", PolynomialFeatures(2, include_bias=False)),
        ("keep", SelectKBest(k=min(p["terms"], terms))),
        ("even", StandardScaler()),
    ]


FAMILY = Family(
    about="Ridge logistic regression on the ranks of features, their squares and their products.",
    make=_make,
    space={"C": Real(1e-4, 1), "terms": Whole(5, 80, log=True)},
    preprocessing={},
    first_trials=({"C": 0.01, "terms": 20},),
    before=_before,
    order=2,
)
