"""Manifests of format 2, from when they were not signed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def upgraded(body: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest of format 2 in format 3: its counter is 0, and what stood before each segment is not known."""
    segments = {name: [*fields, None] for name, fields in body["segments"].items()}
    return {**body, "format": 3, "counter": 0, "segments": segments}
