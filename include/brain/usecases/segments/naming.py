"""Names of groups in words, from what sets each apart; a name stays for as long as it is true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

APART = 0.2  # of all customers, between a group's median and the middle one, from which on it is said
KEPT = 0.1  # down to which a name that was given stays true
SAID = 2  # traits in a name, unless more are needed to tell groups apart


@dataclass(frozen=True)
class Trait:
    """A feature in words.

    Args:
        kind: Where in the name it stands: ``who`` names the people, ``do`` what they do, ``when`` and ``how`` follow.
        high, low: What a group far above and below the middle is called; empty is not said.
    """

    feature: str
    kind: str
    high: str
    low: str

    def words(self, *, above: bool) -> str:
        return self.high if above else self.low


TRAITS = (
    Trait("expected_spend", "who", "big spenders", "small spenders"),
    Trait("orders", "do", "buy often", "buy seldom"),
    Trait("recency_days", "when", "long ago", "lately"),
    Trait("order_value", "how", "large orders", "small orders"),
    Trait("irregularity", "how", "at irregular intervals", "at regular intervals"),
    Trait("returned_share", "how", "many returns", ""),
    Trait("items", "how", "many different items", "few different items"),
)
BY_FEATURE = {trait.feature: trait for trait in TRAITS}
KINDS = ("who", "do", "when", "how")
Said = dict[str, bool]  # by feature, whether the group is above the middle


def standings(known: pd.DataFrame, labels: NDArray[np.int64], groups: int) -> list[dict[str, float]]:
    """By group, where its median stands among all customers in each trait's feature: -0.5 (lowest) to 0.5.

    Ties count half, so that a group of the commonest value stands in the middle of those who share it.
    """
    found: list[dict[str, float]] = [{} for _ in range(groups)]
    for trait in TRAITS:
        values = known[trait.feature].to_numpy(np.float64)
        told = np.isfinite(values)
        everybody = np.sort(values[told])
        for group in range(groups):
            own = values[told & (labels == group)]
            if len(own) and everybody[0] < everybody[-1]:
                middle = np.median(own)
                below = np.searchsorted(everybody, middle, "left") + np.searchsorted(everybody, middle, "right")
                found[group][trait.feature] = float(below / 2 / len(everybody) - 0.5)
    return found


def traits_of(stands: Sequence[Mapping[str, float]], before: Mapping[int, Said]) -> list[Said]:
    """By group, the traits it is named after, different for each where the features allow it.

    Args:
        before: By group, the traits of the name it had: kept if they still are true.
    """
    chosen: dict[int, Said] = {
        group: said
        for group, said in before.items()
        if said and all(_true(stands[group], *one) for one in said.items())
    }
    ranked = {group: _ranked(stands[group]) for group in range(len(stands)) if group not in chosen}
    count = dict.fromkeys(ranked, SAID)
    while True:
        for group, traits in ranked.items():
            chosen[group] = dict(traits[: count[group]])
        names = [_set(chosen[group]) for group in range(len(stands))]
        clashing = [g for g in ranked if names.count(names[g]) > 1 and count[g] < len(ranked[g])]
        if not clashing:
            return [chosen[group] for group in range(len(stands))]
        for group in clashing:
            count[group] += 1


def names_of(
    traits: Sequence[Said], bought_once: Sequence[bool], stands: Sequence[Mapping[str, float]], ids: Sequence[int]
) -> list[str]:
    """A name a group, each only once: "big spenders who buy often, lately".

    Args:
        bought_once: Whether most of a group bought once only.
        stands: What tells two groups apart that have the same traits: who of them spends more.
        ids: What tells groups apart for which there are no other words.
    """
    names = [_name(said, once=once) for said, once in zip(traits, bought_once, strict=True)]
    spend = [of.get("expected_spend", 0.0) for of in stands]
    names = [f"{name}{_compared(number, names, spend)}" for number, name in enumerate(names)]
    return [f"{name} ({key})" if names.count(name) > 1 else name for name, key in zip(names, ids, strict=True)]


def _compared(number: int, names: Sequence[str], spend: Sequence[float]) -> str:
    """Whether a group spends more or less than the only other one of its name; empty where that does not tell."""
    others = [other for other, name in enumerate(names) if name == names[number] and other != number]
    if len(others) != 1 or spend[number] == spend[others[0]]:
        return ""
    return ", spending more" if spend[number] > spend[others[0]] else ", spending less"


def set_apart(stands: Mapping[str, float]) -> str:
    """What sets a group apart, for people: every trait that is said of it, with its place among all customers."""
    told = [
        f"{feature} {'above' if above else 'below'} that of {0.5 + abs(stands[feature]):.0%} of customers"
        for feature, above in _ranked(stands)
    ]
    return "; ".join(told) or "nothing: its customers are like all others"


def _ranked(stands: Mapping[str, float]) -> list[tuple[str, bool]]:
    """The traits that may be said, what is furthest from the middle first."""
    able = [
        (feature, stands[feature] > 0)
        for feature in stands
        if abs(stands[feature]) >= APART and BY_FEATURE[feature].words(above=stands[feature] > 0)
    ]
    order = [trait.feature for trait in TRAITS]
    return sorted(able, key=lambda one: (-round(abs(stands[one[0]]), 2), order.index(one[0])))


def _true(stands: Mapping[str, float], feature: str, above: bool) -> bool:
    stand = stands.get(feature, 0.0)
    return stand >= KEPT if above else stand <= -KEPT


def _set(said: Said) -> frozenset[tuple[str, bool]]:
    return frozenset(said.items())


def _name(said: Said, *, once: bool) -> str:
    parts: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for trait in TRAITS:
        if trait.feature in said:
            above = said[trait.feature]
            single = once and trait.feature == "orders" and not above
            parts[trait.kind].append("bought once" if single else trait.words(above=above))
    who = parts["who"][0] if parts["who"] else "customers" if said else "average customers"
    if parts["when"] and not parts["do"]:
        parts["do"] = [f"bought {parts['when'].pop()}"]
    does = f" who {parts['do'][0]}" if parts["do"] else ""
    return ", ".join([f"{who}{does}", *parts["when"], *parts["how"]])
