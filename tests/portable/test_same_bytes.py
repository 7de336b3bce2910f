"""The graphs of today's pipelines are the bytes that brain has always written: documents sign their hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from brain.portable.classifiers import own_graph

CLASSES = np.array([0, 1])
# Written by commit c5bd2f7 for the same models.
HASHES = {
    "logistic, standard scaling": "b3e4ebc234a08b9df2f603a2b79111d3cc233f1b282d3563511aa800312cb095",
    "logistic, power transform": "ea8255301172341df48e702a664149554951780a70f3cfba8fa2c2867a744b22",
    "logistic, quantile transform": "03c68e4f900eb5dba13e7e9367a2ea9e0d870f26e8c5ae28b5782bb59b0ffb9d",
    "SGD, modified Huber": "fd31c50882ce486b073be60109b9ac231520803bdcbe277e0dc09cb70bea04be",
    "forest": "aa690e7954d4ea1321195d67121ddc453132e15939a3d6db8085701d8a8f6120",
    "boosting": "21aa3b39169968b66cddb61914d5b5f76540e2e46a1dc16e94b781a599ec9efe",
}


def imputer() -> Any:
    from sklearn.impute import SimpleImputer

    made = SimpleImputer()
    made.statistics_ = np.array([0.5, -1.25, 3.0, 0.0])
    return made


def scaled_by(transformer: Any) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    last = LogisticRegression()
    last.classes_, last.coef_, last.intercept_ = CLASSES, np.array([[0.25, -0.5, 1.5, 2.0]]), np.array([-0.125])
    return Pipeline([("impute", imputer()), ("scale", transformer), ("classify", last)])


def standard() -> Any:
    from sklearn.preprocessing import StandardScaler

    made = StandardScaler()
    made.mean_, made.scale_, made.n_features_in_ = np.array([0.5, 1.0, 2.0, 4.0]), np.array([2.0, 0.5, 4.0, 1.0]), 4
    return scaled_by(made)


def power() -> Any:
    from sklearn.preprocessing import PowerTransformer

    made = PowerTransformer(standardize=False)
    made.lambdas_ = np.array([0.5, 0.0, 2.0, 1.25])
    return scaled_by(made)


def quantile() -> Any:
    from sklearn.preprocessing import QuantileTransformer

    made = QuantileTransformer()
    made.quantiles_, made.references_ = np.arange(20.0).reshape(5, 4), np.linspace(0, 1, 5)
    return scaled_by(made)


def huber() -> Any:
    from sklearn.linear_model import SGDClassifier

    made = SGDClassifier(loss="modified_huber")
    made.classes_, made.coef_, made.intercept_ = CLASSES, np.array([[0.25, -0.5, 1.5, 2.0]]), np.array([0.75])
    return made


def whole_numbers() -> tuple[Any, Any]:
    """Rows whose sums are exact, so that every machine fits the same trees."""
    rows = np.array([[n % 7, n % 5 - 2, n // 8, n * n % 11] for n in range(160)], dtype=np.float64)
    return rows, (rows[:, 0] + rows[:, 1] * 2 > rows[:, 3] - 3).astype(np.int64)


def forest() -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(4, max_depth=3, random_state=0).fit(*whole_numbers())


def boosting() -> Any:
    from lightgbm import LGBMClassifier

    settings: dict[str, Any] = {"deterministic": True, "force_col_wise": True, "n_jobs": 1, "verbose": -1}
    return LGBMClassifier(n_estimators=3, num_leaves=5, random_state=0, **settings).fit(*whole_numbers())


MODELS: dict[str, Callable[[], Any]] = dict(
    zip(HASHES, (standard, power, quantile, huber, forest, boosting), strict=True)
)


@pytest.mark.parametrize("name", HASHES)
def test_a_pipeline_is_written_as_the_bytes_it_always_was(name: str) -> None:
    assert hashlib.sha256(own_graph(MODELS[name](), 4)).hexdigest() == HASHES[name]
