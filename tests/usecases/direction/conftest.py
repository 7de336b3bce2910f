from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from brain.core.keys import Sha256
from brain.learning.candidate import DataReference
from brain.usecases.direction.catalogue import AssetSpec


@pytest.fixture
def data() -> DataReference:
    return DataReference(Sha256("a" * 64), date(2024, 1, 1), ("walk",))


@pytest.fixture
def spec() -> Callable[..., AssetSpec]:
    """The asset WALK with a small search; keywords change its training settings."""

    def make(horizons: tuple[int, ...] = (1, 5), leave_out: tuple[str, ...] = (), **training: object) -> AssetSpec:
        settings = {"trials": 3, "classifiers": ("logistic",), **training}
        return AssetSpec.model_validate(
            {"name": "WALK", "table": "walk", "horizons": horizons, "leave_out": leave_out, "training": settings}
        )

    return make
