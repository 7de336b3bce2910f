"""The overview of a thousand assets at twenty horizons: the server's answer, and what a browser makes of it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmarks.bounds import at_least, exactly
from benchmarks.browsing.chromium import chromium, missing
from benchmarks.browsing.server import COOKIE, PageServer, page_server
from benchmarks.fleet.servers import benchmark_servers
from benchmarks.report import Report
from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.page.overview import overview
from brain.usecases.direction.names import NAME
from brain.usecases.direction.page import PAGE
from brain.usecases.direction.tables import PROBABILITY_DETAILS, probabilities
from brain.warehouse.publish import TableRows, publish
from local import servers as embedded

if TYPE_CHECKING:
    from pydantic import SecretStr

MOMENT = Moment(datetime(2024, 1, 8, 6, tzinfo=UTC))
POLLS = 50
LOADS = 7
SCROLLS = 60
HOLDS = {
    "cells": at_least(600),
    "cells_lost": exactly(0),
    "stale_lost": exactly(0),
    "failed_lost": exactly(0),
    "foreign_*": exactly(0),  # these two in the full form only
    "browser_*": exactly(0),
}
TIMED = ("*_ms", "answer_kb")
# Of a page that is opened: when it was painted first, when numbers stood in it, and when all of them did.
WATCH = """
() => new Promise((resolve) => {
  const found = {};
  const look = () => {
    const cells = document.querySelectorAll("tbody td").length;
    if (cells > 0 && found.numbers === undefined) requestAnimationFrame(() => setTimeout(() => {
      found.numbers = performance.now();
    }));
    if (cells >= CELLS) {
      found.paint = performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null;
      found.whole = performance.now();
      return setTimeout(() => resolve(found), 50);
    }
    setTimeout(look, 4);
  };
  look();
})
"""
SCROLL = """
async (steps) => {
  const frame = document.querySelector(".frame"), frames = [];
  for (let step = 0; step < steps; step += 1) {
    const start = performance.now();
    frame.scrollTop += 240;
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    frames.push(performance.now() - start);
  }
  return frames;
}
"""


def run(quick: bool) -> Report:
    """Publish a grid, ask for it, and in the full form open it in a real Airflow with a real browser."""
    assets, horizons, polls = (60, 10, 5) if quick else (1_000, 20, POLLS)
    with benchmark_servers() as variables:
        settings = Settings.load({}, variables)
        assert settings.reader_url is not None
        rows = grid(assets, horizons)
        publish(
            settings.warehouse_url,
            NAME,
            [TableRows(PROBABILITY_DETAILS, rows)],
            [probabilities(range(1, horizons + 1))],
            MOMENT,
        )
        figures = counted(settings.reader_url, rows) | packed(settings.reader_url, polls)
        if not quick:
            if reason := missing():
                raise SystemExit(reason)
            with page_server(embedded.up(settings.home), variables) as running:
                figures |= asked(running, polls) | browsed(running, assets * horizons)
    return Report(
        title=f"The Brain page with {assets:,} assets at {horizons} horizons",
        columns=("what", "ms"),
        rows=[(name.removesuffix("_ms").replace("_", " "), figures[name]) for name in figures if name.endswith("_ms")],
        figures=figures,
        notes=[
            f"Packed: the query and the packing alone. Answered: by Airflow's API server, login checked and compressed,"
            f" {polls} times. Numbers: when the first of them were painted, counted from when the browser began to open"
            f" the page by itself; whole: when all were in the table; the median of {LOADS} loads in headless Chromium."
            f" Scrolling: {SCROLLS} steps of ten rows, from the step to the end of its frame.",
            "A tenth of the cells is stale, a hundredth failed, a tenth has proven skill.",
            "Targets: answered p95 below 300 ms; numbers below 1,500 ms; no request to another host. The browser,"
            " Airflow and PostgreSQL share the machine's cores.",
            "The quick form asks no Airflow and opens no browser: tests/page does on every commit.",
        ],
    )


def grid(assets: int, horizons: int) -> pd.DataFrame:
    """Rows to publish: some with skill, some computed from old data, some that could not be computed."""
    names = [f"ASSET_{number:04}" for number in range(assets)]
    cells = pd.MultiIndex.from_product([names, range(1, horizons + 1)], names=["asset", "horizon"])
    rng = np.random.default_rng(0)
    base = rng.uniform(0.45, 0.65, len(cells))
    skilled, place = rng.random(len(cells)) < 0.1, np.arange(len(cells))
    frame = cells.to_frame(index=False).assign(
        as_of=MOMENT.day - timedelta(days=1),
        probability=np.where(skilled, np.clip(base + rng.normal(0, 0.05, len(cells)), 0.01, 0.99), base),
        base_rate=base,
        skill=rng.normal(0, 0.01, len(cells)),
        has_skill=skilled,
        model_version=1,
        data_sha256="ab" * 32,
    )
    frame["reason"] = pd.Series("its last extraction failed: the server did not answer", frame.index).where(
        place % 10 == 3
    )
    failed = place % 100 == 7
    frame.loc[failed, "reason"] = "no champion: too few rows"
    emptied = ["as_of", "probability", "base_rate", "skill", "has_skill", "model_version", "data_sha256"]
    frame[emptied] = frame[emptied].astype(object).mask(pd.Series(failed), None)
    return frame.reindex(columns=list(PROBABILITY_DETAILS.row_names))


def counted(url: SecretStr, rows: pd.DataFrame) -> dict[str, float]:
    """What of the published grid is not in the answer."""
    counts = json.loads(overview(url, PAGE))["counts"]
    failed = int(rows["probability"].isna().sum())
    return {
        "cells": counts["cells"],
        "cells_lost": len(rows) - counts["cells"],
        "failed_lost": failed - counts["failed"],
        "stale_lost": int(rows["reason"].notna().sum()) - failed - counts["stale"],
    }


def packed(url: SecretStr, polls: int) -> dict[str, float]:
    """The query and the packing, without a server."""
    answer = overview(url, PAGE)
    seconds = [elapsed(lambda: overview(url, PAGE)) for _ in range(polls)]
    return {"packed_p50_ms": share(seconds, 50), "packed_p95_ms": share(seconds, 95), "answer_kb": len(answer) / 1e3}


def asked(running: PageServer, polls: int) -> dict[str, float]:
    """The answer of Airflow's API server, as a browser asks for it."""
    import httpx

    with httpx.Client(base_url=running.page, headers={"Authorization": f"Bearer {running.token('viewer')}"}) as client:
        for _ in range(3):  # imports, and the first connection
            client.get("api/overview", timeout=60).raise_for_status()
        seconds = [elapsed(lambda: client.get("api/overview", timeout=60).raise_for_status()) for _ in range(polls)]
    return {"answered_p50_ms": share(seconds, 50), "answered_p95_ms": share(seconds, 95)}


