"""What names a part of a topic."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """A partition of a topic: within it messages have an order, and offsets that count them."""

    topic: str
    partition: int
