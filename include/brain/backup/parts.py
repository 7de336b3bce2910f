"""The files of a backup: compressed while they are written, with size and hash by which they are checked."""

from __future__ import annotations

import hashlib
import io
import os
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

import zstandard
from pydantic import BaseModel, ConfigDict, Field

from brain.core.errors import BackupError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LEVEL = 3
BLOCK = 2**20
REMEDY = "Nothing was written. Take another copy of the backup, or an older backup."


class Part(BaseModel):
    """One file of a backup.

    Args:
        name: Of the file in the backup's folder.
        store: What it is of: ``brain``, ``lake``, ``warehouse`` or ``settings``.
        subject: The table or collection in it.
        entries: How many rows, documents or files are in it.
        size: Bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z]+-[0-9a-z]+\.[a-z.]+$")
    store: str
    subject: str
    entries: int
    size: int
    sha256: str


class _Counted:
    """Writes to a file, and knows how many bytes of which hash that were."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size, self.digest = 0, hashlib.sha256()

    def write(self, content: bytes) -> int:
        self.size += len(content)
        self.digest.update(content)
        return self._file.write(content)


class PartWriter:
    """Writes the parts of a backup into a folder, one after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.parts: list[Part] = []

    @contextmanager
    def part(self, name: str, store: str, subject: str) -> Iterator[PartSink]:
        """A part to write into; it is on the disk when the context ends.

        Args:
            name: Of the file.
        """
        with open_private(self._folder / name) as file:
            counted = _Counted(file)
            with zstandard.ZstdCompressor(LEVEL).stream_writer(cast("IO[bytes]", counted), closefd=False) as stream:
                sink = PartSink(stream)
                yield sink
            file.flush()
            os.fsync(file.fileno())
        size, digest = counted.size, counted.digest.hexdigest()
        self.parts.append(Part(name=name, store=store, subject=subject, entries=sink.entries, size=size, sha256=digest))


class PartSink:
    """Where the content of a part goes, see `brain.core.sink`."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.entries = 0

    def write(self, content: bytes, /) -> int:
        self._stream.write(content)
        return len(content)  # the compressor counts what it gives on


def open_private(path: Path) -> IO[bytes]:
    """A new file that only its owner can read, in place of an old one."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb")


@contextmanager
def reading(folder: Path, part: Part) -> Iterator[IO[bytes]]:
    """The content of a part that was checked."""
    with (folder / part.name).open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        yield io.BufferedReader(stream, BLOCK)


def check(folder: Path, part: Part) -> None:
    """Refuse a part that is not what was written.

    Raises:
        BackupError: It is missing, cut off or altered.
    """
    subject, digest = str(folder / part.name), hashlib.sha256()
    try:
        with (folder / part.name).open("rb") as file:
            if (size := os.fstat(file.fileno()).st_size) != part.size:
                raise damaged(subject, f"{size:,} bytes", f"{part.size:,}, as the inventory says")
            while block := file.read(BLOCK):
                digest.update(block)
    except OSError as error:
        found = "no such file" if isinstance(error, FileNotFoundError) else error.strerror or type(error).__name__
        raise damaged(subject, found, "a file that the inventory names") from None
    if digest.hexdigest() != part.sha256:
        raise damaged(subject, f"content with sha256 {digest.hexdigest()[:12]}…", f"{part.sha256[:12]}…")


def damaged(subject: str, found: str, expected: str) -> BackupError:
    """The error about a backup that is not what was written."""
    return BackupError(subject, found=found, expected=expected, remedy=REMEDY)
