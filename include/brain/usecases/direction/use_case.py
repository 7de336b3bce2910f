"""Direction as the seam sees it."""

from __future__ import annotations

from brain.core.section import Section
from brain.usecases.direction.catalogue import Assets
from brain.usecases.direction.names import NAME


class Direction:
    """Is Close not lower N rows later?"""

    name = NAME
    section: type[Section] = Assets
    top_level: tuple[str, ...] = ("defaults", "assets")
