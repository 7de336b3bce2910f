"""Files of the lake: manifests, segments and staged rows of one table, altered, swapped or put back."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import SecretStr

from benchmarks.fleet.lake import write_snapshot
from benchmarks.fleet.models import END
from benchmarks.tampering.mutations import JSON_VALUES, damaged, mutated
from brain.core.counters import Counters
from brain.core.errors import LakeError
from brain.core.moment import Moment
from brain.core.signing import Signer
from brain.lake.lake import Lake
from brain.lake.manifest import _SEAL, _SIGNATURE
from brain.scoring.blocks import in_one
from brain.scoring.rows import read_rows
from brain.scoring.staged import stage, staged

KEYS = [SecretStr("a signing key of the benchmark")]
ASSETS = ("GOLD", "SILVER")
MOMENTS = (Moment(END), Moment(END + timedelta(days=1)))


def _lake(folder: Path) -> Lake:
    """Two tables with three manifests each, of which the counters were kept."""
    lake = Lake(str(folder), Signer(KEYS), Counters())
    for seed, asset in enumerate(ASSETS):
        write_snapshot(lake, asset, seed)
        for _ in range(2):
            manifest = lake.manifest("assets", asset)
            with lake.writing("assets", asset, manifest):
                assert manifest is not None
                lake.replace_manifest(manifest)
            shutil.copytree(folder / "assets" / asset, folder / "older" / asset, dirs_exist_ok=True)
    for asset in ASSETS:  # the newest manifest is not among the older ones
        manifest = lake.manifest("assets", asset)
        with lake.writing("assets", asset, manifest):
            assert manifest is not None
            lake.replace_manifest(manifest)
    lake.keep_counters()
    return lake


def _newest(lake: Lake, asset: str) -> tuple[bytes, str]:
    """The newest row and the hash that is published with it, as scoring reads them."""
    snapshot = lake.as_of("assets", asset, Moment(END))
    assert snapshot is not None
    found = read_rows(lake, snapshot)
    return found.values.tobytes() + found.keys.tobytes(), str(found.data_sha256)


def fuzz_lake(folder: Path, count: int, seed: int = 0) -> Counter[str]:
    """Alter a file of GOLD's `count` times; after each, read the newest row of both tables."""
    lake, draw, outcomes = _lake(folder / "lake"), random.Random(seed), Counter[str]()
    root = folder / "lake" / "assets"
    true = {asset: _newest(lake, asset) for asset in ASSETS}
    shutil.copytree(root, folder / "kept")
    for _ in range(count):
        _alter(root, draw)
        outcomes[_outcome(lake, true)] += 1
        shutil.rmtree(root / "GOLD")
        shutil.copytree(folder / "kept" / "GOLD", root / "GOLD")
    return outcomes


def _outcome(lake: Lake, true: dict[str, tuple[bytes, str]]) -> str:
    try:
        if _newest(lake, "SILVER") != true["SILVER"] or "SILVER" not in lake.names("assets"):
            return "spread to another table"
        found = _newest(lake, "GOLD")
    except (LakeError, AssertionError):
        return "refused"
    except Exception as error:
        return f"uncaught {type(error).__name__}: {error}"
    return "no effect on what is read" if found == true["GOLD"] else "altered number"


def _alter(root: Path, draw: random.Random) -> None:
    gold = root / "GOLD"
    manifests, segments = sorted(gold.glob("manifest*.json")), sorted((gold / "segments").iterdir())
    kind = draw.choice(("bytes", "forge", "forge", "forge", "segment", "row", "older", "another's", "gone", "junk"))
    chosen = manifests if draw.random() < 0.7 else [draw.choice(manifests)]
    if kind == "bytes":
        for path in chosen:
            path.write_bytes(damaged(path.read_bytes(), draw))
    elif kind == "forge":
        for path in chosen:
            path.write_bytes(_forged(json.loads(path.read_bytes()), draw))
    elif kind == "segment":
        path = draw.choice(segments)
        path.write_bytes(damaged(path.read_bytes(), draw))
    elif kind == "row":
        edit_row(gold, draw)
    elif kind == "older":
        for path in chosen:
            shutil.copy(draw.choice(sorted((root.parent / "older" / "GOLD").glob("manifest*.json"))), path)
    elif kind == "another's":
        shutil.rmtree(gold)
        shutil.copytree(root / "SILVER", gold)
    elif kind == "gone":
        draw.choice([*manifests, *segments]).unlink()
    else:
        for path in chosen:
            path.write_bytes(draw.randbytes(draw.randrange(200)))


