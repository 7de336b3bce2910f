"""Restoring a backup: all of it is checked before anything is written, and what was broken off is done again.

The warehouse comes last, in one transaction that also takes away the note that a restore is under way: until then the
same restore may be run again, and nothing is published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from brain.backup.inventory import read_inventory
from brain.backup.parts import reading
from brain.backup.taking import FORMATS, MADE_AGAIN
from brain.core.errors import BackupError
from brain.lake import copying as lake_copy
from brain.lake.storage import open_storage
from brain.steps import run_folders
from brain.store import copying as store_copy
from brain.store.connection import database, explained
from brain.usecases import USE_CASES
from brain.warehouse import copying as warehouse_copy
from brain.warehouse.connection import transaction
from brain.warehouse.counters import COUNTERS
from brain.warehouse.evaluation import layouts_of_ledgers
from brain.warehouse.extraction_runs import EXTRACTION_RUNS
from brain.warehouse.feature_drift import FEATURE_DRIFT
from brain.warehouse.fence import FENCES
from brain.warehouse.publish import layouts_of
from brain.warehouse.refusal import explained as explained_sql
from brain.warehouse.views import hide, show

if TYPE_CHECKING:
    from pathlib import Path

    from brain.backup.inventory import Inventory
    from brain.core.settings import Settings
    from brain.warehouse.views import View


def check_backup(settings: Settings, folder: Path) -> Inventory:
    """What a backup holds, once every part of it was read and found whole.

    Raises:
        BackupError: No backup, or a damaged, cut-off or foreign one, or one of a later release.
    """
    return read_inventory(folder, settings.signing_keys, FORMATS)


def restore_backup(settings: Settings, folder: Path, *, replace: bool = False) -> Inventory:
    """Make brain, lake and warehouse what they were when the backup was taken.

    Args:
        replace: Delete what is there; without it, all three have to be empty, or left by this restore broken off.

    Raises:
        BackupError: The backup cannot be used, or something is there; nothing was written.
    """
    inventory = check_backup(settings, folder)
    names = _own_tables(inventory)
    _require_room(settings, inventory, names, replace=replace)
    with explained_sql(), transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        hide(cursor, _own_views())
        warehouse_copy.require_droppable(cursor, names)
        warehouse_copy.begin_restore(cursor, inventory.id)
    _restore_lake(settings, folder, inventory)
    _restore_brain(settings, folder, inventory)
    _restore_warehouse(settings, folder, inventory, names)
    return inventory


def _own_tables(inventory: Inventory) -> list[str]:
    """The tables of the backup, and what else this release keeps in a warehouse: none of it may outlive a restore."""
    declared = [COUNTERS, EXTRACTION_RUNS, FEATURE_DRIFT, FENCES]
    for use_case in USE_CASES.values():
        declared += layouts_of(use_case.tables, use_case.derived(use_case.example))
        declared += layouts_of_ledgers(use_case.ledgers)
    return sorted({table.name for table in inventory.tables} | {layout.identifier for layout in declared})


def _require_room(settings: Settings, inventory: Inventory, names: list[str], *, replace: bool) -> None:
    with transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        mark, tables = warehouse_copy.mark_of(cursor), warehouse_copy.filled(cursor, names)
    if replace or mark == inventory.id:
        return
    with explained():
        documents = store_copy.filled(database(settings.mongo_url))
    folders = lake_copy.table_folders(open_storage(settings.lake_url))
    found = [f"the tables {', '.join(tables)} in the warehouse"] if tables else []
    found += [f"{count} documents in MongoDB's {name}" for name, count in documents.items()]
    found += [f"{len(folders)} tables in the lake"] if folders else []
    if mark is not None:
        found.append("the restore of another backup, which was broken off")
    if found:
        raise BackupError(
            "the place to restore into",
            found=", ".join(found),
            expected="an empty warehouse, MongoDB database and lake",
            remedy="Nothing was written. Point BRAIN_WAREHOUSE_URL, BRAIN_MONGO_URL and BRAIN_LAKE_URL at empty ones;"
            " or, after a backup of what is there, give --replace to delete it.",
        )


def _restore_lake(settings: Settings, folder: Path, inventory: Inventory) -> None:
    storage = open_storage(settings.lake_url)
    lake_copy.empty(storage, {*run_folders(), *MADE_AGAIN})
    for part in inventory.of("lake"):
        with reading(folder, part) as stream:
            lake_copy.copy_in(storage, stream)


def _restore_brain(settings: Settings, folder: Path, inventory: Inventory) -> None:
    models = database(settings.mongo_url)
    with explained():
        store_copy.empty(models)
        for part in reversed(inventory.of("brain")):  # pointers last: what they name is there already
            with reading(folder, part) as stream:
                store_copy.copy_in(models, part.subject, stream)


def _restore_warehouse(settings: Settings, folder: Path, inventory: Inventory, names: list[str]) -> None:
    """All tables in one transaction, with the note that a restore is under way gone at its end."""
    parts = {part.subject: part for part in inventory.of("warehouse")}
    with explained_sql(), transaction(settings.warehouse_url) as connection, connection.cursor() as cursor:
        warehouse_copy.hold_writers(cursor)
        hide(cursor, _own_views())
        warehouse_copy.drop(cursor, names)
        for table in inventory.tables:
            with reading(folder, parts[table.name]) as rows:
                warehouse_copy.make(cursor, table, rows)
        show(cursor, _own_views())
        warehouse_copy.end_restore(cursor)


def _own_views() -> list[View]:
    """The views of this release: they are made from the tables that are replaced, and made again."""
    return [view for use_case in USE_CASES.values() for view in use_case.views]
