"""Files of the lake: whole objects, written at once; in a folder here, or see `remote_storage.py`."""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
import shutil
import stat
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from brain.core.errors import DamagedFile, LakeError, StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

UNFINISHED = ".writing"  # how the name of a file ends that is being written
LARGEST = 2**31  # bytes; no file of the lake comes near
LOCK_SECONDS = 120.0
_TRY_SECONDS = 0.05
_NO_FILES = (errno.EISDIR, errno.ELOOP)
_OF_ONE_FILE = (*_NO_FILES, errno.ENOTDIR, errno.EEXIST, errno.EACCES, errno.EPERM, errno.EIO, errno.ENXIO)
_KINDS_OF_ONE_FILE = (IsADirectoryError, NotADirectoryError, FileExistsError, PermissionError)


def open_storage(url: str) -> Storage:
    """Storage below a local path, a ``file://`` URL or any other fsspec URL."""
    scheme = url.partition("://")[0] if "://" in url else "file"
    if scheme in ("file", "local"):
        return LocalStorage(Path(url.partition("://")[2] if "://" in url else url).absolute())
    from brain.lake.remote_storage import RemoteStorage  # it needs fsspec, which a folder does not

    return RemoteStorage(url)


class Storage:
    """What the lake needs of a file system. Names are relative, with forward slashes.

    An error of one file (no rights, a folder in its place) is a `LakeError` where the lake itself answers: it stops its
    table. All else is `StorageUnavailable`, and stops the run.
    """

    can_stand_still = False  # whether all locks of a lake can be held at once, for as long as it takes

    def __init__(self, root: str) -> None:
        self.root = root

    def read(self, name: str, largest: int = LARGEST) -> bytes:
        """The whole file.

        Raises:
            FileNotFoundError: There is no such file.
            DamagedFile: It is no file but a folder or a pipe, or has more than `largest` bytes.
            LakeError: This file cannot be read.
            StorageUnavailable: The file system does not answer.
        """
        raise NotImplementedError

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of each file directly in `folder`; empty if there is no such folder."""
        raise NotImplementedError

    def write(self, name: str, content: bytes) -> None:
        """Write the whole file; readers see the old content or the new, never a part.

        Raises:
            LakeError: This file cannot be written.
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
        """Delete a file that may already be gone, or whatever lies in its place."""
        raise NotImplementedError

    def delete_folder(self, folder: str) -> None:
        """Delete a folder and all in it; it may already be gone."""
        raise NotImplementedError

    def delete_unfinished(self, before: datetime) -> int:  # noqa: ARG002
        """Delete what writers left that were killed in a write begun before then; returns how many files."""
        return 0

    @contextlib.contextmanager
    def locked(self, name: str, guarded: str | None = None) -> Iterator[None]:
        """Keep other writers out: of this machine by a lock on a file, of a remote store by a lease.

        Args:
            guarded: The file that `replace` is called for; where a remote store can make sure of it, the file is only
                replaced as it was found on entering.

        Raises:
            StorageUnavailable: Another process has held the lock for `LOCK_SECONDS`.
        """
        raise NotImplementedError

    def describe(self, name: str) -> str:
        """The address of a file, without credentials."""
        parts = urlsplit(self.root)
        root = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if parts.scheme else self.root
        return posixpath.join(root, name)

    def _answers(self) -> bool:
        """Whether the lake as a whole can be used, so that an error is that of one file."""
        raise NotImplementedError

    def _failed(self, name: str, error: OSError | MemoryError) -> LakeError | StorageUnavailable:
        subject, found = self.describe(name), f"{type(error).__name__}: {getattr(error, 'strerror', '') or error}"
        one = isinstance(error, (MemoryError, *_KINDS_OF_ONE_FILE)) or error.errno in _OF_ONE_FILE
        if not one or not self._answers():
            return unavailable(subject, found)
        if isinstance(error, MemoryError | IsADirectoryError) or error.errno in _NO_FILES:
            return damaged(subject, found)
        return LakeError(
            subject,
            found=found,
            expected="a file of the lake that can be read and written, as the others can",
            remedy="Give back the access, or restore it from a backup; the other tables went on.",
        )


