"""What a detector is: features of each bar that look back only, and a graph that makes one number of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from brain.usecases.anomalies.usual_size import Moves, measure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from brain.portable.graph import GraphBuilder
    from brain.usecases.anomalies.series import Series

    Values = NDArray[np.float64]


@dataclass(frozen=True)
class Known:
    """A series, and what all detectors measure by."""

    series: Series

    @cached_property
    def moves(self) -> Moves:
        return measure(self.series)


class Scorer(Protocol):
    """The fitted part of a detector: from features to how strange a bar is, larger is stranger."""

    def score(self, features: Values) -> Values:
        """Of each row (n, features), shape (n,)."""
        ...

    def write(self, builder: GraphBuilder, width: int) -> str:
        """Append the same to a graph whose current result are `width` features; the result's name, shape (n, 1)."""
        ...


class Detector(Protocol):
    """One way to notice that something is strange."""

    @property
    def name(self) -> str:
        """In the tables."""

    @property
    def kind(self) -> str:
        """What it finds, in the words of `brain.usecases.anomalies.planting` or its own."""

    @property
    def about(self) -> str:
        """The same in a sentence, for people."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of what it looks at."""

    @property
    def bars_before(self) -> int:
        """How many bars it needs before the first that it can judge."""

    def look(self, known: Known) -> Values:
        """Features of each bar, computed of it and those before it, shape (n, features); finite."""
        ...

    def least(self, chance: float) -> float:
        """What no threshold is below: the score that pure chance exceeds with this probability; 0 where unknown."""
        ...

    def fit(self, rows: Values, seed: int) -> Scorer:
        """Learn from the features of many bars, (n, features); a rule has nothing to learn."""
        ...
