"""What the embedded servers remember between commands: ports, passwords and keys, in files only the owner reads."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.fernet import Fernet
from pydantic import BaseModel, Field, ValidationError

from brain.core.errors import SettingsError

STATE_FILE = "embedded.json"
OWNER_ONLY = 0o600


class State(BaseModel):
    """Made once, then only added to."""

    ports: dict[str, int] = {}
    pids: dict[str, int] = {}
    versions: dict[str, str] = {}
    passwords: dict[str, str] = Field({}, repr=False)
    keys: dict[str, str] = Field({}, repr=False)

    def password(self, role: str) -> str:
        """The password of `role`, made on first use; letters and digits only, so that it needs no quoting in a URL."""
        return self.passwords.setdefault(role, secrets.token_hex(16))

    def secret(self, name: str) -> str:
        """A random secret, made on first use."""
        return self.keys.setdefault(name, secrets.token_hex(32))

    def fernet_key(self, name: str) -> str:
        """A Fernet key, made on first use."""
        return self.keys.setdefault(name, Fernet.generate_key().decode())


def load_state(home: Path) -> State:
    """What is remembered below `home`; empty before the first start.

    Raises:
        SettingsError: The file is malformed.
    """
    path = home / STATE_FILE
    if not path.exists():
        return State()
    try:
        return State.model_validate_json(path.read_text())
    except ValidationError as error:
        reason = error.errors(include_input=False, include_url=False)[0]["msg"]
        raise SettingsError(
            str(path),
            found=f"a malformed state file ({reason})",
            expected="what `brain up` writes",
            remedy="Restore the file, or run `make clean` to begin anew (the demo data and the models are made again).",
        ) from None


def save_state(home: Path, state: State) -> None:
    """Remember `state`."""
    write_private(home / STATE_FILE, state.model_dump_json(indent=2))


def write_private(path: Path, text: str) -> None:
    """Replace `path` in one step with a file that only the owner can read."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        temporary.chmod(OWNER_ONLY)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_connections(path: Path, connections: dict[str, str]) -> None:
    """Write the variables that `Settings.load` reads."""
    write_private(path, json.dumps(connections, indent=2) + "\n")


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Hold `home` for one command at a time; a second one waits."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
