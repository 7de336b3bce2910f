"""Which code this is: its version, and the commit of the checkout it runs from."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_HERE = Path(__file__).resolve()


@dataclass(frozen=True)
class Release:
    """The code that runs.

    Args:
        version: Of the installed package.
        commit: Of the git checkout; empty where the code runs from none, as in the image.
        clean: Whether no tracked file differs from the commit; False where there is none.
    """

    version: str
    commit: str = ""
    clean: bool = False

    def __str__(self) -> str:
        if not self.commit:
            return f"{self.version}, from no git checkout"
        return f"{self.version}, commit {self.commit[:12]}{'' if self.clean else ' with changes'}"


def this_release(but: Sequence[str] = ()) -> Release:
    """The release whose code is running.

    Args:
        but: Paths, or patterns of paths, from the top of the checkout, that may differ in a clean one.
    """
    version = installed_version("brain")
    if not _git("ls-files", "--error-unmatch", str(_HERE)):  # installed beside the checkout of something else
        return Release(version)
    return Release(version, _git("rev-parse", "HEAD"), not _changes(but))


def _changes(but: Sequence[str]) -> str:
    apart = (f":(top,exclude){path}" for path in but)
    return _git("status", "--porcelain", "--untracked-files=no", "--", ":(top)", *apart)


def _git(*words: str) -> str:
    """What git says in the checkout of this file; empty where it says nothing or there is none."""
    command = ["git", "-C", str(_HERE.parent), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - every word is ours
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
