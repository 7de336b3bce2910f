"""The files of the front end, read once: an address can name these and no other."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class StaticFile:
    """One file, as it is sent."""

    content: bytes
    type: str

    @cached_property
    def tag(self) -> str:
        return f'"{hashlib.sha256(self.content).hexdigest()[:32]}"'

    def answer(self) -> Response:
        """To be asked for again each time, so that a new release is seen at once."""
        return Response(self.content, media_type=self.type, headers={"Cache-Control": "no-cache", "ETag": self.tag})


def _read() -> Mapping[str, StaticFile]:
    paths = (path for path in sorted(FOLDER.rglob("*")) if path.suffix in TYPES)
    return {path.relative_to(FOLDER).as_posix(): StaticFile(path.read_bytes(), TYPES[path.suffix]) for path in paths}


STATIC = _read()
