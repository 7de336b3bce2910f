"""Recipes: a method with its numbers, and the model it makes of purchases."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.usecases.recommendations.als import als_weights
from brain.usecases.recommendations.ease import ease_weights
from brain.usecases.recommendations.list_model import Factors, ListModel
from brain.usecases.recommendations.names import ALS, BLEND, DECAYED, EASE, FREQUENCY, POPULARITY
from brain.usecases.recommendations.purchases import FOREVER, Purchases, presence

if TYPE_CHECKING:
    from numpy.typing import NDArray

HALF_LIVES = (30.0, 60.0, 120.0, FOREVER)  # days
EASE_HALF_LIVES = (120.0, FOREVER)  # each costs an inverse for every penalty
PENALTIES = ((100.0, 0.0), (300.0, 0.0), (1000.0, 0.0), (450.0, 0.5))  # l2 and dropout
EASE_ITEMS = 5_000
FACTORS, ALS_PENALTIES = (32, 128), (0.1, 10.0)
SHARES = (0.5, 1.0, 2.0, 4.0)
_TIE = 1e-6  # popularity decides between items that nothing else tells apart


@dataclass(frozen=True)
class Recipe:
    """How to make a list's model.

    Args:
        half_life: Days after which a purchase counts half.
        l2: The penalty of EASE or ALS.
        dropout: Of EASE.
        factors: Of ALS.
        share: What EASE counts in a blend, where own purchases count 1.
    """

    method: str
    half_life: float = FOREVER
    l2: float = 0.0
    share: float = 0.0
    factors: int = 0
    dropout: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def grid(method: str, half_life: float | None = None) -> list[Recipe]:
    """The recipes of a method among which the past chooses.

    Args:
        half_life: Only with this one.
    """
    if method == FREQUENCY:
        return [Recipe(FREQUENCY)]
    if method == ALS:
        return [Recipe(ALS, l2=l2, factors=factors) for factors in FACTORS for l2 in ALS_PENALTIES]
    half_lives = (EASE_HALF_LIVES if method == EASE else HALF_LIVES) if half_life is None else (half_life,)
    penalties = PENALTIES if method in (EASE, BLEND) else ((0.0, 0.0),)
    shares = SHARES if method == BLEND else (0.0,)
    return [
        Recipe(method, days, l2, share, dropout=dropout)
        for days in half_lives
        for l2, dropout in penalties
        for share in shares
    ]


@dataclass
class Kitchen:
    """Makes models of the same purchases; EASE's weights, which are dear, once for each half-life and penalty.

    Args:
        past: With the items that may be recommended.
        end: The time from which their age counts.
        ease_items: Only the first so many items have weights: a matrix of items by items is dear.
    """

    past: Purchases
    end: np.datetime64
    ease_items: int = EASE_ITEMS
    _weights: dict[tuple[float, float, float], NDArray[np.float32]] = field(default_factory=dict, repr=False)

    def model(self, recipe: Recipe) -> ListModel:
        """The model that `recipe` makes."""
        seen = presence(self.past.decayed(recipe.half_life, self.end))
        popularity = np.asarray(seen.sum(axis=0), np.float32).ravel()
        popularity /= max(popularity.max(initial=0.0), 1e-12)
        tie = np.float32(_TIE) * popularity
        if recipe.method == POPULARITY:
            return ListModel(0.0, None, popularity)
        if recipe.method in (FREQUENCY, DECAYED):
            return ListModel(1.0, None, tie)
        if recipe.method == ALS:
            return ListModel(0.0, Factors(*als_weights(seen, min(recipe.factors, *seen.shape), recipe.l2)), tie)
        weights = self._ease(recipe)
        if recipe.method == EASE:
            return ListModel(0.0, weights, tie)
        return ListModel(1.0, weights * np.float32(recipe.share), tie)

    def _ease(self, recipe: Recipe) -> NDArray[np.float32]:
        kind = recipe.half_life, recipe.l2, recipe.dropout
        if kind not in self._weights:
            if len(self._weights) > 1:  # a matrix of items by items takes memory
                self._weights.pop(next(iter(self._weights)))
            seen = presence(self.past.decayed(recipe.half_life, self.end))[:, : self.ease_items]
            self._weights[kind] = ease_weights(seen, recipe.l2, recipe.dropout)
        return self._weights[kind]
