"""A list of ten items for many customers: scored, staged in the lake, published into PostgreSQL, and looked up."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from pydantic import SecretStr

from brain.core.keys import Sha256
from brain.core.moment import Moment
from brain.core.signing import Signer
from brain.lake.lake import Lake
from brain.portable.heads import Identity
from brain.scoring.staged import stage, staged
from brain.store.stored_model import StoredModel
from brain.usecases.recommendations.catalogue import Recommendations
from brain.usecases.recommendations.histories import Histories
from brain.usecases.recommendations.list_model import ListModel
from brain.usecases.recommendations.names import FOR_YOU, NAME, model_key
from brain.usecases.recommendations.published_check import check_lists
from brain.usecases.recommendations.rules import Rules
from brain.usecases.recommendations.scoring import Shop, lists_of, published_rows
from brain.usecases.recommendations.tables import RECOMMENDATION_DETAILS, RECOMMENDATIONS
from brain.usecases.shop.catalogue import ShopSettings
from brain.usecases.shop.linked import Linked
from brain.warehouse.grid import complete
from brain.warehouse.publish import TableRows, publish

NEIGHBOURS, BOUGHT, TOP = 400, 20, 10
NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)


def made(url: SecretStr, customers: int, items: int) -> dict[str, float]:
    """Seconds and peak memory of a process that scores and publishes a list of every customer."""
    command = [sys.executable, "-m", "benchmarks.shops.many", str(customers), str(items)]
    environment = {**os.environ, "BRAIN_WAREHOUSE_URL": url.get_secret_value()}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def looked_up(pgbench: Path, address: dict[str, str], customers: int, seconds: int, rate: int) -> dict[str, float]:
    """Milliseconds of single look-ups at a given rate, by pgbench's own log."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "look.sql"
        script.write_text(
            f"\\set n random(0, {customers - 1})\n"
            "SELECT item, reason FROM recommendations WHERE customer = lpad(:n::text, 7, '0') AND list = 'for_you'"
            " ORDER BY rank;\n"
        )
        command = [pgbench, "-n", "-M", "prepared", "-f", script, "-T", str(seconds), "-c", "8", "-j", "1"]
        command += ["-R", str(rate), "-l", f"--log-prefix={folder}/log"]
        subprocess.run([*map(str, command)], env={**os.environ, **address}, capture_output=True, check=True)
        lines = [line.split() for log in Path(folder).glob("log*") for line in log.read_text().splitlines()]
    micros = np.array([int(line[2]) for line in lines], np.float64)  # since each was due
    answers = micros - np.array([int(line[6]) for line in lines], np.float64)  # since it was sent
    told = {"p50_ms": _ms(micros, 50), "p99_ms": _ms(micros, 99), "p99_answer_ms": _ms(answers, 99)}
    return {"look_ups_a_second": len(micros) / seconds, **told}


def _ms(micros: np.ndarray[Any, np.dtype[np.float64]], percent: int) -> float:
    return float(np.percentile(micros, percent)) / 1_000 if len(micros) else float("nan")


def _shop(customers: int, items: int) -> Shop:
    random = np.random.default_rng(0)
    first = np.arange(customers + 1) * BOUGHT
    what = (random.beta(0.6, 3.0, customers * BOUGHT) * items).astype(np.int32)
    days = np.sort(random.integers(0, 150 * 86_400, (customers, BOUGHT), np.int32), axis=1).ravel()
    at = np.datetime64("2024-01-01", "us") + days.astype("timedelta64[s]")
    names = pd.Index([f"{number:07d}" for number in range(customers)], dtype="str")
    bought = Histories(names, pd.Index([f"i{number:05d}" for number in range(items)], dtype="str"), first, what, at)
    empty = pd.DataFrame(index=pd.Index([], dtype="str"))
    linked = Linked(ShopSettings.model_validate({"orders": "orders"}), empty, empty)
    return Shop(bought, linked, None, NOON, at.max())


def _model(items: int) -> StoredModel:
    random = np.random.default_rng(1)
    weights = np.zeros((items, items), np.float32)
    for column in range(items):
        neighbours = random.integers(0, items, min(NEIGHBOURS, items - 1))
        weights[neighbours, column] = random.normal(0, 0.02, len(neighbours))
    model = ListModel(1.0, weights, random.random(items, np.float32) * np.float32(1e-6))
    features = tuple(f"i{number:05d}" for number in range(items))
    document = {"hyper_parameters": {"half_life": 60.0}}
    key, none = model_key("shop", FOR_YOU), Sha256("")
    return StoredModel(key, 1, features, None, "none", Identity(), None, None, NOON, none, model.to_onnx(), document)


def _main(customers: int, items: int) -> None:
    """Two days: the first fills the table, the second replaces every row of it."""
    url, shop, model = SecretStr(os.environ["BRAIN_WAREHOUSE_URL"]), _shop(customers, items), _model(items)
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(folder, Signer([SecretStr("a key of the benchmark")]))
        for day, at in (("first", NOON), ("next", NOON + timedelta(days=1))):
            start = time.perf_counter()
            _score(replace(shop, newest=at), model, lake, Moment(at))
            scored = time.perf_counter()
            found[f"{day}_rows"] = _publish(url, lake, Moment(at))
            found |= {f"{day}_score": scored - start, f"{day}_publish": time.perf_counter() - scored}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({**found, "peak_gb": peak}))


def _score(shop: Shop, model: StoredModel, lake: Lake, moment: Moment) -> None:
    """As the step does: score, and stage the rows in the lake."""
    items = pd.Index(model.features, dtype="str")
    lists, reasons = lists_of(shop, FOR_YOU, model, Rules(np.zeros(len(items), bool), (), {}), TOP)
    reached = sum(one.reached for one in lists)
    told = pd.DataFrame(
        [{"shop": "shop", "list": FOR_YOU, "as_of": moment.at, "customers": reached, "model_version": 1}]
    )
    rows = published_rows(shop, FOR_YOU, lists, reasons, items)
    stage(lake, moment, NAME, ["shop"], {RECOMMENDATION_DETAILS.name: told, RECOMMENDATIONS.name: rows})


def _publish(url: SecretStr, lake: Lake, moment: Moment) -> int:
    """As the step does: read what was staged, ask the gate, replace the tables; how many rows there are."""
    tables = (RECOMMENDATION_DETAILS, RECOMMENDATIONS)
    found = staged(lake, moment, NAME, [["shop"]]).rows
    whole = {table.name: complete(table, found[table.name], None) for table in tables}
    assert check_lists(whole, Recommendations.of(shop={"orders": "orders"}, length=TOP)).passed
    publish(url, NAME, [TableRows(table, whole[table.name]) for table in tables], (), moment)
    return len(whole[RECOMMENDATIONS.name])


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]))
