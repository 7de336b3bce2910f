"""Files of the lake on a local disk or behind any fsspec URL: whole objects, written at once."""

from __future__ import annotations

import contextlib
import os
import posixpath
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import fsspec

from brain.core.errors import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

_TEMPORARY = ".writing"


def open_storage(url: str) -> Storage:
    """Storage below a local path, a ``file://`` URL or any other fsspec URL."""
    scheme = url.partition("://")[0] if "://" in url else "file"
    if scheme in ("file", "local"):
        return LocalStorage(Path(url.partition("://")[2] if "://" in url else url).absolute())
    return RemoteStorage(url)


class Storage:
    """What the lake needs of a file system. Names are relative, with forward slashes."""

    def __init__(self, root: str) -> None:
        self.root = root

    def read(self, name: str) -> bytes:
        """The whole file.

        Raises:
            FileNotFoundError: There is no such file.
            StorageUnavailable: The file system does not answer.
        """
        raise NotImplementedError

    def write(self, name: str, content: bytes) -> None:
        """Write the whole file; readers see the old content or the new, never a part.

        Raises:
            StorageUnavailable: The disk is full or the file system does not answer.
        """
        raise NotImplementedError

    def names(self, folder: str) -> list[str]:
        """Names of the entries directly in `folder`, sorted; empty if there is no such folder."""
        raise NotImplementedError

    def write_before(self, name: str, content: bytes) -> None:
        """As `write`, for a file that nobody reads before the next `replace`; that one syncs it to the disk."""
        self.write(name, content)

    def replace(self, name: str, content: bytes, previous: str) -> None:
        """Write `name` anew and keep what it was as `previous`; a reader who finds no `name` reads `previous`."""
        raise NotImplementedError

    def sync(self, names: Iterable[str]) -> None:
        """Make sure that files outlive a power cut; what a remote store has taken does."""

    def delete(self, name: str) -> None:
        """Delete a file that may already be gone."""
        raise NotImplementedError

    def delete_folder(self, folder: str) -> None:
        """Delete a folder and all in it; it may already be gone."""
        raise NotImplementedError

    def delete_unfinished(self, before: datetime) -> int:  # noqa: ARG002
        """Delete what writers left that were killed in a write begun before then; returns how many files."""
        return 0

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:  # noqa: ARG002
        """Keep other writers of this machine out; a remote store has no lock and relies on one run at a time."""
        yield

    def describe(self, name: str) -> str:
        """The address of a file, without credentials."""
        parts = urlsplit(self.root)
        root = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if parts.scheme else self.root
        return posixpath.join(root, name)


