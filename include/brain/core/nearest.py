"""The name that a person may have meant."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ALIKE = 0.65  # at least, as difflib counts it: GLOD and GOLD are 0.75, NOPE and COPPER 0.6, NOPE and PFE 0.57
_NUMBERED = re.compile(r"(?P<stem>\D*)(?P<number>\d{1,18})")


def nearest(name: str, known: Iterable[str]) -> str:
    """The one of `known` that is most like `name`, whatever its case; of numbered names, that of the nearest number.

    Empty where nothing is alike.
    """
    folded = {one.casefold(): one for one in sorted(set(known), reverse=True)}
    asked = _NUMBERED.fullmatch(name.casefold())
    if asked:
        same = [found for one in folded if (found := _NUMBERED.fullmatch(one)) and found["stem"] == asked["stem"]]
        if same:
            number = int(asked["number"])
            return folded[min(same, key=lambda one: (abs(int(one["number"]) - number), int(one["number"])))[0]]
    near = get_close_matches(name.casefold(), folded, n=1, cutoff=ALIKE)
    return folded[near[0]] if near else ""


def told_nearest(name: str, known: Iterable[str]) -> str:
    """The same as a sentence, with a blank behind it; empty where nothing is alike."""
    found = nearest(name, known)
    return f"The nearest name is {found}. " if found else ""