def _forged(body: dict[str, Any], draw: random.Random) -> bytes:
    """A manifest with something changed and its own hash right again; sometimes as one of an older format."""
    signature = body.pop("signature", None)
    del body["sha256"]
    changed = mutated(body, draw, JSON_VALUES)
    if draw.random() < 0.4:
        changed = {**changed, "format": draw.choice((1, 2))}
        if isinstance(changed.get("segments"), dict):
            changed["segments"] = {n: v[:7] if isinstance(v, list) else v for n, v in changed["segments"].items()}
    text = json.dumps(changed)[:-1]
    seal = hashlib.sha256(text.encode()).hexdigest()
    if draw.random() < 0.5:
        return f"{text}{_SEAL}{seal}{_SIGNATURE}{json.dumps(signature)}}}\n".encode()
    return f'{text}{_SEAL}{seal}"}}\n'.encode()


def edit_row(gold: Path, draw: random.Random) -> None:
    """Another value in the newest row, and every hash that needs no key right again."""
    import pyarrow.parquet as pq

    path = gold / "manifest.json"
    body = json.loads(path.read_bytes())
    fields = body["segments"][body["versions"][-1]["segments"][-1]]
    frame = pq.read_table(gold / "segments" / fields[0]).to_pandas()
    numbers = [place for place in range(frame.shape[1]) if pd.api.types.is_float_dtype(frame.dtypes.iloc[place])]
    frame.iloc[-1, draw.choice(numbers)] = draw.random()
    frame.to_parquet(gold / "segments" / fields[0], index=False)
    content = (gold / "segments" / fields[0]).read_bytes()
    fields[5], fields[6] = hashlib.sha256(content).hexdigest(), len(content)
    signature = body.pop("signature")
    del body["sha256"]
    text = json.dumps(body)[:-1]
    seal = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(f"{text}{_SEAL}{seal}{_SIGNATURE}{json.dumps(signature)}}}\n")


def fuzz_staged(folder: Path, count: int, seed: int = 0) -> Counter[str]:
    """Alter GOLD's staged rows `count` times; after each, read what the publisher would."""
    lake, draw, outcomes = Lake(str(folder / "lake"), Signer(KEYS)), random.Random(seed), Counter[str]()
    for number, moment in enumerate(MOMENTS):
        for asset in ASSETS:
            frame = pd.DataFrame({"asset": asset, "horizon": [5, 25], "probability": [0.51 + number / 10, 0.6]})
            stage(lake, moment, "direction", [asset], {"probability_details": frame})
    files = {path: path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}
    (target,) = [path for path in files if _asset_of(path, lake) == "GOLD" and MOMENTS[0].slug in str(path)]
    chunks = [[asset] for asset in ASSETS]
    true = in_one(staged(lake, MOMENTS[0], "direction", chunks).rows["probability_details"])
    for _ in range(count):
        target.write_bytes(_altered_rows(files, target, folder, draw))
        outcomes[_staged_outcome(lake, chunks, true)] += 1
        target.write_bytes(files[target])
    return outcomes


def _asset_of(path: Path, lake: Lake) -> str:
    import io

    content = lake.read_signed(str(path.relative_to(lake.storage.root)))
    return str(pd.read_parquet(io.BytesIO(content))["asset"].iloc[0])


def _altered_rows(files: dict[Path, bytes], target: Path, folder: Path, draw: random.Random) -> bytes:
    kind = draw.choice(("bytes", "bytes", "another's", "rows", "another key", "unsigned"))
    line = files[target].partition(b"\n")[0]
    if kind == "bytes":
        return damaged(files[target], draw)
    if kind == "another's":
        return draw.choice([found for path, found in files.items() if path != target])
    forged = folder / "forged.parquet"
    pd.DataFrame({"asset": "GOLD", "horizon": [5, 25], "probability": [0.999, draw.random()]}).to_parquet(forged)
    if kind == "another key":
        other = Lake(str(folder / "other"), Signer([SecretStr(f"another key {draw.random()}")]))
        other.write_signed(str(target.relative_to(folder / "lake")), forged.read_bytes())
        return (folder / "other" / target.relative_to(folder / "lake")).read_bytes()
    return forged.read_bytes() if kind == "unsigned" else line + b"\n" + forged.read_bytes()


def _staged_outcome(lake: Lake, chunks: list[list[str]], true: pd.DataFrame) -> str:
    try:
        found = staged(lake, MOMENTS[0], "direction", chunks)
    except Exception as error:
        return f"uncaught {type(error).__name__}: {error}"
    rows = in_one(found.rows["probability_details"])
    if not _same(rows, true, "SILVER"):
        return "spread to another chunk"
    if set(found.refused) == {"GOLD"} and set(rows["asset"]) == {"SILVER"}:
        return "refused"
    return "no effect on what is read" if _same(rows, true, "GOLD") else "altered number"


def _same(rows: pd.DataFrame, true: pd.DataFrame, asset: str) -> bool:
    found, expected = rows[rows["asset"] == asset], true[true["asset"] == asset]
    return bool(np.array_equal(found.to_numpy(), expected.to_numpy()))
