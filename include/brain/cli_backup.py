"""``brain backup`` and ``brain restore``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from brain.display import PlainConsole

if TYPE_CHECKING:
    from brain.backup.inventory import Inventory
    from brain.core.settings import Settings

console = PlainConsole(soft_wrap=True)
Folder = Annotated[Path, typer.Argument(help="The backup's folder.")]


def backup(folder: Folder) -> None:
    """Copy brain, lake and warehouse, as they are at one point, into a new folder; runs may go on meanwhile.

    No key and no password is in it: keep BRAIN_SIGNING_KEYS and BRAIN_ENCRYPTION_KEYS elsewhere.
    """
    from brain.backup.taking import take_backup

    inventory = take_backup(_settings(), folder, datetime.now(UTC))
    _show(inventory)
    console.print(f"The backup is in {folder}. Without BRAIN_SIGNING_KEYS, which are not in it, nothing accepts it.")


def restore(
    folder: Folder,
    replace: Annotated[bool, typer.Option("--replace", help="Delete what is there now.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only check the backup; nothing is written.")] = False,
) -> None:
    """Make brain, lake and warehouse what they were when a backup was taken.

    The backup is checked first, to the last byte. Stop all runs before. If it is broken off, run the same again.
    """
    from brain.backup.restoring import check_backup, restore_backup

    settings = _settings()
    inventory = check_backup(settings, folder) if check else restore_backup(settings, folder, replace=replace)
    _show(inventory)
    for remark in _remarks(settings, inventory):
        console.print(remark)
    console.print("The backup is whole; nothing was written." if check else "Restored. The next run goes on from here.")


def _show(inventory: Inventory) -> None:
    table = Table("what", "subject", "entries", "bytes in the backup")
    for part in inventory.parts:
        table.add_row(Text(part.store), Text(part.subject), f"{part.entries:,}", f"{part.size:,}")
    console.print(table)
    code = f"commit {inventory.commit[:12]}{'' if inventory.clean else ' with changes'}" if inventory.commit else ""
    made = f"Taken at {inventory.made_at:%Y-%m-%d %H:%M:%S} UTC by brain {inventory.release} {code}".rstrip()
    servers = ", ".join(f"{name} {version}" for name, version in inventory.servers.items())
    console.print(f"{made}, from {servers}.", highlight=False)


def _remarks(settings: Settings, inventory: Inventory) -> list[str]:
    """What differs here from where the backup was made, and may change numbers from the next run on."""
    import hashlib

    from brain.store.document import library_versions

    remarks = []
    here = settings.catalogue_path
    if not here.exists() or hashlib.sha256(here.read_bytes()).hexdigest() != inventory.catalogue_sha256:
        remarks.append(f"The catalogue {here} is not the one of then, which is in the backup: settings-0.yaml.zst.")
    others = library_versions()
    differing = [f"{name} {had}" for name, had in inventory.libraries.items() if others.get(name) != had]
    if differing:
        remarks.append(f"Made with other libraries, so that a replay may differ in last bits: {', '.join(differing)}.")
    return remarks


def _settings() -> Settings:
    from brain.core.settings import Settings

    return Settings.load()
