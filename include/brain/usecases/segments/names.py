"""What segments calls its models and its parts."""

from __future__ import annotations

from brain.core.keys import ModelKey

NAME = "segments"
SPACE = "segments"
TARGET = "segment"
KIND = "kmeans"
NO_GROUP = 0  # the segment of customers without a purchase
NO_GROUP_NAME = "has bought nothing yet"


def model_key(shop: str) -> ModelKey:
    """The shop's only model."""
    return ModelKey(NAME, shop, TARGET)
