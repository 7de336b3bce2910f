"""What a pair of keys costs beside a shared secret: a signature, a fleet's documents verified, a daily run."""

from __future__ import annotations

import json
import logging
import os
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pydantic import SecretStr

from benchmarks.fleet.models import candidate, fitted
from benchmarks.fleet.servers import benchmark_servers, fresh
from benchmarks.report import RESULTS, Report
from benchmarks.tamper import KEY, QUICK
from benchmarks.tampering.cost import DAYS, every_step, moment
from brain.core.settings import Settings
from brain.core.signing import Signer
from brain.core.signing_keys import new_pair
from brain.demo.load import load_demo
from brain.store.document import PURPOSE, signed_part, verify
from brain.store.models import ModelStore
from brain.usecases.direction.catalogue import assets_of
from brain.workspace import open_workspace

MODELS = 20_000
KINDS = {"shared": "a shared secret of the benchmark", "pair": new_pair()[0]}


def run(quick: bool) -> Report:
    """For either kind of key: one signature, 20,000 documents verified, and what both take of a daily run."""
    logging.disable(logging.CRITICAL)
    tampered = json.loads((RESULTS / "tamper.md").read_text().split("```json")[1].split("```")[0])
    table: list[tuple[Any, ...]] = []
    figures: dict[str, float] = {}
    with benchmark_servers() as variables, tempfile.TemporaryDirectory() as folder:
        counts, models = _counts(fresh(variables), variables["BRAIN_DEMO_URL"], Path(folder))
        for name, key in KINDS.items():
            settings = fresh(variables).model_copy(update={"signing_keys": (SecretStr(key),)})
            sign, check = _document(settings, 1_000 if quick else MODELS)
            spent = (counts["sign"] * sign + counts["problem"] * check) / models * tampered["models"]
            share = spent / tampered["daily_seconds"]
            table.append((name, sign * 1e6, check * 1e6, check * MODELS, share * 100))
            figures |= {f"{name}_sign_us": sign * 1e6, f"{name}_verify_us": check * 1e6}
            figures |= {f"{name}_fleet_seconds": check * MODELS, f"{name}_share": share}
    figures |= {"verified_a_model": counts["problem"] / models, "signed_a_model": counts["sign"] / models}
    figures["slower"] = figures["pair_share"] - figures["shared_share"]
    return Report(
        title="A shared secret, and a pair of which scoring may have the public half",
        columns=("key", "sign, us", "verify a document, us", f"verify {MODELS:,}, s", "share of a daily run, %"),
        rows=table,
        figures=figures,
        notes=[
            "A document: one of gradient boosting, verified as scoring does; a champion has two of them, itself and its"
            " pointer. Seconds of the processor, so that others on the machine do not count.",
            f"Share of a daily run: what one signs and verifies ({figures['signed_a_model']:.1f} and"
            f" {figures['verified_a_model']:.1f} times a model, counted on {models} models), for {tampered['models']:.0f}"
            f" models, of the {tampered['daily_seconds']:.0f} s in tamper.md.",
        ],
    )


def _counts(settings: Settings, demo_url: str, folder: Path) -> tuple[Counter[str], int]:
    """How often the second day of a small catalogue signs and verifies, and its number of models."""
    path = folder / "catalogue.yaml"
    path.write_text(QUICK)
    workspace = open_workspace(settings.model_copy(update={"catalogue_path": path}))
    names = assets_of(workspace.catalogue).names
    for day in DAYS:
        load_demo(demo_url, as_of=day, assets=names)
        counts: Counter[str] = Counter()
        signed, verified = _counted("sign", counts), _counted("problem", counts)
        with patch.object(Signer, "sign", signed), patch.object(Signer, "problem", verified):
            every_step(workspace, day)
    return counts, sum(len(unit.targets) for unit in workspace.run("direction", moment(DAYS[1])).units)


def _counted(name: str, counts: Counter[str]) -> Any:
    original = vars(Signer)[name]

    def call(*arguments: Any) -> Any:
        counts[name] += 1
        return original(*arguments)

    return call


def _document(settings: Settings, count: int) -> tuple[float, float]:
    """Seconds of the processor to sign one document, and to verify one as scoring does; of `count` each."""
    store = ModelStore.open(settings, "direction")
    store.add([candidate(KEY, fitted("boosting", 0), 0)])
    found: dict[str, Any] = store.backend.models.find_one() or {}
    signer, value = store.backend.signer, signed_part(found)
    seconds = []
    for work in (lambda: signer.sign(PURPOSE, value), lambda: verify(found, KEY, 1, signer)):
        work()
        start = time.process_time()
        for _ in range(count):
            work()
        seconds.append((time.process_time() - start) / count)
    return seconds[0], seconds[1]
