"""What a backup consists of: its parts with size and hash, what made it, what it needs; signed, and written last.

`inventory.json` is a line with the signature and the JSON that it covers. A folder without it is no backup: it was cut
off.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from brain.backup.parts import Part, check, damaged, open_private
from brain.core.errors import BackupError
from brain.core.signing import Signer
from brain.core.signing_keys import read_key
from brain.warehouse.copying import TableCopy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pydantic import SecretStr

NAME = "inventory.json"
FORMAT: Literal[1] = 1
PURPOSE = "backup"
LARGEST = 64 * 2**20  # bytes


class Inventory(BaseModel):
    """What a backup says of itself.

    Args:
        made_at: When, by the clock of the machine that made it.
        release, commit, clean: Of the code that made it; the commit is empty where it ran from no git checkout.
        formats: Highest format of what is in it: of documents, pointers and manifests.
        servers: Versions of PostgreSQL and MongoDB.
        libraries: Versions of what models are evaluated with.
        keys: Names of the signing keys that were set, public halves among them; not the keys.
        tables: The warehouse's tables, in the order in which they are made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = FORMAT
    made_at: AwareDatetime
    release: str
    commit: str
    clean: bool
    formats: dict[str, int]
    servers: dict[str, str]
    libraries: dict[str, str]
    keys: tuple[str, ...]
    catalogue_sha256: str
    parts: tuple[Part, ...]
    tables: tuple[TableCopy, ...]
    id: str = Field(default="", exclude=True, description="Hash of the inventory: which backup this is.")

    def of(self, store: str) -> tuple[Part, ...]:
        """The parts of one store, in the order in which they were written."""
        return tuple(part for part in self.parts if part.store == store)


def key_names(keys: Sequence[SecretStr]) -> tuple[str, ...]:
    """The names by which signatures call these keys; both halves of a pair have one name."""
    return tuple(dict.fromkeys(read_key(key.get_secret_value()).id for key in keys))


def write_inventory(folder: Path, inventory: Inventory, signer: Signer) -> Inventory:
    """Write it signed, when all else is on the disk: with it, the folder becomes a backup."""
    body = inventory.model_dump_json(indent=1).encode()
    digest = hashlib.sha256(body).hexdigest()
    signature = signer.sign(PURPOSE, {"sha256": digest})
    unfinished = folder / f"{NAME}.writing"
    with open_private(unfinished) as file:
        file.write(json.dumps(signature).encode() + b"\n" + body)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / NAME)
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return inventory.model_copy(update={"id": digest})


def read_inventory(folder: Path, keys: Sequence[SecretStr], formats: Mapping[str, int]) -> Inventory:
    """The inventory of a backup that can be restored here, with every part checked.

    Args:
        formats: What this release reads at most.

    Raises:
        BackupError: No backup, or a damaged, cut-off or foreign one, or one of a later release.
    """
    subject = str(folder / NAME)
    signature, _, body = _content(folder).partition(b"\n")
    digest = hashlib.sha256(body).hexdigest()
    _require_signature(signature, digest, Signer(keys), subject)
    try:
        number = json.loads(body)["format"]
        if number != FORMAT:
            raise _later(subject, f"a backup of format {number}", f"format {FORMAT}")
        inventory = Inventory.model_validate_json(body).model_copy(update={"id": digest})
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        raise damaged(subject, f"no inventory ({type(error).__name__})", "one that `brain backup` wrote") from None
    for name, found in inventory.formats.items():
        if found > formats.get(name, 0):
            raise _later(subject, f"{name} of format {found}", f"at most {formats.get(name, 0)}")
    if lacking := [name for name in inventory.keys if name not in key_names(keys)]:
        raise _foreign(subject, f"content signed with the keys {', '.join(inventory.keys)}", ", ".join(lacking))
    for part in inventory.parts:
        check(folder, part)
    return inventory


def _content(folder: Path) -> bytes:
    try:
        with (folder / NAME).open("rb") as file:
            return file.read(LARGEST)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        cut_off = missing and folder.is_dir() and any(folder.iterdir())
        found = f"no {NAME}" if missing else error.strerror or type(error).__name__
        raise damaged(
            str(folder),
            f"{found}: the backup was cut off before its end" if cut_off else found,
            f"a folder that `brain backup` wrote, with {NAME} in it",
        ) from None


def _require_signature(line: bytes, digest: str, signer: Signer, subject: str) -> None:
    try:
        signature = json.loads(line)
    except (ValueError, RecursionError):
        signature = None
    problem = signer.problem(PURPOSE, {"sha256": digest}, signature)
    if problem and isinstance(signature, dict) and signer.lacks_key(signature):
        raise _foreign(subject, problem, str(signature.get("key")))
    if problem:
        raise damaged(subject, problem, "an inventory as `brain backup` signed it")


def _foreign(subject: str, found: str, lacking: str) -> BackupError:
    return BackupError(
        subject,
        found=found,
        expected=f"the key {lacking} among BRAIN_SIGNING_KEYS",
        remedy="Nothing was written. Set BRAIN_SIGNING_KEYS to what it was where the backup was made: it is kept apart"
        " from it, and without it no model and no snapshot is accepted.",
    )


def _later(subject: str, found: str, expected: str) -> BackupError:
    remedy = "Nothing was written. Restore it with the release that made it, or a later one."
    return BackupError(subject, found=found, expected=expected, remedy=remedy)
