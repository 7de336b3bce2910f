"""What a person sees and does in the views of the page, in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.browsing.server import COOKIE
from tests.page.world import ODD

if TYPE_CHECKING:
    from benchmarks.browsing.server import PageServer


def log_in(page: Any, served: PageServer, user: str = "viewer") -> None:
    page.goto(f"{served.url}/")
    page.locator("input[name=username]").fill(user)
    page.locator("input[name=password]").fill(served.password)
    page.locator("button[type=submit]").click()
    page.get_by_text("Brain").first.wait_for()
    assert any(cookie["name"] == COOKIE for cookie in page.context.cookies())


def see_how_it_is(frame: Any) -> None:
    frame.get_by_text("quarantined").first.wait_for()
    run = frame.get_by_role("link", name="not yet: the run")
    assert run.get_attribute("href").endswith("/extract_assets/runs/manual__1")
    assert "airflow.example" not in run.get_attribute("href")
    frame.get_by_text("the newest one through and warned of").wait_for()
    waiting = frame.locator("section").filter(has=frame.get_by_role("heading", name="Waiting for approval"))
    waiting.get_by_role("row").filter(has_text="v2 has proven skill").wait_for()


def see_the_lists(frame: Any, page: Any) -> None:
    frame.get_by_role("link", name="Recommendations").click()
    frame.get_by_role("heading", name="How they are made").wait_for()
    assert frame.locator("article").count() == 3
    frame.get_by_role("searchbox").fill("nobody")
    frame.get_by_text("No customer whose name begins with").wait_for()
    frame.get_by_role("searchbox").fill(ODD)
    frame.get_by_role("link", name=ODD).wait_for()
    page.keyboard.press("Enter")
    frame.get_by_role("heading", name=f"Customer {ODD}").wait_for()  # shown as it is, not run
    assert frame.get_by_role("table").count() >= 2
    frame.get_by_role("cell", name="bought").first.wait_for()
    page.reload()
    frame.get_by_role("heading", name=f"Customer {ODD}").wait_for()
    frame.get_by_role("link", name="The same customer in Segments").click()


def see_the_groups(frame: Any, page: Any) -> None:
    frame.get_by_role("heading", name=f"Customer {ODD}").wait_for()
    frame.get_by_role("cell", name="alive_probability").wait_for()
    frame.get_by_role("link", name="← Overview").click()
    frame.get_by_role("heading", name="Who moved").wait_for()
    assert page.url.endswith("#/@segments")
    dots = frame.locator("svg.map .dots circle")
    assert dots.count() == 120
    before = dots.first.get_attribute("cx")
    frame.get_by_label("Across").select_option(label="spent in all")
    assert dots.first.get_attribute("cx") != before
    assert frame.get_by_role("row", name="Days of purchase, median").locator("td").count() >= 3
    frame.get_by_role("link", name="Health").click()
    frame.get_by_role("heading", name="Health: Segments").wait_for()
    frame.get_by_role("heading", name="Scorecard").wait_for(state="detached")


def see_a_timeline(frame: Any, page: Any) -> None:
    frame.get_by_role("link", name="Overview", exact=True).click()
    frame.get_by_role("link", name="Anomalies").click()
    frame.get_by_text("2 symbols; 0 anomalies going on").wait_for()
    frame.get_by_role("searchbox").fill("gold")
    assert frame.locator("main section").first.get_by_role("row").count() == 2  # the head, and GOLD
    frame.get_by_role("searchbox").fill("")
    frame.get_by_role("link", name=ODD).click()  # shown as it is, not run
    frame.get_by_role("heading", name=f"Symbol {ODD}").wait_for()
    frame.locator("canvas").first.wait_for()
    assert frame.locator("article.mark").count() == 2
    frame.get_by_text("for 16 bars, where it usually changes by").first.wait_for()
    assert frame.get_by_role("cell", name="admitted: it adds").count() == 3
    frame.get_by_role("button", name="Look closer").first.click()
    assert frame.locator("article.mark[aria-current]").count() == 1
    frame.get_by_role("button", name="Show all").click()
    frame.get_by_text("As a table: ").click()
    frame.get_by_role("columnheader", name="usual, from", exact=True).wait_for()
    frame.get_by_text("Who may start runs of find_anomalies in Airflow").wait_for()
    assert frame.get_by_role("button", name="Confirm").count() == 0
    page.reload()
    frame.get_by_role("heading", name=f"Symbol {ODD}").wait_for()


def see_the_heat_map(frame: Any, page: Any) -> None:
    cells = frame.locator("td")
    assert cells.count() == 6
    assert frame.locator("td.failed").count() == 2
    assert frame.locator("td.stale").count() == 2
    assert frame.get_by_role("rowheader", name=ODD).text_content() == ODD  # shown as it is, not run
    frame.get_by_role("columnheader", name="5d").get_by_role("button").click()
    assert frame.locator("th[aria-sort=descending]").text_content() == "5d"
    assert frame.locator("tbody th").last.text_content() == ODD  # those without a number come last
    frame.get_by_role("searchbox").fill("sp5")
    assert frame.locator("tbody tr").count() == 1
    frame.get_by_role("searchbox").fill("")
    frame.locator("td[tabindex='0']").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert ODD in frame.locator("#told").text_content()
    assert "failed" in frame.locator("#told").text_content()
    page.keyboard.press("Enter")
    frame.get_by_text("There is no number").wait_for()
    frame.get_by_role("link", name="← Overview").click()


def see_a_card(frame: Any, page: Any) -> None:
    frame.get_by_role("row").filter(has=frame.get_by_role("rowheader", name="SP500")).locator("td").first.click()
    frame.get_by_role("heading", name="SP500, horizon 1").wait_for()
    frame.locator("canvas").first.wait_for()
    frame.get_by_text("Pipeline and parameters").wait_for()
    assert frame.get_by_text("classifier", exact=True).count() >= 1
    assert page.url.endswith("#/model/SP500/1")
    page.reload()
    frame.get_by_role("heading", name="SP500, horizon 1").wait_for()
    frame.get_by_role("link", name="← Overview").click()
    frame.get_by_role("rowheader", name="SP500").wait_for()
