"""Write `.env` for docker compose: every secret of `.env.example`, drawn at random. Needs Python only.

    python deploy/make_env.py

Run again after an update: what `.env` has stays as it is, what it lacks is added.
"""

from __future__ import annotations

import argparse
import base64
import os
import re
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
EMPTY_SETTING = re.compile(r"^([A-Z_]+)=$", re.MULTILINE)
FERNET = {"AIRFLOW_FERNET_KEY", "BRAIN_ENCRYPTION_KEYS"}


def draw(name: str) -> str:
    """A new secret; passwords are hexadecimal because they stand in URLs."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode() if name in FERNET else secrets.token_hex(24)


def complete(example: str, present: str) -> str:
    """The text of `.env`: `present`, and a drawn value for every empty setting of `example` that it does not have."""
    known = set(re.findall(r"^([A-Z_]+)=.", present, re.MULTILINE))
    if not present:
        return EMPTY_SETTING.sub(lambda match: f"{match[1]}={draw(match[1])}", example)
    missing = [name for name in EMPTY_SETTING.findall(example) if name not in known]
    return present.rstrip("\n") + "\n" + "".join(f"{name}={draw(name)}\n" for name in missing)


def write_private(path: Path, text: str) -> None:
    """Only the owner may read secrets, from the first byte on."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    temporary.replace(path)


def main() -> None:
    """Complete the file and say where it is."""
    parser = argparse.ArgumentParser(description="Write .env for docker compose.")
    parser.add_argument("--output", type=Path, default=ROOT / ".env")
    output: Path = parser.parse_args().output
    present = output.read_text() if output.exists() else ""
    write_private(output, complete((ROOT / ".env.example").read_text(), present))
    sys.stdout.write(f"{output} is ready. Keep a copy: the models can be neither verified nor read without its keys.\n")


if __name__ == "__main__":
    main()
