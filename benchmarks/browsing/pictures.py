"""Pictures of the docs, from a running `make run`: the heat map of the Brain page, and Airflow's chain of datasets.

Run by ``make pictures``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from benchmarks.browsing.chromium import chromium, missing
from benchmarks.browsing.server import COOKIE, PageServer
from brain.core.settings import find_home
from brain.display import PlainConsole
from local.airflow import USER
from local.one_machine import PROJECT, airflow_of
from local.state import load_state

if TYPE_CHECKING:
    from pathlib import Path

IMAGES = PROJECT / "docs" / "images"
PAGE, CHAIN = IMAGES / "page-overview.png", IMAGES / "airflow-datasets.png"
OVERVIEW = {"width": 1180, "height": 900}
MARGIN = 12  # pixels around what is shown
SECONDS = 60.0
STILL = 1500  # milliseconds until a graph stands where it will
# What takes part in the chain, left to right: a DAG, the dataset that it updates, the DAG that this starts.
LINKS = (
    *("extract_assets", "snapshots", "train_models", "champions"),
    *("publish_probabilities", "probabilities", "evaluate_probabilities"),
)


def main() -> None:
    """Take both, and say where they are."""
    if why := missing():
        raise SystemExit(f"No browser: {why}")
    home = find_home(os.environ)
    state, airflow = load_state(home), airflow_of(home)
    url = airflow.url(state)
    token = PageServer(url, airflow.password(state)).token(USER)
    with chromium() as browser:
        context = browser.new_context(viewport={"width": 1900, "height": 900}, device_scale_factor=1.5)
        context.add_cookies([{"name": COOKIE, "value": token, "url": url}])
        for place in (heat_map(context, url, PAGE), chain(context, url, CHAIN)):
            PlainConsole().print(str(place.relative_to(PROJECT)), highlight=False)


def chain(context: Any, url: str, place: Path) -> Path:
    """Airflow's graph of the datasets and the DAGs between them: every one of `LINKS`, from left to right."""
    page = context.new_page()
    page.goto(f"{url}/assets")
    page.get_by_role("link", name="champions").click()
    nodes = page.locator(".react-flow__node")
    for name in LINKS:
        nodes.get_by_text(name, exact=True).first.wait_for(timeout=SECONDS * 1000)
    page.wait_for_timeout(STILL)
    boxes = [nodes.filter(has_text=name).first.bounding_box() for name in LINKS]
    assert [box["x"] for box in boxes] == sorted(box["x"] for box in boxes), "not a chain"
    left, top = min(box["x"] for box in boxes), min(box["y"] for box in boxes)
    right, bottom = (max(box[a] + box[b] for box in boxes) for a, b in (("x", "width"), ("y", "height")))
    around = {"x": left - MARGIN, "y": top - MARGIN, "width": right - left, "height": bottom - top}
    page.screenshot(
        path=place, clip={**around, "width": right - left + 2 * MARGIN, "height": bottom - top + 2 * MARGIN}
    )
    return place


def heat_map(context: Any, url: str, place: Path) -> Path:
    """The Brain page as it opens in Airflow's UI."""
    page = context.new_page()
    page.set_viewport_size(OVERVIEW)
    page.goto(f"{url}/plugin/brain")
    cells = page.frame_locator("iframe").locator("tbody td")
    cells.first.wait_for(timeout=SECONDS * 1000)
    cells.first.hover()  # the line below the table says what is under the pointer
    page.wait_for_timeout(STILL)
    page.screenshot(path=place)
    return place


if __name__ == "__main__":
    main()
