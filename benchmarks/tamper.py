"""Flipped bits, altered documents, files and names: no number may change, nothing may be left uncaught."""

from __future__ import annotations

import logging
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import bson

from benchmarks.bounds import at_least, exactly
from benchmarks.fleet.models import END, candidate, fitted
from benchmarks.fleet.servers import benchmark_servers, fresh
from benchmarks.report import Report
from benchmarks.tampering import cost, documents, files, names
from brain.core.errors import ArtifactRejected
from brain.core.settings import Settings
from brain.store.document import read, verify
from brain.store.models import ModelStore
from brain.store.pointers import moves_of, verify_pointer
from brain.store.verdicts import Verdict
from brain.usecases.direction.names import model_key
from brain.workspace import Workspace, open_workspace

KEY = model_key("GOLD", 25)
OPTIONS: bson.CodecOptions[dict[str, Any]] = bson.CodecOptions(tz_aware=True)
HARMLESS = ("refused", "no effect on what is published", "no effect on what is read", "refused by MongoDB", "used")
QUICK = """
defaults:
  horizons: [5, 20]
  training: {trials: 1, folds: 3}
assets: [VIX]
"""
HOLDS = {
    "flips": at_least(40),
    "fuzzed": at_least(100),
    "accepted": exactly(0),
    "uncaught": exactly(0),
    "models": at_least(2),
}
TIMED = ("*seconds", "signing_share", "*_ms*")


def run(quick: bool) -> Report:
    """Each kind of attack some thousand times, then a daily run with its signatures timed."""
    logging.disable(logging.CRITICAL)  # every refusal is a warning
    scale = 40 if quick else 1
    start = time.perf_counter()
    with benchmark_servers() as variables, tempfile.TemporaryDirectory() as folder:
        store = ModelStore.open(fresh(variables), "direction")
        table = list(_flips(store, 1_000 // scale))
        counted = _fuzzed(variables, Path(folder), scale)
        table += [_row(where, outcomes) for where, outcomes in counted.items()]
        seconds = time.perf_counter() - start
        measured = cost.daily_run(_workspace(variables, Path(folder), quick), variables["BRAIN_DEMO_URL"])
    fuzzed = sum(counted.values(), Counter())
    return Report(
        title="Tampering with lake, store and staged rows",
        columns=("where", "alterations", "refused", "cannot be stored", "without effect", "accepted", "uncaught"),
        rows=table,
        figures={
            "flips": sum(row[1] for row in table[:2]),
            "fuzzed": fuzzed.total(),
            "accepted": sum(row[5] for row in table),
            "uncaught": sum(row[6] for row in table),
            "seconds": seconds,
            **measured,
        },
        notes=[
            "A flip is one random bit of the BSON document as stored; notes that nothing depends on (revised, prunings)"
            " are left out. Undamaged documents are accepted.",
            "Without effect: what is published, or read by scoring, is the same to the bit. BSON numbers the entries of"
            " a list and readers ignore the numbers; documents have notes, and records that scoring does not read; a"
            " table has a previous manifest. Of names: those that are used and found again.",
            "Altered documents: one of GOLD's in MongoDB, without validators; then every command of the store and, one"
            " time in ten, training over it. Files: hashes that need no key are made right again. Accepted also counts"
            " what spread to another model, table or chunk.",
            f"signing_share: seconds in signing, checking and counting, of the seconds of a daily run without them"
            f" ({measured['models']:.0f} models of the demo; most are refreshed or skipped).",
        ],
    )


def _fuzzed(variables: dict[str, str], folder: Path, scale: int) -> dict[str, Counter[str]]:
    store = ModelStore.open(fresh(variables), "direction")
    documents.fill(store)
    named = ModelStore.open(fresh(variables), "direction")
    return {
        "documents of a model in MongoDB": documents.fuzz(store, 2_000 // scale),
        "manifests and segments of a table": files.fuzz_lake(folder / "lake", 1_500 // scale),
        "staged rows of a chunk": files.fuzz_staged(folder / "staged", 1_000 // scale),
        "names of units and targets": names.fuzz(named, folder, 1_000 // scale),
    }


def _row(where: str, outcomes: Mapping[str, int]) -> tuple[Any, ...]:
    uncaught = sum(count for told, count in outcomes.items() if told.startswith("uncaught"))
    harmless = {told: outcomes.get(told, 0) for told in HARMLESS}
    accepted = sum(outcomes.values()) - uncaught - sum(harmless.values())
    without = sum(count for told, count in harmless.items() if not told.startswith("refused"))
    refused, unstorable = harmless["refused"], harmless["refused by MongoDB"]
    return where, sum(outcomes.values()), refused, unstorable, without, accepted, uncaught


def _workspace(variables: dict[str, str], folder: Path, quick: bool) -> Workspace:
    settings: Settings = fresh(variables)
    if not quick:
        return open_workspace(settings)
    path = folder / "catalogue.yaml"
    path.write_text(QUICK)
    return open_workspace(settings.model_copy(update={"catalogue_path": path}))


def _flips(store: ModelStore, flips: int) -> list[tuple[Any, ...]]:
    """Flip bits of the bytes MongoDB keeps, then load as scoring and `brain models verify` do."""
    store.add([candidate(KEY, fitted("boosting", 0), 0)])
    store.record_verdicts([Verdict(KEY, 1, True, 0.001, END)])
    model, pointer = store.backend.models.find_one() or {}, store.backend.champions.find_one() or {}
    signer = store.backend.signer

    def load(document: dict[str, Any]) -> None:
        verify(document, KEY, 1, signer, record=True)
        read(document, document.get("payload"), KEY, 1).evaluator()

    def point(document: dict[str, Any]) -> None:
        moves_of(document, verify_pointer(document, KEY, signer))

    table = []
    for where, document, check in (
        ("bits of a model document, artifact included", model, load),
        ("bits of a champion's pointer, verdict and moves included", pointer, point),
    ):
        check(bson.decode(bson.encode(document), OPTIONS))  # undamaged, it is accepted
        table.append(_row(where, _flip(document, check, flips)))
    return table


def _flip(document: dict[str, Any], check: Callable[[dict[str, Any]], None], flips: int) -> Counter[str]:
    raw, draw = bson.encode(document), random.Random(0)
    found: Counter[str] = Counter()
    for place in draw.sample(range(len(raw) * 8), min(flips, len(raw) * 8)):
        damaged = bytearray(raw)
        damaged[place // 8] ^= 1 << place % 8
        try:
            decoded = bson.decode(bytes(damaged), OPTIONS)
            check(decoded)
        except ArtifactRejected:
            found["refused"] += 1
        except bson.errors.InvalidBSON:
            found["refused by MongoDB"] += 1
        except Exception as error:
            found[f"uncaught {error!r}"] += 1
        else:
            found["no effect on what is read" if decoded == document else "accepted"] += 1
    return found
