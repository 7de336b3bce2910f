"""Files of the lake behind an fsspec URL."""

from __future__ import annotations

import contextlib
import posixpath
from typing import Any

import fsspec

from brain.lake.storage import LARGEST, Storage, damaged


class RemoteStorage(Storage):
    """Objects behind an fsspec URL (``s3://…``, ``gs://…``, ``memory://…``); a put is atomic there."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._fs: Any
        self._fs, self._path = fsspec.core.url_to_fs(url)

    def read(self, name: str, largest: int = LARGEST) -> bytes:
        try:
            content: bytes = self._fs.cat_file(self._at(name), end=largest + 1)
        except FileNotFoundError:
            raise FileNotFoundError(name) from None
        except (OSError, MemoryError) as error:
            raise self._failed(name, error) from error
        if len(content) > largest:
            raise damaged(self.describe(name), f"more than the {largest} bytes that are expected")
        return content

    def sizes(self, folder: str) -> dict[str, int]:
        try:
            entries = self._fs.ls(self._at(folder), detail=True, refresh=True)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._failed(folder, error) from error
        return {posixpath.basename(e["name"]): int(e["size"]) for e in entries if e["type"] == "file"}

    def write(self, name: str, content: bytes) -> None:
        try:
            self._fs.pipe_file(self._at(name), content)
        except OSError as error:
            raise self._failed(name, error) from error

    def names(self, folder: str) -> list[str]:
        try:
            entries = self._fs.ls(self._at(folder), detail=False, refresh=True)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._failed(folder, error) from error
        return sorted(posixpath.basename(entry.rstrip("/")) for entry in entries)

    def replace(self, name: str, content: bytes, previous: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.write(previous, self.read(name))
        self.write(name, content)

    def delete(self, name: str) -> None:
        try:
            self._fs.rm_file(self._at(name))
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._failed(name, error) from error

    def delete_folder(self, folder: str) -> None:
        try:
            self._fs.rm(self._at(folder), recursive=True)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._failed(folder, error) from error

    def _at(self, name: str) -> str:
        return posixpath.join(self._path, name)

    def _answers(self) -> bool:
        try:
            self._fs.ls(self._path, detail=False, refresh=True)
        except OSError:
            return False
        return True