class LocalStorage(Storage):
    """A folder. A file is written beside its name, synced, and renamed over it.

    A small write mostly waits for the sync, so the files of a commit are synced together. `replace` syncs what becomes
    the previous file, which mostly lies on the disk already, and not the new one: a power cut may take the newest
    seconds, and then the previous file is whole.
    """

    can_stand_still = True

    def __init__(self, root: Path) -> None:
        super().__init__(str(root))
        self._folder = root
        self._own = threading.local()

    def read(self, name: str, largest: int = LARGEST) -> bytes:
        try:
            with os.fdopen(os.open(self._folder / name, _READING), "rb") as handle:
                status = os.fstat(handle.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise damaged(self.describe(name), "something that is no file, such as a folder or a pipe")
                if status.st_size > largest:
                    raise damaged(self.describe(name), f"{status.st_size} bytes where at most {largest} are expected")
                return handle.read()
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(name) from None
        except (OSError, MemoryError) as error:
            raise self._failed(name, error) from error

    def sizes(self, folder: str) -> dict[str, int]:
        try:
            with os.scandir(self._folder / folder) as entries:
                found = ((entry.name, _size(entry)) for entry in entries)
                return {name: size for name, size in found if size is not None}
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise self._failed(folder, error) from error

    def write(self, name: str, content: bytes) -> None:
        with self._written(name, content) as temporary:
            _put(temporary, self._folder / name)

    @contextlib.contextmanager
    def _written(self, name: str, content: bytes, *, sync: bool = True) -> Iterator[Path]:
        """A temporary file beside `name`, to be renamed; nothing of it is left after a failure."""
        path = self._folder / name
        temporary = path.with_name(f"{path.name}.{os.getpid()}{UNFINISHED}")
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
            raise self._failed(name, error) from error

    def names(self, folder: str) -> list[str]:
        try:
            return sorted(n for n in os.listdir(self._folder / folder) if not n.endswith(UNFINISHED))  # noqa: PTH208
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise self._failed(folder, error) from error

    def replace(self, name: str, content: bytes, previous: str) -> None:
        path = self._folder / name
        kept = path.exists()
        with self._written(name, content, sync=False) as temporary:
            _sync_all([*self._unsynced(), path if kept else temporary])
            if kept:
                _put(path, self._folder / previous)
            _put(temporary, path)

    def write_before(self, name: str, content: bytes) -> None:
        with self._written(name, content, sync=False) as temporary:
            _put(temporary, self._folder / name)
        self._own.unsynced = [*getattr(self._own, "unsynced", []), self._folder / name]

    def sync(self, names: Iterable[str]) -> None:
        paths = [path for name in names if (path := self._folder / name).exists()]
        try:
            if paths:
                _sync_all(paths)
        except OSError as error:
            raise self._failed("", error) from error
        done = {*paths}
        self._own.unsynced = [path for path in getattr(self._own, "unsynced", []) if path not in done]

    def _unsynced(self) -> list[Path]:
        """What this thread has written for the coming `replace`."""
        paths: list[Path] = getattr(self._own, "unsynced", [])
        self._own.unsynced = []
        return paths

    def delete(self, name: str) -> None:
        try:
            _clear(self._folder / name)
            (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise self._failed(name, error) from error

    def delete_folder(self, folder: str) -> None:
        try:
            shutil.rmtree(self._folder / folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._failed(folder, error) from error

    def delete_unfinished(self, before: datetime) -> int:
        """Delete temporary files last written before then; a younger one may be in the writing."""
        count = 0
        try:
            for path in self._folder.rglob(f"*{UNFINISHED}"):
                with contextlib.suppress(FileNotFoundError):  # its writer has just finished
                    if path.stat().st_mtime < before.timestamp():
                        path.unlink()
                        count += 1
        except OSError as error:
            raise self._failed("", error) from error
        return count

    @contextlib.contextmanager
    def locked(self, name: str, guarded: str | None = None) -> Iterator[None]:  # noqa: ARG002
        path = self._folder / name
        try:
            try:
                handle = os.open(path, _LOCKING, 0o666)
            except FileNotFoundError:
                path.parent.mkdir(parents=True, exist_ok=True)
                handle = os.open(path, _LOCKING, 0o666)
        except OSError as error:
            raise self._failed(name, error) from error
        try:
            self._lock(handle, name)
            yield
        finally:
            os.close(handle)

    def _lock(self, handle: int, name: str) -> None:
        """Wait for the lock, but not for ever: whoever holds it may never end."""
        import fcntl

        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StorageUnavailable(
                        self.describe(name),
                        found=f"a lock that another process has held for {LOCK_SECONDS:.0f} s",
                        expected="one run of a table at a time, which holds it for seconds",
                        remedy="Let the other run end, or end it (`fuser` with this file names it), and run again.",
                    ) from None
                time.sleep(_TRY_SECONDS)
            except OSError as error:
                raise self._failed(name, error) from error

    def _answers(self) -> bool:
        return self._folder.is_dir() and os.access(self._folder, os.R_OK | os.W_OK | os.X_OK)


_READING = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # opening a pipe to read it would wait for its writer
_LOCKING = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK


def _size(entry: os.DirEntry[str]) -> int | None:
    """Bytes of a file; None for what is none, such as a link that leads nowhere."""
    try:
        status = entry.stat()
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _put(path: Path, place: Path) -> None:
    """Rename `path` to `place`, over whatever lies there."""
    try:
        path.replace(place)
    except IsADirectoryError:
        _clear(place)
        path.replace(place)


def _clear(path: Path) -> None:
    """Remove a folder that lies where a file should be."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)


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
    handle = os.open(path, _READING)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def damaged(subject: str, found: str) -> DamagedFile:
    """The error for what lies where a file of the lake should be."""
    return DamagedFile(
        subject,
        found=found,
        expected="a file that the lake wrote",
        remedy="It was not used. Restore it from a backup, or run the step that writes it (`brain extract`) again.",
    )


def unavailable(subject: str, found: str) -> StorageUnavailable:
    """The error for a lake that does not answer, or takes nothing."""
    return StorageUnavailable(
        subject,
        found=found,
        expected="a lake that can be read and written",
        remedy="Free space or restore access (BRAIN_LAKE_URL), then run the extraction again; nothing was lost.",
    )
