"""Taking a backup: all stores as they are at one point, while runs go on.

For less than a second nobody can publish or commit a snapshot: then PostgreSQL and MongoDB begin transactions that go
on seeing what is there, and the lake's manifests are read. What these name never changes, so the copying keeps nobody
waiting. A run that is under way is in the backup as far as it had come, as if it had been killed there: the next one
goes on from it.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from brain.backup.inventory import NAME, Inventory, key_names, write_inventory
from brain.backup.parts import PartWriter
from brain.core.errors import BackupError, StorageUnavailable
from brain.core.release import this_release
from brain.core.signing import Signer
from brain.lake import copying as lake_copy
from brain.lake import manifest as lake_manifest
from brain.lake.storage import open_storage
from brain.store import copying as store_copy
from brain.store import document, pointers
from brain.store.connection import database, explained
from brain.usecases.protocol import KEPT, SHARED
from brain.warehouse import copying as warehouse_copy
from brain.warehouse.connection import transaction

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from psycopg2.extensions import cursor as Cursor  # noqa: N812
    from pymongo.client_session import ClientSession

    from brain.core.settings import Settings
    from brain.lake.copying import Point
    from brain.lake.storage import Storage
    from brain.warehouse.copying import TableCopy

FORMATS = {"documents": document.FORMAT, "pointers": pointers.FORMAT, "manifests": lake_manifest.FORMAT}
MADE_AGAIN = frozenset({SHARED, KEPT, "usual_shares"})  # caches of the lake
PARTS = ("brain-*.zst", "lake-*.zst", "warehouse-*.zst", "settings-*.zst", f"{NAME}.writing")
TRIES, PAUSE_SECONDS = 60, 0.5


def take_backup(settings: Settings, folder: Path, at: datetime) -> Inventory:
    """Write a backup into a folder, which becomes one with its last file.

    Args:
        folder: New or empty; what a backup that was broken off left there is replaced.
        at: The time, for people.

    Raises:
        BackupError: There is something in the folder, or it cannot be written.
        SettingsError: The first key cannot sign what is taken.
        TableBusy, StorageUnavailable: A run is in the way, or files were tidied away meanwhile: try again.
    """
    settings.models_signer.require_signing()
    try:
        _make_room(folder)
        return _take(settings, folder, at)
    except OSError as error:
        raise BackupError(
            str(folder),
            found=f"{type(error).__name__}: {error.strerror or error}",
            expected="a folder with room for the backup",
            remedy="It is no backup yet. Free space or name another folder, and take it again.",
        ) from error


def _make_room(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    left_over = {path for pattern in PARTS for path in folder.glob(pattern)}
    if others := sorted({*folder.iterdir()} - left_over):
        finished = any(path.name == NAME for path in others)
        raise BackupError(
            str(folder),
            found="a backup that is there already" if finished else f"{others[0].name} in it",
            expected="a new or empty folder",
            remedy="Name another one: a backup is never written over.",
        )
    for path in left_over:
        path.unlink()


def _take(settings: Settings, folder: Path, at: datetime) -> Inventory:
    writer, storage, models = PartWriter(folder), open_storage(settings.lake_url), database(settings.mongo_url)
    with ExitStack() as open_, explained():
        reading = open_.enter_context(transaction(settings.warehouse_url))
        warehouse_copy.see_one_point(reading)
        cursor = open_.enter_context(reading.cursor())
        with transaction(settings.warehouse_url) as holding, holding.cursor() as holder:
            warehouse_copy.hold_writers(holder)
            with lake_copy.standing_still(storage):
                tables = warehouse_copy.tables_of(cursor)
                session, point = _agreed(open_, storage, models)
        servers = {"PostgreSQL": warehouse_copy.server_version(cursor), "MongoDB": store_copy.server_version(models)}
        for number, name in enumerate(store_copy.collections(models)):
            with writer.part(f"brain-{number}.bson.zst", "brain", name) as sink:
                store_copy.copy_out(models, name, sink, session)
        _copy_tables(cursor, tables, writer)
    with writer.part("lake-0.tar.zst", "lake", "files") as sink:
        lake_copy.copy_out(storage, point, sink)
    catalogue = settings.catalogue_path.read_bytes()
    with writer.part("settings-0.yaml.zst", "settings", "catalogue") as sink:
        sink.write(catalogue)
        sink.entries = 1
    release = this_release()
    inventory = Inventory(
        made_at=at,
        release=release.version,
        commit=release.commit,
        clean=release.clean,
        formats=FORMATS,
        servers=servers,
        libraries=document.library_versions(),
        keys=key_names(settings.signing_keys),
        catalogue_sha256=hashlib.sha256(catalogue).hexdigest(),
        parts=tuple(writer.parts),
        tables=tables,
    )
    return write_inventory(folder, inventory, Signer(settings.signing_keys))


def _copy_tables(cursor: Cursor, tables: tuple[TableCopy, ...], writer: PartWriter) -> None:
    for number, table in enumerate(tables):
        with writer.part(f"warehouse-{number}.txt.zst", "warehouse", table.name) as sink:
            warehouse_copy.copy_out(cursor, table, sink)


def _agreed(open_: ExitStack, storage: Storage, models: store_copy.Models) -> tuple[ClientSession | None, Point]:
    """A session on MongoDB, and the lake at the same point: no table was written while the session began.

    Raises:
        StorageUnavailable: A lake that cannot be locked is being written all the time.
    """
    for _ in range(TRIES):
        point = lake_copy.point_of(storage, MADE_AGAIN)
        with ExitStack() as attempt:
            session = attempt.enter_context(store_copy.one_point(models))
            if lake_copy.manifests_of(storage) == point.manifests:
                open_.push(attempt.pop_all())
                return session, point
        time.sleep(PAUSE_SECONDS)
    raise StorageUnavailable(
        storage.describe(""),
        found="tables that are written all the time",
        expected="a lake that stands still for a second",
        remedy="Take the backup when no extraction runs.",
    )
