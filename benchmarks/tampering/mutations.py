"""Random changes to JSON-like values and to bytes."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bson import Int64, ObjectId
from bson.datetime_ms import DatetimeMS

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 2**31 - 1, 2**31, Int64(2**62), -(2**40), 0.0, 0.5, 0.999, 1e308, -1e-300),
    *(float("nan"), float("inf"), "", "x", "GOLD", "SILVER", "../..", "\0", "é" * 300, "0" * 64, "f" * 64, "RETURNS25"),
    *([], [1], [[]], {}, {"a": 1}, {"$ref": 5, "$id": 1}, {"has_skill": True}, b"", b"\xff" * 20),
    *(datetime(1970, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC), DatetimeMS(2**60), ObjectId(b"0" * 12)),
)
JSON_VALUES = tuple(value for value in VALUES if type(value) in (type(None), bool, int, float, str, list, dict))


def mutated(value: Mapping[str, Any], draw: random.Random, values: tuple[Any, ...] = VALUES) -> dict[str, Any]:
    """A copy with one to three changes, anywhere in it: a value replaced, dropped, added, swapped or nudged."""
    changed: dict[str, Any] = copy.deepcopy(dict(value))
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        places = list(_places(changed))
        if not places:
            break
        _change(*draw.choice(places), draw, values)
    return changed


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key or position) in the value."""
    found: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        found = [(value, name) for name in value]
    elif isinstance(value, list):
        found = [(value, place) for place in range(len(value))]
    return found + [place for inner in _inside(value) for place in _places(inner)]


def _inside(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def _change(container: Any, place: Any, draw: random.Random, values: tuple[Any, ...]) -> None:
    kind = draw.choice(("replace", "replace", "nudge", "drop", "add", "swap"))
    if kind == "drop":
        del container[place]
    elif kind == "add" and isinstance(container, dict):
        container[draw.choice(("extra", "verdict", "format", "degraded", "signature"))] = draw.choice(values)
    elif kind == "swap":
        other = draw.choice(list(container) if isinstance(container, dict) else range(len(container)))
        container[place], container[other] = container[other], container[place]
    elif kind == "nudge":
        container[place] = _nudged(container[place], draw)
    else:
        container[place] = copy.deepcopy(draw.choice(values))


def _nudged(value: Any, draw: random.Random) -> Any:
    """A value of the same type, a little off."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + draw.choice((-1, 1))
    if isinstance(value, float):
        return value * 1.01 + 1e-3
    if isinstance(value, str) and value:
        place = draw.randrange(len(value))
        return value[:place] + draw.choice("0aZ/.é") + value[place + 1 :]
    return value


def damaged(content: bytes, draw: random.Random) -> bytes:
    """The bytes with some flipped, cut off, dropped, doubled or added."""
    kind = draw.choice(("flip", "flip", "flip", "cut", "drop", "double", "add"))
    if not content or kind == "add":
        return content + draw.randbytes(draw.randrange(1, 40))
    place = draw.randrange(len(content))
    stop = min(len(content), place + draw.randrange(1, 40))
    if kind == "cut":
        return content[:place]
    if kind == "drop":
        return content[:place] + content[stop:]
    if kind == "double":
        return content[:stop] + content[place:]
    flipped = bytearray(content)
    flipped[place] ^= 1 << draw.randrange(8)
    return bytes(flipped)
