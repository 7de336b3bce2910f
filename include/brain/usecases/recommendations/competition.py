"""Which method a list is made by: each is chosen in the past of the test, and has to beat every simpler one in it.

Numbers of a method are chosen on the span before the test; on the test the methods meet, from the simplest on, and the
next one is taken only if the 95 % interval of what its lists gain per customer lies above zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.usecases.recommendations.als import INSTALL, has_als
from brain.usecases.recommendations.measures import Measured, best, measure
from brain.usecases.recommendations.names import (
    ALS,
    BLEND,
    BUY_AGAIN,
    DECAYED,
    EASE,
    FOR_YOU,
    FREQUENCY,
    NEW_FOR_YOU,
    POPULARITY,
)
from brain.usecases.recommendations.recipes import EASE_ITEMS, Kitchen, Recipe, grid

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from brain.usecases.recommendations.purchases import Purchases

METHODS: Mapping[str, tuple[str, ...]] = {  # the simplest first
    BUY_AGAIN: (POPULARITY, FREQUENCY, DECAYED),
    NEW_FOR_YOU: (POPULARITY, EASE, ALS),
    FOR_YOU: (POPULARITY, FREQUENCY, DECAYED, BLEND),
}
UNPROVEN = {BUY_AGAIN: FREQUENCY, NEW_FOR_YOU: POPULARITY, FOR_YOU: FREQUENCY}
"""What is published where nothing can be measured."""
SIMPLE = (POPULARITY, FREQUENCY)
ALS_ABOVE = 20_000  # items; EASE weighs the most popular of them only
FEWEST = 30  # customers without whom nothing is measured
MOST = 5_000  # customers, evenly spread, that are enough to measure on
CHUNK = 500  # customers whose scores are in memory at a time
_SIGMAS = 1.96
_DAY = np.timedelta64(86_400_000_000, "us")


@dataclass(frozen=True)
class Span:
    """What was bought until `start`, and after it until `end`."""

    past: Purchases
    future: Purchases
    start: np.datetime64
    end: np.datetime64

    @classmethod
    def of(cls, purchases: Purchases, start: np.datetime64, end: np.datetime64, max_items: int) -> Span:
        """With the items that are popular at `start`: the others cannot be recommended."""
        past = purchases.until(start)
        items = past.popular(max_items, EASE_ITEMS) if len(past) else past.items[:0]
        return cls(past.of_items(items), purchases.between(start, end).of_items(items), start, end)


@dataclass(frozen=True)
class Verdict:
    """What a list is made by, and why.

    Args:
        measured: By method, what its recipe reached on the test; empty where nothing could be measured.
        gain: The 95 % interval of nDCG per customer over the best simple method; None if that itself is published.
        tested: The test's first and last time; None where there was none.
        why: For people.
    """

    recipe: Recipe
    why: str
    measured: Mapping[str, Measured] = field(default_factory=dict)
    gain: tuple[float, float] | None = None
    tested: tuple[np.datetime64, np.datetime64] | None = None

    @property
    def has_skill(self) -> bool:
        """Whether the list is better than popularity and own frequency."""
        return self.recipe.method not in SIMPLE

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for the model's document."""
        means = {
            method: {"ndcg": float(one.ndcg.mean()), "precision": float(one.precision.mean())}
            for method, one in self.measured.items()
        }
        customers = max((len(one) for one in self.measured.values()), default=0)
        return {
            "method": self.recipe.method,
            "why": self.why,
            "has_skill_over_simple": self.has_skill,
            "methods": means,
            "customers": customers,
            "gain": None if self.gain is None else list(self.gain),
            "tested": None if self.tested is None else [str(time) for time in self.tested],
        }


def asked(span: Span) -> NDArray[np.int64]:
    """Customers who bought before and within the span; of many, `MOST` that are evenly spread."""
    found = np.intersect1d(span.past.customer, span.future.customer).astype(np.int64)
    if len(found) > MOST:
        found = found[np.linspace(0, len(found) - 1, MOST).astype(np.int64)]
    return found


def spans(
    purchases: Purchases, days: int, max_items: int, who: Callable[[Span], NDArray[np.int64]] = asked
) -> tuple[Span, Span] | None:
    """The span to choose on and the one to test on, each of `days` days; None where there is nothing to measure.

    Of a history that is too short or too thin for that, each has the next fifth of the purchases.

    Args:
        who: Of whom a span needs a few: those who are measured on it.
    """
    if len(purchases) < 2:
        return None
    end = purchases.at[-1]
    for test, choice in (
        (end - days * _DAY, end - 2 * days * _DAY),
        (purchases.at[int(0.8 * (len(purchases) - 1))], purchases.at[int(0.6 * (len(purchases) - 1))]),
    ):
        chosen = Span.of(purchases, choice, test, max_items)
        tested = Span.of(purchases, test, end, max_items)
        if all(len(who(one)) >= FEWEST for one in (chosen, tested)):
            return chosen, tested
    return None