class LocalStorage(Storage):
    """A folder. A file is written beside its name, synced, and renamed over it.

    A small write mostly waits for the sync, so the files of a commit are synced together. `replace` syncs what becomes
    the previous file, which mostly lies on the disk already, and not the new one: a power cut may take the newest
    seconds, and then the previous file is whole.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(str(root))
        self._folder = root
        self._own = threading.local()

    def read(self, name: str) -> bytes:
        try:
            return (self._folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(name) from None
        except OSError as error:
            raise _unavailable(self.describe(name), error) from error

    def write(self, name: str, content: bytes) -> None:
        with self._written(name, content) as temporary:
            temporary.replace(self._folder / name)

    @contextlib.contextmanager
    def _written(self, name: str, content: bytes, *, sync: bool = True) -> Iterator[Path]:
        """A temporary file beside `name`, to be renamed; nothing of it is left after a failure."""
        path = self._folder / name
        temporary = path.with_name(f"{path.name}.{os.getpid()}{_TEMPORARY}")
        try:
            try:
                temporary.write_bytes(content)
            except FileNotFoundError:
                path.parent.mkdir(parents=True, exist_ok=True)
                temporary.write_bytes(content)
            if sync:
                _sync(temporary)
            yield temporary
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise _unavailable(self.describe(name), error) from error

    def names(self, folder: str) -> list[str]:
        try:
            return sorted(n for n in os.listdir(self._folder / folder) if not n.endswith(_TEMPORARY))  # noqa: PTH208
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _unavailable(self.describe(folder), error) from error

    def replace(self, name: str, content: bytes, previous: str) -> None:
        path = self._folder / name
        kept = path.exists()
        with self._written(name, content, sync=False) as temporary:
            _sync_all([*self._unsynced(), path if kept else temporary])
            if kept:
                path.replace(self._folder / previous)
            temporary.replace(path)

    def write_before(self, name: str, content: bytes) -> None:
        with self._written(name, content, sync=False) as temporary:
            temporary.replace(self._folder / name)
        self._own.unsynced = [*getattr(self._own, "unsynced", []), self._folder / name]

    def sync(self, names: Iterable[str]) -> None:
        paths = [path for name in names if (path := self._folder / name).exists()]
        try:
            if paths:
                _sync_all(paths)
        except OSError as error:
            raise _unavailable(self.root, error) from error

    def _unsynced(self) -> list[Path]:
        """What this thread has written for the coming `replace`."""
        paths: list[Path] = getattr(self._own, "unsynced", [])
        self._own.unsynced = []
        return paths

    def delete(self, name: str) -> None:
        try:
            (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise _unavailable(self.describe(name), error) from error

    def delete_folder(self, folder: str) -> None:
        try:
            shutil.rmtree(self._folder / folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unavailable(self.describe(folder), error) from error

    def delete_unfinished(self, before: datetime) -> int:
        """Delete temporary files last written before then; a younger one may be in the writing."""
        count = 0
        try:
            for path in self._folder.rglob(f"*{_TEMPORARY}"):
                with contextlib.suppress(FileNotFoundError):  # its writer has just finished
                    if path.stat().st_mtime < before.timestamp():
                        path.unlink()
                        count += 1
        except OSError as error:
            raise _unavailable(self.root, error) from error
        return count

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:
        import fcntl

        path = self._folder / name
        try:
            try:
                handle = path.open("ab")
            except FileNotFoundError:
                path.parent.mkdir(parents=True, exist_ok=True)
                handle = path.open("ab")
        except OSError as error:
            raise _unavailable(self.describe(name), error) from error
        with handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


class RemoteStorage(Storage):
    """Objects behind an fsspec URL (``s3://…``, ``gs://…``, ``memory://…``); a put is atomic there."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._fs: Any
        self._fs, self._path = fsspec.core.url_to_fs(url)

    def read(self, name: str) -> bytes:
        try:
            content: bytes = self._fs.cat_file(self._at(name))
        except FileNotFoundError:
            raise FileNotFoundError(name) from None
        except OSError as error:
            raise _unavailable(self.describe(name), error) from error
        return content

    def write(self, name: str, content: bytes) -> None:
        try:
            self._fs.pipe_file(self._at(name), content)
        except OSError as error:
            raise _unavailable(self.describe(name), error) from error

    def names(self, folder: str) -> list[str]:
        try:
            entries = self._fs.ls(self._at(folder), detail=False, refresh=True)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unavailable(self.describe(folder), error) from error
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
            raise _unavailable(self.describe(name), error) from error

    def delete_folder(self, folder: str) -> None:
        try:
            self._fs.rm(self._at(folder), recursive=True)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unavailable(self.describe(folder), error) from error

    def _at(self, name: str) -> str:
        return posixpath.join(self._path, name)


def _sync_all(paths: list[Path]) -> None:
    """Sync several files at once: the file system commits them together."""
    failures: list[OSError] = []

    def sync(path: Path) -> None:
        try:
            _sync(path)
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=sync, args=(path,)) for path in paths[1:]]
    for thread in threads:
        thread.start()
    sync(paths[0])
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _sync(path: Path) -> None:
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def _unavailable(subject: str, error: OSError) -> StorageUnavailable:
    return StorageUnavailable(
        subject,
        found=f"{type(error).__name__}: {error.strerror or error}",
        expected="a lake that can be read and written",
        remedy="Free space or restore access (BRAIN_LAKE_URL), then run the extraction again; nothing was lost.",
    )
