"""A lake whose files were edited, swapped, put back or forged is refused, table by table; extraction heals it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from brain.core.counters import Counters
from brain.core.errors import LakeError
from brain.core.signing import Signer
from brain.lake.lake import Lake
from brain.lake.manifest import _SEAL, _SIGNATURE
from tests.extract.conftest import Market, asset_frame, extract, last_dates, spec
from tests.lake.test_format_1 import FIXTURE
from tests.lake.test_storage import NO_FILES, put_in_place

if TYPE_CHECKING:
    from collections.abc import Callable

DAYS = last_dates(asset_frame(), 300)
SIGNER = Signer([SecretStr("a signing key of the tests")])


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def lake(tmp_path: Path, counters: Counters) -> Lake:
    return Lake(str(tmp_path / "lake"), SIGNER, counters)


@pytest.fixture
def days(sqlite: Market, lake: Lake) -> Lake:
    """GOLD and SILVER, extracted on three days; their counters were kept."""
    for name in ("GOLD", "SILVER"):
        for day in (290, 295, 300):
            sqlite.put(name, asset_frame(known=day, seed=len(name)))
            assert extract(sqlite, lake, DAYS[day - 1], spec(name)).ok
    lake.keep_counters()
    return lake


def folder(lake: Lake, name: str = "GOLD") -> Path:
    return Path(lake.storage.root) / "assets" / name


def newest_close(lake: Lake, name: str = "GOLD") -> float:
    snapshot = lake.latest("assets", name)
    assert snapshot is not None
    return float(lake.read(snapshot, ["Close"], last=1)["Close"].iloc[0])


def edit_newest_row(lake: Lake, *, reseal: bool) -> None:
    """Write another Close into the newest file, and make every hash that needs no key fit again."""
    path = folder(lake) / "manifest.json"
    body = json.loads(path.read_text())
    fields = body["segments"][body["versions"][-1]["segments"][-1]]
    table = pq.read_table(folder(lake) / "segments" / fields[0])
    close = table.column("Close").to_pylist()
    place = table.column_names.index("Close")
    forged = table.set_column(place, table.schema.field("Close"), pa.array([*close[:-1], 1e6], pa.float64()))
    pq.write_table(forged, folder(lake) / "segments" / fields[0])
    if reseal:
        content = (folder(lake) / "segments" / fields[0]).read_bytes()
        fields[5], fields[6] = hashlib.sha256(content).hexdigest(), len(content)
        write_resealed(path, body)


def write_resealed(path: Path, body: dict[str, object], **changes: object) -> None:
    """A manifest as anyone can write it: its own hash fits, its signature is that of the one before."""
    signature = body.pop("signature", None)
    body.pop("sha256", None)
    text = json.dumps({**body, **changes})[:-1]
    seal = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(f"{text}{_SEAL}{seal}{_SIGNATURE}{json.dumps(signature)}}}\n")


@pytest.mark.parametrize("reseal", [False, True])
def test_an_edited_row_is_refused_and_the_other_table_is_read(days: Lake, reseal: bool) -> None:
    silver = newest_close(days, "SILVER")
    edit_newest_row(days, reseal=reseal)
    with pytest.raises(LakeError):
        newest_close(days)
    assert newest_close(days, "SILVER") == silver


def test_the_content_hash_is_checked_even_where_all_file_hashes_fit(days: Lake) -> None:
    """By somebody without keys, of a lake that nobody signed: the rows do not fit the hash that is published."""
    plain = Lake(days.storage.root)
    edit_newest_row(plain, reseal=True)
    with pytest.raises(LakeError, match="another content hash"):
        newest_close(plain)


def test_swapped_folders_are_refused(days: Lake) -> None:
    gold, silver = folder(days), folder(days, "SILVER")
    gold.rename(gold.with_name("aside"))
    silver.rename(gold)
    gold.with_name("aside").rename(silver)
    for name in ("GOLD", "SILVER"):
        with pytest.raises(LakeError, match=r"the manifest of assets/"):
            newest_close(days, name)
    assert days.names("assets") == []


@pytest.mark.parametrize("both", [False, True])
def test_an_old_manifest_that_is_put_back_is_refused_and_the_next_extraction_heals_it(
    sqlite: Market, lake: Lake, counters: Counters, both: bool
) -> None:
    frame = asset_frame()
    sqlite.put("GOLD", asset_frame(known=290))
    extract(sqlite, lake, DAYS[289])
    old = {path: path.read_bytes() for path in folder(lake).glob("manifest*.json")}
    frame["Close"] += np.where(frame.index == 5, 1.0, 0.0)  # a correction that only a full check finds
    sqlite.put("GOLD", frame)
    assert extract(sqlite, lake, DAYS[299], full=True).status == "corrected"
    lake.keep_counters()
    true = newest_close(lake)
    path = folder(lake) / "manifest.json"
    path.write_bytes(old[path])
    if both:
        shutil.copy(path, path.with_name("manifest.previous.json"))
    again = Lake(lake.storage.root, SIGNER, counters)
    with pytest.raises(LakeError, match="an old manifest that was put back"):
        newest_close(again)
    assert extract(sqlite, again, DAYS[299]).status == "corrected"
    assert newest_close(again) == true
    snapshot = again.latest("assets", "GOLD")
    assert snapshot is not None
    assert again.read(snapshot)["Close"].iloc[5] == frame["Close"].iloc[5]


def test_a_manifest_that_is_old_and_true_is_written_anew(sqlite: Market, days: Lake, counters: Counters) -> None:
    """Nothing differs from the source: the counter is what must go on."""
    path = folder(days) / "manifest.json"
    old = path.read_bytes()
    with days.writing("assets", "GOLD", days.manifest("assets", "GOLD")):
        manifest = days.manifest("assets", "GOLD")
        assert manifest is not None
        days.replace_manifest(manifest)
    days.keep_counters()
    for name in ("manifest.json", "manifest.previous.json"):
        path.with_name(name).write_bytes(old)
    with pytest.raises(LakeError, match="put back"):
        newest_close(days)
    assert extract(sqlite, days, DAYS[299], spec("GOLD")).status == "unchanged"
    assert newest_close(days) == asset_frame(seed=4)["Close"].iloc[-1]


@pytest.mark.parametrize(
    "forge",
    [
        lambda body: body | {"format": 2},
        lambda body: body | {"signature": None},
        lambda body: body | {"counter": 10**6},
        lambda body: body | {"counter": 10**6, "space": "elsewhere"},
        lambda body: {**body, "versions": body["versions"][:-1]},
    ],
    ids=["as an older format", "without signature", "a higher counter", "another space", "a version less"],
)
def test_a_forged_manifest_is_refused(days: Lake, forge: Callable[[dict[str, object]], dict[str, object]]) -> None:
    for path in folder(days).glob("manifest*.json"):
        write_resealed(path, forge(json.loads(path.read_text())))
    with pytest.raises(LakeError):
        days.latest("assets", "GOLD")
    assert days.names("assets") == ["SILVER"]


def test_a_lake_of_an_older_release_is_read_with_a_warning_and_signed_by_the_next_run(
    sqlite: Market, tmp_path: Path, counters: Counters, caplog: pytest.LogCaptureFixture
) -> None:
    from tests.lake.test_format_1 import extend

    shutil.copytree(FIXTURE, tmp_path / "lake")
    lake = Lake(str(tmp_path / "lake"), SIGNER, counters)
    assert lake.latest("assets", "GOLD") is not None
    assert "not signed" in caplog.text
    extend(sqlite, lake, 120)  # nothing new
    lake.keep_counters()
    assert json.loads((folder(lake) / "manifest.json").read_text())["signature"]
    caplog.clear()
    assert lake.latest("assets", "GOLD") is not None
    assert "not signed" not in caplog.text
    for name in ("manifest.json", "manifest.previous.json"):
        shutil.copy(FIXTURE / "assets" / "GOLD" / name, folder(lake) / name)
    with pytest.raises(LakeError, match="put back"):
        lake.latest("assets", "GOLD")


@pytest.mark.parametrize("field", ["rows", "version", "segments", "schema", "moment", "revision"])
@pytest.mark.parametrize("value", [None, -1, "x", 2**70, [], {}], ids=str)
def test_an_unsigned_manifest_with_a_field_of_another_type_is_refused(
    tmp_path: Path, field: str, value: object
) -> None:
    shutil.copytree(FIXTURE, tmp_path / "lake")
    for path in (tmp_path / "lake" / "assets" / "GOLD").glob("manifest*.json"):
        body = json.loads(path.read_text())
        known = {"moment": "interval_end"}.get(field, field)
        if (known, value) == ("revision", None):
            value = 5
        for version in body["versions"]:
            version[known] = value
        del body["sha256"]
        text = json.dumps(body)[:-1]
        path.write_text(f'{text}{_SEAL}{hashlib.sha256(text.encode()).hexdigest()}"}}\n')
    lake = Lake(str(tmp_path / "lake"), SIGNER)
    with pytest.raises(LakeError):
        lake.latest("assets", "GOLD")


def test_keys_can_be_rotated(days: Lake, counters: Counters, sqlite: Market) -> None:
    new = SecretStr("a newer signing key of the tests")
    both = Lake(days.storage.root, Signer([new, SecretStr("a signing key of the tests")]), counters)
    true = newest_close(both)
    alone = Lake(days.storage.root, Signer([new]), counters)
    with pytest.raises(LakeError, match="a key that is not known"):
        newest_close(alone)
    with both.writing("assets", "GOLD", both.manifest("assets", "GOLD")):
        manifest = both.manifest("assets", "GOLD")
        assert manifest is not None
        both.replace_manifest(dataclasses.replace(manifest))
    assert newest_close(alone) == true


def other_key(path: Path) -> None:
    """The manifest says that it was signed with another key: a byte of the key's name is altered."""
    body = json.loads(path.read_text())
    name = body["signature"]["key"]
    path.write_text(path.read_text().replace(f'"{name}"', f'"{name[:-1]}{"0" if name[-1] != "0" else "1"}"'))


