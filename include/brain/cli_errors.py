"""What a person is told when the `brain` command is given bytes, or meets an error that nobody foresaw."""

from __future__ import annotations

import os
import traceback
from tempfile import mkstemp

from brain.core.errors import SettingsError, UnforeseenError


def refuse_bytes(words: list[str]) -> None:
    """No name, reason or query is anything but text: databases take UTF-8.

    Raises:
        SettingsError: One of them is not.
    """
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise SettingsError(
                "the command line",
                found=f"{word!a}, which is no UTF-8",
                expected="text",
                remedy="Type the name as `brain models list` prints it.",
            ) from None


def unforeseen(error: Exception) -> UnforeseenError:
    """What a person is told of an error that nobody foresaw; its traceback goes to a file that only they can read."""
    number, path = mkstemp(prefix="brain-error-", suffix=".log", text=True)
    with os.fdopen(number, "w", errors="backslashreplace") as file:
        traceback.print_exception(error, file=file)
    first = next(iter(str(error).splitlines()), "").encode(errors="backslashreplace").decode()
    return UnforeseenError(
        "the command",
        found=f"{type(error).__name__}: {first[:300]}",
        expected="every case to be handled",
        remedy=f"Report it with the traceback in {path}; BRAIN_DEBUG=1 shows it here.",
    )
