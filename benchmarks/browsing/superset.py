"""`make superset` from nothing, timed, in a folder of its own; then asked and looked at as a person would.

Run by ``make superset-check`` beside a running ``make run``. Raises where anything is not as it should be; leaves the
figures in benchmarks/results and a picture in docs/images.
"""

from __future__ import annotations

import re
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psutil
import yaml

from benchmarks.browsing.chromium import chromium, missing
from benchmarks.report import Report
from brain.core.release import this_release
from brain.core.settings import Settings
from brain.display import PlainConsole
from brain.warehouse.read import ask, reader_url
from local.dashboards import DASHBOARD, set_up
from local.one_machine import PROJECT, superset_of
from local.state import State
from local.superset import USER
from local.superset_client import SupersetClient

if TYPE_CHECKING:
    from pydantic import SecretStr

    from brain.warehouse.read import Answer
    from local.superset import Superset

ASSETS = PROJECT / "deploy" / "superset" / "assets"
PICTURE = PROJECT / "docs" / "images" / "superset.png"
MADE = ("benchmarks/results", "docs/images")
SIZE = {"width": 1440, "height": 1000}
SECONDS = 120.0
STILL = 1500  # milliseconds until lines have been drawn to their end
HOLDER = '[data-test="dashboard-component-chart-holder"]'
WAITING = '[data-test="loading-indicator"]'
CHART_DATA = "/api/v1/chart/data"
UNQUOTED = "SELECT assetname, 5_Day_Probability FROM probabilities"
LIMITED = 'SELECT assetname FROM probabilities ORDER BY "5_Day_Probability" LIMIT 5'


def main() -> None:
    """Set up, check, say what was seen, keep the figures and the picture."""
    if why := missing():
        raise SystemExit(f"No browser: {why}")
    reader = reader_url(Settings.load())
    with tempfile.TemporaryDirectory(prefix="brain-superset-") as folder:
        superset, state = superset_of(Path(folder)), State()
        try:
            first, made = _timed(superset, state, reader)
            second, found = _timed(superset, state, reader)
            assert made.startswith("Dashboard made")
            assert found.startswith("Dashboard is there")
            client = SupersetClient(superset.url(state))
            client.login(USER, superset.password(state))
            rows = ask_charts(client, reader)
            unquoted, limited = try_sql_lab(client)
            seconds, queries = look(superset.url(state), superset.password(state))
            figures = {
                "first_seconds": first,
                "again_seconds": second,
                "disk_mb": _bytes(superset.folder) / 1e6,
                "memory_mb": _memory(state.pids["superset"]) / 1e6,
                "charts": len(rows),
                "dashboard_queries": queries,
                "dashboard_seconds": seconds,
                "unquoted_value": unquoted,
                "limit_5_rows": limited,
            }
        finally:
            superset.stop(state)
    report = Report(
        "`make superset` from nothing to the dashboard, with packages in uv's cache or from the index",
        ("chart", "rows that Superset and PostgreSQL both give"),
        list(rows.items()),
        figures,
        [f"SQL Lab: `{UNQUOTED}` gives {unquoted} in every row.", f"SQL Lab: `{LIMITED}` gives {limited} rows."],
    )
    report.show(PlainConsole())
    report.keep("superset", "make superset-check", this_release(but=MADE))


def _timed(superset: Superset, state: State, reader: SecretStr) -> tuple[float, str]:
    """Seconds of one `make superset` apart from the servers below it, and what it did last."""
    start = time.monotonic()
    *_, last = set_up(superset, state, reader.get_secret_value())
    return time.monotonic() - start, last


