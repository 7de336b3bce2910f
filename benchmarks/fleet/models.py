"""Fitted pipelines of every kind the search may pick, and candidates made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brain.core.keys import ModelKey, Sha256
from brain.learning.candidate import Candidate, DataReference, Decision, TrainingWindow
from brain.learning.search_space import build
from brain.portable.export import Export, export
from brain.portable.heads import Blend
from brain.usecases.direction.names import model_key

FEATURES = tuple(f"feature_{n:02}" for n in range(20))
END = datetime(2024, 1, 5, tzinfo=UTC)
ROWS = 1_000

PARAMETERS: dict[str, dict[str, Any]] = {
    "logistic": {"classifier": "logistic", "scale": "standard", "select": "none", "C": 0.1, "penalty": "l2"},
    "logistic_k_best": {
        "classifier": "logistic", "scale": "robust", "select": "k_best", "share": 0.5, "C": 0.1, "penalty": "l2",
    },
    "sgd": {"classifier": "sgd", "scale": "standard", "select": "none", "alpha": 0.01, "penalty": "l2"},
    "forest": {
        "classifier": "forest", "select": "none", "trees": 100, "depth": 6, "leaf": 0.02, "features": "sqrt",
    },
    "extra_trees": {"classifier": "extra_trees", "select": "none", "trees": 100, "depth": 6, "leaf": 0.02},
    "boosting": {
        "classifier": "boosting", "select": "none", "trees": 40, "rate": 0.05, "leaves": 6, "leaf": 0.05,
        "features": 0.7, "ridge": 10.0,
    },
}  # fmt: skip
# How often each is found among the champions of a mixed fleet, in twentieths.
MIX = ("logistic",) * 7 + ("logistic_k_best",) * 2 + ("sgd",) + ("boosting",) * 5 + ("forest",) * 4 + ("extra_trees",)


@dataclass(frozen=True)
class FittedModel:
    """A fitted pipeline, its recipe and its export."""

    parameters: dict[str, Any]
    pipeline: Any
    export: Export


def rows(seed: int, count: int = ROWS) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Feature rows (count, features) with a few gaps, and outcomes that depend on them a little."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(count, len(FEATURES))) * np.geomspace(0.01, 100, len(FEATURES))
    outcome = (matrix[:, 0] / 0.01 + 2 * rng.normal(size=count) >= 0).astype(np.int64)
    matrix[rng.random(matrix.shape) < 0.005] = np.nan
    return matrix, outcome


@cache
def fitted(kind: str, seed: int) -> FittedModel:
    """One fitted model; fleets reuse a few of each kind under many keys."""
    matrix, outcome = rows(seed)
    parameters = {**PARAMETERS[kind], "seed": seed}
    pipeline = build(parameters, len(matrix), len(FEATURES)).fit(matrix, outcome)
    return FittedModel(parameters, pipeline, export(pipeline, matrix[-256:], kind))


def candidate(key: ModelKey, model: FittedModel, seed: int) -> Candidate:
    """What training would hand over."""
    matrix, _ = rows(seed)
    return Candidate(
        key=key,
        pipeline=model.pipeline,
        parameters=model.parameters,
        features=FEATURES,
        head=Blend(0.54, 0.4, 0.0, 0.05),
        metrics={
            "log_loss": 0.68,
            "skill": 0.012,
            "skill_low": 0.001,
            "skill_high": 0.02,
            "trials": 12,
        },
        window=TrainingWindow(date(2014, 1, 2), date(2023, 11, 1), date(2023, 12, 8), len(matrix)),
        data=DataReference(Sha256("0" * 64), date(2024, 1, 5), (key.entity,)),
        decision=Decision("search", "no champion"),
        seed=seed,
        trained_at=END,
        searched_at=END,
        check_rows=matrix[-256:],
        proofs=tuple({"train_end": "2022-01-03", "test_start": "2022-03-01"} for _ in range(5)),
        description="P(Close is not lower)",
    )


def fleet(
    assets: int, horizons: int, kinds: tuple[str, ...] = MIX, variety: int = 4
) -> Iterator[tuple[Candidate, Export]]:
    """Candidates for a grid of assets and horizons; the kinds of `kinds` take turns."""
    for number in range(assets * horizons):
        asset, horizon = divmod(number, horizons)
        seed = number % variety
        model = fitted(kinds[number % len(kinds)], seed)
        yield candidate(model_key(asset_name(asset), horizon + 1), model, seed), model.export


def asset_name(number: int) -> str:
    return f"ASSET{number:04}"
