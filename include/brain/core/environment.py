"""The variables of Brain: what the environment says, or a file that it names."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from brain.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "BRAIN_"
SUFFIX = "_FILE"
LARGEST = 2**20  # bytes of a file
FILES = ("_URL_FILE", "_KEYS_FILE")  # of what may carry a password, or is one


def brain_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Values by name; a URL or keys may stand in the file that `NAME_FILE` names. Empty variables count as unset.

    Raises:
        SettingsError: A value is given twice, or its file is of no use. What a file holds is not told.
    """
    given = {name: value for name, value in environ.items() if name.startswith(PREFIX) and value}
    files = {name: path for name, path in given.items() if name.endswith(FILES)}
    for name in files:
        if name.removesuffix(SUFFIX) in given:
            raise SettingsError(
                name,
                found=f"{name.removesuffix(SUFFIX)} beside it",
                expected="one of the two",
                remedy="Unset one of them.",
            )
    read = {name.removesuffix(SUFFIX): _content(name, path) for name, path in files.items()}
    return {name: value for name, value in given.items() if name not in files} | read


def _content(name: str, path: str) -> str:
    if not path.startswith("/"):  # not shown: it may be the secret itself
        raise _useless(name, "something else")
    try:
        value = _bytes(name, path).decode("utf-8-sig").rstrip("\r\n")
    except OSError as error:
        raise _useless(name, f"{path}: {error.strerror or 'an unreadable file'}") from None
    except ValueError:
        raise _useless(name, f"{path}: no text") from None
    if len(value.splitlines()) != 1:
        raise _useless(name, f"{path}: {len(value.splitlines())} lines")
    return value


def _bytes(name: str, path: str) -> bytes:
    """Of a regular file; a pipe or a device might never end."""
    opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        kind = os.fstat(opened).st_mode
        if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
            raise _useless(name, f"{path}: a pipe or a device")
        content = os.read(opened, LARGEST + 1)
    finally:
        os.close(opened)
    if len(content) > LARGEST:
        raise _useless(name, f"{path}: more than {LARGEST:,} bytes")
    return content


def _useless(name: str, found: str) -> SettingsError:
    return SettingsError(
        name,
        found=found,
        expected="the absolute path of a file with one line, the value",
        remedy=f"Correct the path or the file, or set {name.removesuffix(SUFFIX)} itself.",
    )