def ask_charts(client: SupersetClient, reader: SecretStr) -> dict[str, int]:
    """How many rows Superset gives for each chart: those that PostgreSQL gives to the SQL that it says it asked."""
    ids, rows = client.listed("chart"), {}
    for path in sorted((ASSETS / "charts").glob("*.yaml")):
        chart = yaml.safe_load(path.read_text())
        (told,) = client.ask(f"/api/v1/chart/{ids[chart['uuid']]}/data/?force=true")["result"]
        answer = ask(reader, told["query"].rstrip().rstrip(";"))
        assert not told["error"], told["error"]
        expected = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
        assert _plain(told["data"], answer) == _plain(expected, answer), chart["slice_name"]
        rows[chart["slice_name"]] = told["rowcount"]
    return rows


def _plain(rows: list[dict[str, Any]], answer: Answer) -> list[tuple[str, ...]]:
    """Rows in an order of their own, without days, which Superset gives as milliseconds."""
    days = {
        name for row in answer.rows for name, value in zip(answer.columns, row, strict=True) if isinstance(value, date)
    }
    names = [name for name in answer.columns if name not in days]
    return sorted(tuple(str(row[name]) for name in names) for row in rows)


def try_sql_lab(client: SupersetClient) -> tuple[int, int]:
    """What SQL Lab says for a name that is not quoted, and how many rows for LIMIT 5: as docs/superset.md warns."""
    (database,) = (one["id"] for one in client.ask("/api/v1/database/")["result"] if one["database_name"] == "Brain")
    unquoted, limited = (_lab(client, database, query) for query in (UNQUOTED, LIMITED))
    (value,) = {value for row in unquoted for name, value in row.items() if name != "assetname"}
    return int(value), len(limited)


def _lab(client: SupersetClient, database: int, query: str) -> list[dict[str, Any]]:
    body = {"database_id": database, "sql": query, "schema": "public", "queryLimit": 1000, "runAsync": False}
    answer = client.ask("/api/v1/sqllab/execute/", {**body, "client_id": f"{time.time_ns() % 10**10}"})
    rows: list[dict[str, Any]] = answer["data"]
    return rows


def look(url: str, password: str) -> tuple[float, int]:
    """Log in by the form, open the dashboard, wait until every chart is drawn, take the picture.

    Returns:
        Seconds until all was drawn, and how many queries were answered.
    """
    charts = len(list((ASSETS / "charts").glob("*.yaml")))
    statuses: list[int] = []
    elsewhere: list[str] = []
    with chromium() as browser:
        page = browser.new_page(viewport=SIZE)
        page.on("requestfinished", lambda one: elsewhere.extend([one.url] if _is_abroad(one.url, url) else []))
        page.on("response", lambda one: statuses.extend([one.status] if CHART_DATA in one.url else []))
        page.goto(f"{url}/login/")
        page.fill("input#username", USER)
        page.fill("input#password", password)
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("/welcome"), timeout=SECONDS * 1000)
        start = time.monotonic()
        page.goto(f"{url}{DASHBOARD}?expand_filters=0")
        page.wait_for_selector(HOLDER, timeout=SECONDS * 1000)
        while len(statuses) < charts or page.locator(WAITING).count():
            assert time.monotonic() - start < SECONDS, f"{len(statuses)} answers for {charts} charts"
            page.wait_for_timeout(100)
        seconds = time.monotonic() - start
        page.wait_for_timeout(STILL)
        page.screenshot(path=PICTURE, full_page=True)
        assert page.locator(HOLDER).count() == charts
        assert not page.locator(".ant-alert-error").count()
    assert set(statuses) == {200}, statuses
    assert not elsewhere, f"the browser asked {elsewhere}"
    return seconds, len(statuses)


def _is_abroad(asked: str, url: str) -> bool:
    parts = urlsplit(asked)
    return parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != urlsplit(url).netloc


def _bytes(folder: Path) -> int:
    """What the folder holds; a file that uv's cache shares counts in full."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def _memory(pid: int) -> int:
    process = psutil.Process(pid)
    return sum(int(one.memory_info().rss) for one in (process, *process.children(recursive=True)))


if __name__ == "__main__":
    main()
