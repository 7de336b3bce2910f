"""Candidates as training makes them, on small made-up rows, and an open store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from brain.core.keys import Sha256
from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.learning.candidate import Candidate, DataReference, Decision, TrainingWindow
from brain.portable.export import OnnxModel
from brain.portable.heads import Blend
from brain.store.models import ModelStore
from brain.usecases.direction.names import model_key
from local.servers import Servers

FEATURES = ("momentum_5", "momentum_20", "volatility_20", "rsi_14")
END = datetime(2024, 1, 5, tzinfo=UTC)
MOMENT = Moment(END)

MakeCandidate = Callable[..., Candidate]


def training_rows(seed: int = 0, rows: int = 300) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Rows of `FEATURES` with a few gaps, and outcomes that depend on them a little."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, len(FEATURES))) * (1, 10, 0.01, 50)
    outcome = (matrix[:, 0] + rng.normal(size=rows) * 2 >= 0).astype(np.int64)
    matrix[rng.random(matrix.shape) < 0.02] = np.nan
    return matrix, outcome


def logistic_pipeline() -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())


@pytest.fixture
def make_candidate() -> MakeCandidate:
    def make(
        asset: str = "GOLD", horizon: int = 25, *, seed: int = 0, trained_at: datetime = END, **changes: Any
    ) -> Candidate:
        matrix, outcome = training_rows(seed)
        pipeline = changes.pop("pipeline", None) or logistic_pipeline()
        values: dict[str, Any] = {
            "key": model_key(asset, horizon),
            "pipeline": pipeline if isinstance(pipeline, OnnxModel) else pipeline.fit(matrix, outcome),
            "parameters": {"classifier": "logistic", "C": 1.0},
            "features": FEATURES,
            "head": Blend(0.55, 0.4, 0.01, 0.1),
            "metrics": {"log_loss": 0.68, "skill": 0.02, "trials": 12},
            "window": TrainingWindow(date(2010, 1, 4), date(2023, 11, 1), date(2023, 12, 8), len(matrix)),
            "data": DataReference(Sha256("a" * 64), date(2024, 1, 5), (asset,)),
            "decision": Decision("search", "no champion"),
            "seed": seed,
            "trained_at": trained_at,
            "searched_at": trained_at,
            "check_rows": matrix[:100],
        }
        return Candidate(**{**values, **changes})

    return make


@pytest.fixture
def connections(servers: Servers, model_database: str) -> dict[str, str]:
    """As everywhere, but with a fresh Mongo database only: these tests do not touch PostgreSQL."""
    return servers.connections(models=model_database)


@pytest.fixture
def store(settings: Settings) -> ModelStore:
    return ModelStore.open(settings, "direction")
