"""A hash of the code that makes a result: what was made by the same code of the same inputs need not be made again."""

from __future__ import annotations

import functools
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


@functools.cache
def hash_of_code(folders: tuple[str, ...], libraries: tuple[str, ...] = ()) -> str:
    """A hash of every source file in some folders of this package, and of the versions of libraries.

    Args:
        folders: Below `brain`, such as ``learning``.
        libraries: Names of installed distributions.
    """
    told = sha256()
    for path in sorted(file for folder in folders for file in (_PACKAGE / folder).rglob("*.py")):
        told.update(f"{path.relative_to(_PACKAGE)}\0".encode() + path.read_bytes() + b"\0")
    for name in libraries:
        told.update(f"{name} {version(name)}\0".encode())
    return told.hexdigest()
