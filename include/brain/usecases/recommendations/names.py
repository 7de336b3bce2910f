"""What recommendations are called: the lists, the methods, and who a list is for where nobody is known."""

from __future__ import annotations

from brain.core.keys import ModelKey

NAME = SPACE = "recommendations"

BUY_AGAIN, NEW_FOR_YOU, FOR_YOU = "buy_again", "new_for_you", "for_you"
LISTS = (BUY_AGAIN, NEW_FOR_YOU, FOR_YOU)

POPULARITY, FREQUENCY, DECAYED = "popularity", "own frequency", "own frequency with decay"
EASE, ALS, BLEND = "ease", "als", "blend"

ANYONE = "*"
"""The customer of the lists for people of whom no order is known."""


def model_key(shop: str, name: str) -> ModelKey:
    """The model behind a list."""
    return ModelKey(NAME, shop, name)
