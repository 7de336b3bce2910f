"""What a search tries, in this order: pipelines that are known to be good, then points that cover the space evenly.

The list owes nothing to what the trials found. An adaptive sampler picks by comparing numbers that tie mathematically,
so that the last bit, which differs between processors, decides what is tried next; and in the few trials a small model
is worth there is little to adapt to.
"""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.learning.family import Choice, Real
from brain.learning.search_space import dimensions, first_trials, in_space

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from brain.learning.family import Dimension, Parameters
    from brain.learning.settings import TrainingSettings

DIGITS = 2  # of a real number: more would only make recipes longer
PATIENCE = 10  # draws for each trial wanted: a small space holds few pipelines that differ


def proposals(
    settings: TrainingSettings, warm_starts: Sequence[Mapping[str, Any]] = (), turn: int = 0
) -> Iterator[Parameters]:
    """Pipelines to try, no two alike: `warm_starts`, the families' first trials, then points of the space.

    Args:
        settings: `classifiers`, `scales`, `trials` and `seed` are used.
        warm_starts: Those outside the space are passed over.
        turn: Another number gives other points, so that a later search does not try the same again.
    """
    seen: list[Parameters] = []
    known = (*warm_starts, *first_trials())
    for proposal in (*_inside(known, settings), *_points(settings, turn)):
        parameters = {**proposal, "seed": settings.seed}
        if parameters not in seen:
            seen.append(parameters)
            yield parameters


def _inside(known: Sequence[Mapping[str, Any]], settings: TrainingSettings) -> Iterator[Mapping[str, Any]]:
    return (start for start in known if in_space(start, settings.classifiers, settings.scales))


def _points(settings: TrainingSettings, turn: int) -> Iterator[Parameters]:
    """The families take turns; which one begins depends on `turn`, for a small budget ends with the first."""
    begin = turn % len(settings.classifiers)
    names = (*settings.classifiers[begin:], *settings.classifiers[:begin])
    draws = [_family_points(name, settings, turn) for name in names]
    for _ in range(PATIENCE * settings.trials):
        for draw in draws:
            yield next(draw)


def _family_points(classifier: str, settings: TrainingSettings, turn: int) -> Iterator[Parameters]:
    asked = dimensions(classifier, settings.scales)
    start = np.random.default_rng([settings.seed, turn, zlib.crc32(classifier.encode())]).random(len(asked))
    steps = _steps(len(asked))
    number = 0
    while True:
        place = (start + number * steps) % 1.0
        yield _parameters(classifier, asked, place.tolist())
        number += 1


def _steps(count: int) -> NDArray[np.float64]:
    """Steps of the additive sequence that covers `count` dimensions evenly (Roberts 2018), shape (count,).

    They are powers of the root of x^(count + 1) = x + 1, the golden ratio for one dimension.
    """
    root = 2.0
    for _ in range(60):
        root = (1 + root) ** (1 / (count + 1))
    return np.array([root**-power for power in range(1, count + 1)])


def _parameters(classifier: str, asked: Mapping[str, Dimension], place: Sequence[float]) -> Parameters:
    """The pipeline at `place` in the unit cube, as plain JSON; parameters without effect are left out."""
    parameters: Parameters = {"classifier": classifier}
    for share, (name, dimension) in zip(place, asked.items(), strict=True):
        if dimension.when is None or parameters[dimension.when[0]] in dimension.when[1]:
            parameters[name] = _value(dimension, share)
    return parameters


def _value(dimension: Dimension, share: float) -> Any:
    if isinstance(dimension, Choice):
        return dimension.values[int(share * len(dimension.values))]
    if isinstance(dimension, Real):
        value = float(f"{_between(dimension.low, dimension.high, share, log=dimension.log):.{DIGITS}g}")
        return min(max(value, dimension.low), dimension.high)
    if dimension.log:
        return round(_between(dimension.low, dimension.high, share, log=True))
    return dimension.low + int(share * (dimension.high - dimension.low + 1))


def _between(low: float, high: float, share: float, *, log: bool) -> float:
    return low * math.exp(share * math.log(high / low)) if log else low + share * (high - low)