def judged_lists(names: Sequence[str], split: tuple[Span, Span] | None, length: int) -> dict[str, Verdict]:
    """The verdict on each list.

    Args:
        split: As `spans` gives it.
    """
    if split is None:
        return {name: unproven(name) for name in names}
    chosen, tested = split
    kitchens = Kitchen(chosen.past, chosen.start), Kitchen(tested.past, tested.start)
    return {name: compete(name, chosen, tested, length, kitchens) for name in names}


def compete(name: str, chosen: Span, tested: Span, length: int, kitchens: tuple[Kitchen, Kitchen]) -> Verdict:
    """The verdict on the list `name`.

    Args:
        kitchens: Of the past of `chosen` and of `tested`.
    """
    recipes: list[Recipe] = []
    many = len(tested.past.items) > ALS_ABOVE
    for method in _methods(name, many=many):
        half_life = next((one.half_life for one in recipes if one.method == DECAYED), None) if method == BLEND else None
        found = [
            (measured(name, chosen, kitchens[0], recipe, length).ndcg, recipe) for recipe in grid(method, half_life)
        ]
        recipes.append(max(found, key=lambda one: float(one[0].mean()) if len(one[0]) else 0.0)[1])
    reached = {one.method: measured(name, tested, kitchens[1], one, length) for one in recipes}
    if min(map(len, reached.values())) < FEWEST:
        return replace(unproven(name), why=f"fewer than {FEWEST} customers took something that this list may name")
    verdict = _climb(recipes, reached, (tested.start, tested.end))
    if many and ALS in METHODS[name] and not has_als():
        return replace(verdict, why=f"{verdict.why}; als was not tried: it needs `{INSTALL}`")
    return verdict


def _methods(name: str, *, many: bool) -> list[str]:
    """The methods of a list; ALS where there are many items, and its package."""
    return [method for method in METHODS[name] if method != ALS or (many and has_als())]


def unproven(name: str) -> Verdict:
    """The verdict where nothing could be measured."""
    why = f"fewer than {FEWEST} customers bought again within the test, so no method could prove itself"
    return Verdict(Recipe(UNPROVEN[name]), why)


def measured(name: str, span: Span, kitchen: Kitchen, recipe: Recipe, length: int) -> Measured:
    """What the lists of a recipe reach on a span."""
    from brain.usecases.recommendations.purchases import FOREVER, presence

    model, customers = kitchen.model(recipe), asked(span)
    history = span.past.decayed(recipe.half_life, span.start)
    seen, future = presence(history), span.future.decayed(FOREVER, span.end)
    parts = []
    for start in range(0, len(customers), CHUNK):
        rows = customers[start : start + CHUNK]
        scores = model.scores(history[rows], seen[rows])
        may = allowed(name, history[rows])
        taken = future[rows]
        if may is not None:
            scores[~may] = -np.inf
            taken = taken.multiply(may).tocsr()
            taken.eliminate_zeros()
        parts.append(measure(best(scores, length), taken, length))
    return _joined(parts)


def allowed(name: str, history: csr_matrix) -> NDArray[np.bool_] | None:
    """Which items a list may name, shape (customers, items); None for all."""
    if name == FOR_YOU:
        return None
    owned: NDArray[np.bool_] = history.toarray() > 0
    return owned if name == BUY_AGAIN else ~owned


def _joined(parts: Sequence[Measured]) -> Measured:
    pick: Callable[[str], NDArray[np.float64]] = lambda part: np.concatenate(  # noqa: E731
        [np.empty(0), *(getattr(one, part) for one in parts)]
    )
    return Measured(pick("ndcg"), pick("precision"), pick("average_precision"))


def interval(gain: NDArray[np.float64]) -> tuple[float, float]:
    """The 95 % interval of a mean over customers."""
    half = _SIGMAS * float(gain.std(ddof=1)) / np.sqrt(len(gain))
    return float(gain.mean()) - half, float(gain.mean()) + half


def _climb(
    recipes: Sequence[Recipe], reached: Mapping[str, Measured], tested: tuple[np.datetime64, np.datetime64]
) -> Verdict:
    taken = recipes[0]
    for recipe in recipes[1:]:
        if interval(reached[recipe.method].ndcg - reached[taken.method].ndcg)[0] > 0:
            taken = recipe
    simple = max(
        (one.method for one in recipes if one.method in SIMPLE), key=lambda one: float(reached[one].ndcg.mean())
    )
    if taken.method in SIMPLE:
        others = [one.method for one in recipes if one.method not in SIMPLE]
        why = f"{' and '.join(others)} did not beat {taken.method} on later purchases"
        return Verdict(taken, why, reached, None, tested)
    gain = interval(reached[taken.method].ndcg - reached[simple].ndcg)
    why = f"its lists gain {gain[0]:.4f} to {gain[1]:.4f} of nDCG over {simple} on later purchases"
    return Verdict(taken, why, reached, gain, tested)
