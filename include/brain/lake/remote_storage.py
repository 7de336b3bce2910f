"""Files of the lake behind an fsspec URL."""

from __future__ import annotations

import contextlib
import os
import posixpath
import threading
from typing import TYPE_CHECKING, Any

import fsspec

from brain.core.errors import BrainError, ExtraNotInstalled, SettingsError, StorageUnavailable
from brain.lake import storage as waiting
from brain.lake.lease import Lease, turn
from brain.lake.replacing import Replaced, Version, code_of, replacing_on
from brain.lake.storage import LARGEST, Storage, damaged, unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator


class RemoteStorage(Storage):
    """Objects behind an fsspec URL (``s3://…``, ``gs://…``, ``memory://…``); a put is atomic there.

    Writers keep out of each other's way by a lease. A lease can be outlived, by a process that was paused; where the
    store has conditional writes, the guarded file is therefore replaced by one of them.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._connected: tuple[int, Any] | None = None
        self._path = ""
        self._own = threading.local()
        self._fs  # noqa: B018 - a URL that cannot be used is told at once

    @property
    def _fs(self) -> Any:
        """The file system, connected by this process: one that was forked must not use its parent's."""
        if self._connected is None or self._connected[0] != os.getpid():
            fs, self._path = _connect(self.root, self.describe(""))
            self._connected = os.getpid(), fs
            self._replacing = replacing_on(fs)
        return self._connected[1]

    def read(self, name: str, largest: int = LARGEST) -> bytes:
        with self._asked(name):
            content = self._content(name, largest)
        if len(content) > largest:
            raise damaged(self.describe(name), f"more than the {largest} bytes that are expected")
        return content

    def sizes(self, folder: str) -> dict[str, int]:
        files = (entry for entry in self._entries(folder) if entry["type"] == "file")
        return {posixpath.basename(entry["name"]): int(entry["size"]) for entry in files}

    def write(self, name: str, content: bytes) -> None:
        self._keep_turns()
        self._put(name, content)

    def names(self, folder: str) -> list[str]:
        return sorted(posixpath.basename(entry["name"].rstrip("/")) for entry in self._entries(folder))

    def replace(self, name: str, content: bytes, previous: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.write(previous, self.read(name))
        guarded = self._guarded
        if name not in guarded:
            self.write(name, content)
            return
        self._keep_turns()
        try:
            with self._asked(name):
                guarded[name] = self._replacing.put(self._at(name), content, guarded[name])
        except (Replaced, FileNotFoundError):
            raise StorageUnavailable(
                self.describe(name),
                found="another version than the one that was read",
                expected="no other writer meanwhile",
                remedy="Run the step again; what the other has committed is whole, and nothing of this one shows.",
            ) from None

    def delete(self, name: str) -> None:
        self._keep_turns()
        with contextlib.suppress(FileNotFoundError), self._asked(name):
            self._fs.rm_file(self._at(name))
        if name in self._guarded:
            self._guarded[name] = None

    def delete_folder(self, folder: str) -> None:
        self._keep_turns()
        with contextlib.suppress(FileNotFoundError), self._asked(folder):
            self._fs.rm(self._at(folder), recursive=True)

    @contextlib.contextmanager
    def locked(self, name: str, guarded: str | None = None) -> Iterator[None]:
        with turn(_Tickets(self, name), waiting.LOCK_SECONDS) as lease:
            self._turns.append(lease)
            try:
                if guarded is not None:
                    with self._asked(guarded):
                        self._guarded[guarded] = self._replacing.version(self._at(guarded))
                yield
            finally:
                self._turns.remove(lease)
                self._guarded.pop(guarded or "", None)

    @property
    def _turns(self) -> list[Lease]:
        """What this thread has the turn of."""
        turns: list[Lease] = self._own.__dict__.setdefault("turns", [])
        return turns

    @property
    def _guarded(self) -> dict[str, Version]:
        """The files that this thread replaces, each with its version when it was looked at."""
        guarded: dict[str, Version] = self._own.__dict__.setdefault("guarded", {})
        return guarded

    def _keep_turns(self) -> None:
        for lease in self._turns:
            lease.keep()

    def _content(self, name: str, largest: int) -> bytes:
        try:
            content: bytes = self._fs.cat_file(self._at(name), end=largest + 1)
        except OSError as error:
            if code_of(error) == "InvalidRange":  # of an empty object no range can be had
                return b""
            raise
        return content

    def _put(self, name: str, content: bytes) -> None:
        try:
            with self._asked(name):
                self._fs.pipe_file(self._at(name), content)
        except FileNotFoundError as error:  # of a bucket that is not there
            raise self._failed(name, error) from error

    def _entries(self, folder: str) -> list[dict[str, Any]]:
        """What lies directly in a folder; some stores also list the folder itself."""
        try:
            with self._asked(folder):
                entries: list[dict[str, Any]] = self._fs.ls(self._at(folder), detail=True, refresh=True)
        except FileNotFoundError:
            return []
        own = self._at(folder).rstrip("/")
        return [entry for entry in entries if entry["name"].rstrip("/") != own]

    def _at(self, name: str) -> str:
        self._fs  # noqa: B018 - it knows the path
        return posixpath.join(self._path, name)

    @contextlib.contextmanager
    def _asked(self, name: str) -> Iterator[None]:
        """Turn what goes wrong into an error of the lake; a file that is not there stays `FileNotFoundError`."""
        try:
            yield
        except (BrainError, Replaced):
            raise
        except FileNotFoundError:
            raise FileNotFoundError(name) from None
        except (OSError, MemoryError) as error:
            raise self._failed(name, error) from error
        except Exception as error:  # drivers have errors of their own for a server that is away, or without a login
            raise unavailable(self.describe(name), f"{type(error).__name__}: {error}") from error

    def _answers(self) -> bool:
        try:
            self._fs.ls(self._path, detail=False, refresh=True)
        except FileNotFoundError:
            return True
        except Exception:
            return False
        return True


class _Tickets:
    """The tickets of one lock, in a folder of its name."""

    def __init__(self, storage: RemoteStorage, folder: str) -> None:
        self._storage = storage
        self._folder = folder

    def put(self, name: str) -> None:
        self._storage._put(f"{self._folder}/{name}", b"1")  # noqa: SLF001

    def take_away(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError), self._storage._asked(self._folder):  # noqa: SLF001
            self._storage._fs.rm_file(self._storage._at(f"{self._folder}/{name}"))  # noqa: SLF001

    def listed(self) -> set[str]:
        return {*self._storage.names(self._folder)}

    def describe(self) -> str:
        return self._storage.describe(self._folder)


def _connect(url: str, subject: str) -> tuple[Any, str]:
    """The file system and the path in it.

    Raises:
        ExtraNotInstalled: The package for this kind of store is not there.
        SettingsError: It is no URL that fsspec knows.
    """
    try:
        return fsspec.core.url_to_fs(url)  # type: ignore[no-any-return]
    except ImportError as error:
        raise ExtraNotInstalled(
            subject,
            found=str(error),
            expected="the package that reads such a store",
            remedy="Install it: for s3:// `pip install 'brain[object-store]'`; docs/deployment.md has others.",
        ) from error
    except ValueError as error:
        raise SettingsError(
            "BRAIN_LAKE_URL",
            found=str(error),
            expected="a folder, or a URL that fsspec knows such as s3://bucket/lake",
            remedy="Correct it.",
        ) from error
