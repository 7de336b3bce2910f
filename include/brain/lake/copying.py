"""The lake's files into a tar archive, and back.

Manifests are read at one point, while no table can be written; the files that they name never change, so that they can
be read afterwards.
"""

from __future__ import annotations

import contextlib
import io
import tarfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from brain.core.errors import BackupError, DamagedFile, StorageUnavailable
from brain.lake.storage import UNFINISHED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from brain.core.sink import Sink
    from brain.lake.storage import Storage

MANIFESTS = ("manifest.previous.json", "manifest.json")  # in this order nothing old is read after a crash
LOCK = "lock"
AT_ONCE = 32  # files that are synced together


@dataclass(frozen=True)
class Point:
    """The lake as it was at one point.

    Args:
        manifests: Content by name.
        others: Names of all other files.
    """

    manifests: Mapping[str, bytes]
    others: tuple[str, ...]


def table_folders(storage: Storage) -> list[str]:
    """The folder of every table that has a manifest, sound or not."""
    folders = [f"{space}/{name}" for space in storage.names("") for name in storage.names(space)]
    return [folder for folder in folders if storage.sizes(folder).keys() & {*MANIFESTS}]


@contextlib.contextmanager
def standing_still(storage: Storage) -> Iterator[None]:
    """Keep writers out of every table; behind a URL they are not, and the caller compares `manifests_of` afterwards.

    Raises:
        StorageUnavailable: A table's lock is held for longer than any run takes.
    """
    with contextlib.ExitStack() as locks:
        for folder in table_folders(storage) if storage.can_stand_still else ():
            locks.enter_context(storage.locked(f"{folder}/{LOCK}"))
        yield


def point_of(storage: Storage, left_out: Collection[str]) -> Point:
    """The lake as it is now.

    Args:
        left_out: Folders that are made again where they are missing.
    """
    names = [name for top in _below(storage, "") if top not in left_out for name in _files(storage, top)]
    names += [name for name in storage.sizes("") if not name.endswith(UNFINISHED)]
    others = (name for name in names if not _is_manifest(name) and LOCK not in name.split("/"))
    return Point(manifests_of(storage), tuple(sorted(others)))


def manifests_of(storage: Storage) -> dict[str, bytes]:
    """The content of every manifest, by name: as long as that is the same, no table was written."""
    found = {}
    for folder in table_folders(storage):
        for name in MANIFESTS:
            with contextlib.suppress(FileNotFoundError):
                found[f"{folder}/{name}"] = storage.read(f"{folder}/{name}")
    return found


def copy_out(storage: Storage, point: Point, sink: Sink) -> None:
    """Write all files, the manifests last.

    Raises:
        StorageUnavailable: A file that was there at the point was tidied away meanwhile.
    """
    with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for name in point.others:
            try:
                _add(archive, name, storage.read(name))
            except FileNotFoundError:
                raise StorageUnavailable(
                    storage.describe(name),
                    found="a file that was deleted while the backup was taken",
                    expected="a lake that is not being tidied",
                    remedy="Run the backup again.",
                ) from None
            except DamagedFile:
                continue  # a pipe or a link: nothing of the lake
            sink.entries += 1
        for name in sorted(point.manifests, key=lambda name: (name.rpartition("/")[0], name.endswith(MANIFESTS[1]))):
            _add(archive, name, point.manifests[name])
            sink.entries += 1


def empty(storage: Storage, folders: Collection[str]) -> None:
    """Delete every table, and some folders besides."""
    for folder in table_folders(storage):
        for name in reversed(MANIFESTS):
            storage.delete(f"{folder}/{name}")
        storage.delete_folder(folder)
    for folder in folders:
        storage.delete_folder(folder)


def copy_in(storage: Storage, stream: IO[bytes]) -> int:
    """Write the files of an archive; how many. A table can be read when its manifest is there, which comes last."""
    count, waiting = 0, list[str]()
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            content = _content(archive, member)
            if _is_manifest(member.name):
                _sync(storage, waiting)
                storage.write(member.name, content)
            else:
                storage.write_before(member.name, content)
                waiting.append(member.name)
            if len(waiting) == AT_ONCE:
                _sync(storage, waiting)
            count += 1
    _sync(storage, waiting)
    return count


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member) if member.isreg() and _is_inside(member.name) else None
    if file is None:
        raise BackupError(
            "the lake of the backup",
            found=f"an entry {member.name!r}",
            expected="files with names below the lake",
            remedy="Restore another backup.",
        )
    return file.read()


def _sync(storage: Storage, names: list[str]) -> None:
    storage.sync(names)
    names.clear()


def _is_inside(name: str) -> bool:
    return not name.startswith("/") and "\\" not in name and not {"", ".", ".."} & {*name.split("/")}


def _is_manifest(name: str) -> bool:
    return name.rpartition("/")[2] in MANIFESTS and name.count("/") == 2


def _below(storage: Storage, folder: str) -> list[str]:
    files = storage.sizes(folder)
    return [name for name in storage.names(folder) if name not in files]


def _files(storage: Storage, folder: str) -> Iterator[str]:
    yield from (f"{folder}/{name}" for name in storage.sizes(folder) if not name.endswith(UNFINISHED))
    for name in _below(storage, folder):
        yield from _files(storage, f"{folder}/{name}")


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))