def browsed(running: PageServer, cells: int) -> dict[str, float]:
    """What a browser makes of it, each time with an empty cache."""
    loads: list[dict[str, Any]] = []
    foreign, lost, frames = 0, 0, []
    with chromium() as browser:
        for _ in range(LOADS):
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            context.add_cookies([{"name": COOKIE, "value": running.token("viewer"), "url": running.url}])
            page = context.new_page()
            urls: list[str] = []
            page.on("request", lambda request, urls=urls: urls.append(request.url))
            page.goto(running.page, wait_until="commit")
            loads.append(page.evaluate(WATCH.replace("CELLS", str(cells))))
            foreign += sum(not url.startswith((running.url, "data:")) for url in urls)
            lost += abs(cells - page.locator("tbody td").count())
            frames += page.evaluate(SCROLL, SCROLLS)
            context.close()
    middle = {name: float(np.median([load[name] for load in loads])) for name in ("paint", "numbers", "whole")}
    return {
        "first_paint_ms": middle["paint"],
        "numbers_ms": middle["numbers"],
        "whole_table_ms": middle["whole"],
        "scrolling_p50_ms": float(np.percentile(frames, 50)),
        "scrolling_p95_ms": float(np.percentile(frames, 95)),
        "foreign_requests": foreign,
        "browser_cells_lost": lost,
    }


def elapsed(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def share(seconds: list[float], percentile: float) -> float:
    return float(np.percentile(seconds, percentile)) * 1e3
