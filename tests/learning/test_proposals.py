"""The fixed list of what a search tries."""

from __future__ import annotations

from itertools import islice
from typing import Any, get_args

import numpy as np
import pytest

from brain.learning.families import families
from brain.learning.family import Real, Scale
from brain.learning.proposals import proposals
from brain.learning.search_space import dimensions, first_trials
from brain.learning.settings import TrainingSettings

SCALES = get_args(Scale)
ALL = TrainingSettings(classifiers=tuple(families()), scales=SCALES, trials=400)


def points(settings: TrainingSettings, count: int, turn: int = 0) -> list[dict[str, Any]]:
    """The first proposals that no family makes as a first trial."""
    known = [{**trial, "seed": settings.seed} for trial in first_trials()]
    return list(islice((found for found in proposals(settings, turn=turn) if found not in known), count))


def test_warm_starts_come_first_then_the_first_trials_then_families_in_turn() -> None:
    settings = TrainingSettings(classifiers=("logistic", "boosting"))
    warm = {"classifier": "logistic", "scale": "robust", "select": "none", "C": 0.3, "penalty": "l2", "seed": 1}
    of_others = {"classifier": "svc", "C": 1.0, "kernel": "rbf", "scale": "robust", "select": "none"}
    found = list(islice(proposals(settings, [of_others, warm]), 20))
    known = [trial for trial in first_trials() if trial["classifier"] in settings.classifiers]
    assert found[: 1 + len(known)] == [{**given, "seed": 7} for given in (warm, *known)]
    assert [drawn["classifier"] for drawn in found[1 + len(known) :]][:4] == ["logistic", "boosting"] * 2


def test_no_pipeline_is_proposed_twice() -> None:
    found = list(islice(proposals(ALL, first_trials()), 600))
    assert all(found[n] not in found[:n] for n in range(len(found)))


def test_a_small_space_ends_the_list() -> None:
    settings = TrainingSettings(classifiers=("neighbours",), scales=("standard",), trials=3)
    assert 3 <= len(list(proposals(settings))) <= 30


def test_the_same_seed_and_turn_give_the_same_list_and_others_give_others() -> None:
    settings = TrainingSettings(trials=30)
    first = points(settings, 20)
    assert points(settings, 20) == first
    assert not [found for found in points(settings, 20, turn=1) if found in first]
    reseeded = [{**found, "seed": settings.seed} for found in points(TrainingSettings(trials=30, seed=8), 20)]
    assert not [found for found in reseeded if found in first]


def test_the_points_of_a_family_cover_every_dimension_evenly() -> None:
    settings = TrainingSettings(classifiers=("boosting",), trials=64)
    drawn = points(settings, 64)
    for name, dimension in dimensions("boosting", SCALES).items():
        if isinstance(dimension, Real) and dimension.when is None:
            values = [found[name] for found in drawn]
            edges = np.geomspace if dimension.log else np.linspace
            counts, _ = np.histogram(values, edges(dimension.low * 0.999, dimension.high * 1.001, 9))
            assert counts.min() >= 4, name  # 8 would be perfect; 64 random points leave 2 or 3 somewhere


@pytest.mark.parametrize("name", families())
def test_proposed_numbers_are_short(name: str) -> None:
    settings = TrainingSettings(classifiers=(name,), scales=SCALES, trials=40)
    numbers = [value for found in points(settings, 40) for value in found.values() if isinstance(value, float)]
    assert all(float(f"{value:.2g}") == value for value in numbers)
