"""Random bit flips in a stored model and its pointer: none may be accepted."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import bson

from benchmarks.fleet.models import END, candidate, fitted
from benchmarks.fleet.servers import benchmark_servers, fresh
from benchmarks.report import Report
from brain.core.errors import ArtifactRejected
from brain.store.document import read, verify
from brain.store.models import ModelStore
from brain.store.pointers import verify_pointer
from brain.store.verdicts import Verdict
from brain.usecases.direction.names import model_key

KEY = model_key("GOLD", 25)
OPTIONS: bson.CodecOptions[dict[str, Any]] = bson.CodecOptions(tz_aware=True)
# Nothing that is published depends on these: they number the next version, or inform.
UNSIGNED = ("last_version", "last_identity", "moves", "prunings")


def run(quick: bool) -> Report:
    """Flip bits of the bytes MongoDB keeps, then load as scoring and `brain models verify` do."""
    flips = 200 if quick else 1_000
    with benchmark_servers() as variables:
        store = ModelStore.open(fresh(variables), "direction")
        store.add([candidate(KEY, fitted("boosting", 0), 0)])
        store.record_verdicts([Verdict(KEY, 1, True, 0.001, END)])
        model = store.backend.models.find_one() or {}
        pointer = store.backend.champions.find_one() or {}
        pointer = {name: value for name, value in pointer.items() if name not in UNSIGNED}
        signer = store.backend.signer

        def load(document: dict[str, Any]) -> None:
            verify(document, KEY, 1, signer, record=True)
            read(document, document.get("payload"), KEY, 1).evaluator()

        def point(document: dict[str, Any]) -> None:
            found = verify_pointer(document, KEY, signer)
            same = (document.get("use_case"), document.get("entity"), document.get("target")) == tuple(
                str(KEY).split("/")
            )
            if not same or found is None or document.get("_id") != str(KEY):
                raise ArtifactRejected("pointer", found="another key", expected=str(KEY), remedy="")

        parts: list[tuple[str, dict[str, Any], Callable[[dict[str, Any]], None]]] = [
            ("model document, artifact included", model, load),
            ("champion pointer and verdict", pointer, point),
        ]
        table, accepted, seconds = [], 0, 0.0
        for name, document, check in parts:
            check(bson.decode(bson.encode(document), OPTIONS))  # undamaged, it is accepted
            start = time.perf_counter()
            found = _flip(document, check, flips)
            seconds += time.perf_counter() - start
            accepted += found["accepted"]
            table.append((name, flips, found["refused"], found["not even BSON"], found["the same"], found["accepted"]))
    assert accepted == 0, table
    return Report(
        title="Random bit flips in a stored model",
        columns=("where", "flips", "refused by signature or hash", "not even BSON", "without effect", "accepted"),
        rows=table,
        figures={"flips": flips * len(parts), "accepted": accepted, "seconds": seconds},
        notes=[
            "A flip is one random bit of the BSON document as stored. Undamaged documents are accepted.",
            f"Left out of the pointer, for nothing that is published depends on them: {', '.join(UNSIGNED)}.",
            "Without effect: BSON numbers the entries of a list, and readers ignore the numbers; a flip in one of them"
            " decodes to the very same document.",
        ],
    )


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
            found["not even BSON"] += 1
        else:
            found["the same" if decoded == document else "accepted"] += 1
    return found
