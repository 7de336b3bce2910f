"""A backup that is damaged, cut off or foreign is refused before anything is written."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import zstandard
from pydantic import SecretStr

from brain.backup import inventory as inventories
from brain.backup.restoring import check_backup, restore_backup
from brain.backup.taking import take_backup
from brain.core.errors import BackupError, SettingsError
from brain.core.signing import Signer
from brain.core.signing_keys import new_pair
from brain.lake.copying import copy_in
from brain.lake.storage import open_storage
from tests.backup.world import WEDNESDAY, Everything, World, everything

NOTHING = Everything((), {}, {}, {}, {}, ())


def refused(other: World, folder: Path, told: str) -> None:
    """Also where it may delete what is there."""
    for replace in (False, True):
        with pytest.raises(BackupError, match=told) as error:
            restore_backup(other.settings, folder, replace=replace)
        assert "Nothing was written" in str(error.value)
    assert everything(other) == NOTHING
    assert not Path(other.settings.lake_url).exists()


def parts_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.zst"))


def test_every_part_is_checked(other: World, copied: Path) -> None:
    """A flipped bit, a lost end, bytes too many, a lost file: for each part there is."""
    assert {path.name.split("-")[0] for path in parts_of(copied)} == {"brain", "lake", "warehouse", "settings"}
    for path in parts_of(copied):
        content = path.read_bytes()
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        for damage, told in (
            (flipped, "content with sha256"),
            (content[:-1], f"{len(content) - 1:,} bytes"),
            (content + b"x", f"{len(content) + 1:,} bytes"),
        ):
            path.write_bytes(damage)
            with pytest.raises(BackupError, match=told):
                check_backup(other.settings, copied)
        path.unlink()
        with pytest.raises(BackupError, match=f"{path.name}: found no such file"):
            check_backup(other.settings, copied)
        path.write_bytes(content)
    refused_part = parts_of(copied)[-1]
    refused_part.write_bytes(b"")
    refused(other, copied, "found 0 bytes")


def test_no_byte_of_the_inventory_can_be_altered(other: World, copied: Path) -> None:
    path = copied / inventories.NAME
    content = path.read_bytes()
    for place in range(0, len(content), 97):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(BackupError):
            check_backup(other.settings, copied)
    for cut in (content[: len(content) // 2], content[:-1], content.partition(b"\n")[2], b"", b"[]\n[]", b"null\nnull"):
        path.write_bytes(cut)
        with pytest.raises(BackupError):
            check_backup(other.settings, copied)
    refused(other, copied, "no signature by HMAC-SHA256|a signature")


def test_a_backup_that_was_cut_off_says_so(other: World, copied: Path, tmp_path: Path) -> None:
    (copied / inventories.NAME).unlink()
    refused(other, copied, "cut off before its end")
    (tmp_path / "empty").mkdir()
    refused(other, tmp_path / "empty", "no inventory.json; expected a folder that `brain backup` wrote")
    refused(other, tmp_path / "nowhere", "no inventory.json")


def test_the_backup_of_somebody_else_is_refused(other: World, kept: Path) -> None:
    foreign = other.settings.model_copy(update={"signing_keys": (SecretStr("another key of 32 bytes, truly"),)})
    with pytest.raises(BackupError, match="a signature by a key that is not known here; expected the key"):
        restore_backup(foreign, kept, replace=True)
    assert everything(other) == NOTHING


def test_every_key_that_signed_something_must_be_there(world: World, other: World, tmp_path: Path) -> None:
    """After a rotation documents of the old key are still read: without it they would all be refused."""
    old, new = world.settings.signing_keys[0], SecretStr("another key of 32 bytes, truly")
    rotated = world.settings.model_copy(update={"signing_keys": (new, old)})
    take_backup(rotated, tmp_path / "rotated", WEDNESDAY.at)
    check_backup(rotated, tmp_path / "rotated")
    check_backup(rotated.model_copy(update={"signing_keys": (old, new)}), tmp_path / "rotated")
    only_new = other.settings.model_copy(update={"signing_keys": (new,)})
    with pytest.raises(BackupError, match="content signed with the keys") as error:
        restore_backup(only_new, tmp_path / "rotated")
    assert inventories.key_names([old])[0] in error.value.expected


def test_a_public_half_among_the_keys_is_named_and_nothing_more(world: World, tmp_path: Path) -> None:
    """It verifies what its private half has signed elsewhere: a backup needs no signature of it."""
    private, public = (SecretStr(half) for half in new_pair())
    signing = world.settings.model_copy(update={"signing_keys": (*world.settings.signing_keys, public)})
    made = take_backup(signing, tmp_path / "kept", WEDNESDAY.at)
    assert made.keys == inventories.key_names([*world.settings.signing_keys, private])
    verifying = world.settings.model_copy(update={"signing_keys": (public, *world.settings.signing_keys)})
    assert check_backup(verifying, tmp_path / "kept") == made
    with pytest.raises(SettingsError, match="verifies and cannot sign"):
        take_backup(verifying, tmp_path / "unsigned", WEDNESDAY.at)
    assert not (tmp_path / "unsigned").exists()


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [("format", 2, "a backup of format 2"), ("formats", {"documents": 99}, "documents of format 99")],
)
def test_a_backup_of_a_later_release_is_refused(
    other: World, copied: Path, field: str, value: object, told: str
) -> None:
    path = copied / inventories.NAME
    body = json.dumps({**json.loads(path.read_bytes().partition(b"\n")[2]), field: value}).encode()
    digest = hashlib.sha256(body).hexdigest()
    signature = Signer(other.settings.signing_keys).sign(inventories.PURPOSE, {"sha256": digest})
    path.write_bytes(json.dumps(signature).encode() + b"\n" + body)
    refused(other, copied, told)


def test_no_secret_is_in_a_backup(world: World, kept: Path) -> None:
    secrets = {world.variables[name] for name in ("BRAIN_SIGNING_KEYS", "BRAIN_ENCRYPTION_KEYS")}
    urls = ("BRAIN_SOURCE_URL", "BRAIN_WAREHOUSE_URL", "BRAIN_MONGO_URL", "BRAIN_READER_URL")
    secrets |= {world.variables[name].split("@")[0].rpartition(":")[2] for name in urls}
    assert min(map(len, secrets)) > 8
    unpacker = zstandard.ZstdDecompressor()
    contents = [(kept / inventories.NAME).read_bytes()]
    for path in parts_of(kept):
        with path.open("rb") as file:
            contents.append(unpacker.stream_reader(file).read())
    assert any(b"RETURNS20" in content for content in contents)
    assert [secret for secret in secrets for content in contents if secret.encode() in content] == []


def test_only_its_owner_can_read_a_backup(kept: Path) -> None:
    assert {path.stat().st_mode & 0o077 for path in (kept, *kept.iterdir())} == {0}


def test_a_backup_is_never_written_over(world: World, kept: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in kept.iterdir()}
    with pytest.raises(BackupError, match="a backup that is there already"):
        take_backup(world.settings, kept, WEDNESDAY.at)
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == before
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(BackupError, match=r"letter\.txt in it"):
        take_backup(world.settings, tmp_path, WEDNESDAY.at)
    assert (tmp_path / "letter.txt").read_text() == "mine"


def test_what_a_killed_backup_left_is_replaced(world: World, copied: Path, other: World) -> None:
    (copied / inventories.NAME).unlink()
    (copied / "warehouse-99.txt.zst").write_bytes(b"half")
    take_backup(world.settings, copied, WEDNESDAY.at)
    assert not (copied / "warehouse-99.txt.zst").exists()
    restore_backup(other.settings, copied)
    assert everything(other, but=()) == everything(world, but=())


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside", "a//b", "link"])
def test_no_entry_of_an_archive_is_written_outside_the_lake(tmp_path: Path, name: str) -> None:
    import tarfile

    archive = tmp_path / "archive.tar"
    with tarfile.open(archive, "w") as made:
        entry = tarfile.TarInfo(name)
        if name == "link":
            entry.type, entry.linkname = tarfile.SYMTYPE, "/etc"
        made.addfile(entry)
    with archive.open("rb") as stream, pytest.raises(BackupError, match="files with names below the lake"):
        copy_in(open_storage(str(tmp_path / "lake")), stream)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive.tar"]


def test_a_folder_that_cannot_be_written_becomes_no_backup(world: World, tmp_path: Path) -> None:
    """The folder cannot be written half-way: it is refused, and no inventory is there."""
    folder = tmp_path / "backup"
    folder.mkdir()
    (folder / "brain-1.bson.zst").mkdir()
    with pytest.raises(BackupError):
        take_backup(world.settings, folder, WEDNESDAY.at)
    assert not (folder / inventories.NAME).exists()
    shutil.rmtree(folder)