def test_beside_a_manifest_of_an_unknown_key_the_one_before_goes_on_and_where_both_are_a_person_decides(
    sqlite: Market, days: Lake
) -> None:
    true = newest_close(days)
    other_key(folder(days) / "manifest.json")
    with pytest.raises(LakeError, match="put back"):  # the one before is older than what was seen: nothing is scored
        newest_close(days)
    assert extract(sqlite, days, DAYS[299], spec("GOLD")).ok  # and it is gone on from
    assert newest_close(days) == true
    manifest = days.manifest("assets", "GOLD")
    assert manifest is not None
    assert [version.version for version in manifest.versions] == [1, 2, 3]
    for name in ("manifest.json", "manifest.previous.json"):
        other_key(folder(days) / name)
    report = extract(sqlite, days, DAYS[299], spec("GOLD"))
    assert not report.ok
    assert "a key that is not known" in str(report.error)
    assert days.names("assets") == ["SILVER"]


def test_equal_rows_after_other_ones_keep_their_own_content_hash(sqlite: Market, lake: Lake) -> None:
    """Retention drops the first quarters: the newest file is the same, what stands before it is not."""
    days = last_dates(asset_frame(600), 600)
    for known, keep in ((590, "10y"), (590, "1y"), (600, "1y")):
        sqlite.put("GOLD", asset_frame(600, known=known))
        assert extract(sqlite, lake, days[known - 1], spec(retention={"keep": keep})).ok
    manifest = lake.manifest("assets", "GOLD")
    assert manifest is not None
    assert [version.status for version in manifest.versions] == ["new", "rewritten", "appended"]
    for version in manifest.versions:
        assert version.segments[-1].chain == version.data_sha256


