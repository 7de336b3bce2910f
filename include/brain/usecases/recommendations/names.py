"""What recommendations are called: the lists, the methods, and who a list is for where nobody is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brain.core.keys import ModelKey

if TYPE_CHECKING:
    import pandas as pd

    from brain.store.stored_model import StoredModel

NAME = SPACE = "recommendations"

BUY_AGAIN, NEW_FOR_YOU, FOR_YOU = "buy_again", "new_for_you", "for_you"
LISTS = (BUY_AGAIN, NEW_FOR_YOU, FOR_YOU)

POPULARITY, FREQUENCY, DECAYED = "popularity", "own frequency", "own frequency with decay"
EASE, ALS, BLEND = "ease", "als", "blend"

ANYONE = "*"
"""The customer of the lists for people of whom no order is known."""


def items_and_groups(model: StoredModel) -> tuple[pd.Index, tuple[str, ...]]:
    """The items that a list's model scores, and the groups that it knows."""
    import pandas as pd

    groups = tuple(model.document["hyper_parameters"].get("groups") or ())
    return pd.Index(model.features[: len(model.features) - len(groups)], dtype="str"), groups


def model_key(shop: str, name: str) -> ModelKey:
    """The model behind a list."""
    return ModelKey(NAME, shop, name)
