"""Where the content of a store goes when it is copied out."""

from __future__ import annotations

from typing import Protocol


class Sink(Protocol):
    """Takes bytes.

    Args:
        entries: How many rows, documents or files were written; who writes them says it.
    """

    entries: int

    def write(self, content: bytes, /) -> int:
        """Take all of `content`; how many bytes that is."""