@pytest.mark.timeout(60)
@pytest.mark.parametrize("what", ["junk", *NO_FILES])
def test_a_table_of_whose_manifests_nothing_is_left_is_extracted_anew(
    sqlite: Market, days: Lake, counters: Counters, what: str
) -> None:
    true, silver = newest_close(days), newest_close(days, "SILVER")
    for name in ("manifest.json", "manifest.previous.json"):
        path = folder(days) / name
        if what == "junk":
            path.write_text("" if name == "manifest.json" else "x\n")
        else:
            put_in_place(path, what)
    with pytest.raises(LakeError):
        newest_close(days)
    assert days.names("assets") == ["SILVER"]
    kept = counters.last("manifest assets/GOLD")
    report = extract(sqlite, days, DAYS[299], spec("GOLD"))
    assert report.status == "new", report.reason
    days.keep_counters()
    assert (newest_close(days), newest_close(days, "SILVER")) == (true, silver)
    manifest = days.manifest("assets", "GOLD")
    assert manifest is not None
    assert manifest.counter > kept
    assert manifest.latest.version > 3  # no number is used twice
    sqlite.put("GOLD", asset_frame(seed=4))
    assert extract(sqlite, days, DAYS[299], spec("GOLD")).status == "unchanged"


def test_a_key_that_is_missing_from_the_settings_costs_no_table_its_history(sqlite: Market, days: Lake) -> None:
    mistaken = Lake(days.storage.root, Signer([SecretStr("a key that was mistyped")]))
    report = extract(sqlite, mistaken, DAYS[299], spec("GOLD"))
    assert report.status == "failed"
    assert "a key that is not known here" in report.reason
    manifest = days.manifest("assets", "GOLD")
    assert manifest is not None
    assert len(manifest.versions) == 3
