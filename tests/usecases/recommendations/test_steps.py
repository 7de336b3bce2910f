"""A shop's orders go through the real steps to a list for every customer, and stay when something breaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from brain.core.settings import Settings
from brain.pipeline import run_all
from brain.results import UnitResult
from brain.workspace import Workspace
from tests.usecases.recommendations.shop import CUSTOMERS, LATER, NOON, change, load, orders, told, workspace_of

EVERYTHING = "SELECT customer, list, rank, item, score, reason FROM recommendations ORDER BY 1, 2, 3"


@pytest.fixture
def workspace(settings: Settings, demo_url: str, tmp_path: Path) -> Workspace:
    load(demo_url, orders())
    return workspace_of(settings, tmp_path)


def run(workspace: Workspace, moment: object = NOON) -> list[UnitResult]:
    return run_all(workspace, moment, workers=1)  # type: ignore[arg-type]


def test_every_customer_has_her_lists_with_reasons(workspace: Workspace) -> None:
    results = run(workspace)
    assert all(result.ok for result in results), results
    details = {
        row[0]: row[1:]
        for row in told(
            workspace,
            "SELECT list, customers, method, has_skill, ndcg, ndcg_popularity, tested_customers, stale"
            " FROM recommendation_details",
        )
    }
    assert {name: row[0] for name, row in details.items()} == {
        "buy_again": CUSTOMERS,
        "new_for_you": CUSTOMERS + 2,
        "for_you": CUSTOMERS + 2,
    }
    assert details["new_for_you"][1:3] == ("ease", True)
    for _, method, _, ndcg, popularity, tested, stale in details.values():
        assert (ndcg > popularity, tested >= 30, stale) == (True, True, False), method
    (again, *_), (new, *_) = (
        told(
            workspace,
            f"SELECT item, reason FROM recommendations WHERE customer = 'c001' AND list = '{name}' ORDER BY rank",
        )
        for name in ("buy_again", "new_for_you")
    )
    bought = "SELECT item FROM recommendations WHERE customer = 'c001' AND list = '{}'"
    assert not {*told(workspace, bought.format("buy_again"))} & {*told(workspace, bought.format("new_for_you"))}
    assert again[1].startswith("bought ") and " times since January" in again[1]
    assert new[1].startswith("with thing ")
    assert int(new[0][1:]) % 4 == 1, "an item of the group that she likes"


def test_who_is_not_known_gets_what_is_popular(workspace: Workspace) -> None:
    run(workspace)
    cold = "SELECT item, reason FROM recommendations WHERE customer = %s AND list = 'for_you' ORDER BY rank"
    strange, anyone = (told(workspace, cold.replace("%s", name)) for name in ("'O''Hara \"new\"'", "'*'"))
    assert strange == anyone
    assert len(anyone) == 5
    assert all(reason.startswith("bought by ") for _, reason in anyone)


def test_a_rerun_gives_the_same_lists_and_a_second_day_keeps_the_history(workspace: Workspace) -> None:
    run(workspace)
    before = told(workspace, EVERYTHING)
    run(workspace)
    assert told(workspace, EVERYTHING) == before
    run(workspace, LATER)
    assert told(workspace, EVERYTHING) == before
    assert told(workspace, "SELECT count(*) FROM recommendation_history") == [(3,)]
    assert {row[0] for row in told(workspace, "SELECT published_at FROM recommendations")} == {LATER.at}


def test_rules_are_followed_from_the_next_run_on(workspace: Workspace, demo_url: str) -> None:
    run(workspace)
    (favourite,) = {row[3] for row in told(workspace, EVERYTHING) if row[:3] == ("c001", "buy_again", 1)}
    change(
        demo_url,
        f"INSERT INTO recommendation_rules VALUES ('gone', 'exclude', '', '', '{favourite}', '', NULL)",
        "INSERT INTO recommendation_rules VALUES ('adults', 'min_age', '', '', '', 'group 2', 40)",
        "INSERT INTO recommendation_rules VALUES ('stock', 'in_stock', 'for_you', '', '', '', 1)",
        "INSERT INTO recommendation_rules VALUES ('her', 'exclude', 'buy_again', 'c005', '', '', NULL)",
        "INSERT INTO recommendation_rules VALUES ('what', 'forbid', '', '', '', '', NULL)",
        "UPDATE items SET stock = 0 WHERE item = 'i03'",
    )
    assert all(result.ok for result in run(workspace, LATER))
    shown = told(workspace, "SELECT r.customer, r.list, r.item FROM recommendations r")
    assert favourite not in {item for *_, item in shown}
    assert ("for_you", "i03") not in {(name, item) for _, name, item in shown}
    assert "i03" in {item for _, name, item in shown if name != "for_you"}
    young = {f"c{number:03d}" for number in range(CUSTOMERS) if 20 + number % 50 < 40} | {"*"}
    assert not [row for row in shown if row[0] in young and int(row[2][1:]) % 4 == 2]
    assert ("c005", "buy_again") not in {row[:2] for row in shown}
    ignored = {row[0] for row in told(workspace, "SELECT rules_ignored FROM recommendation_details")}
    assert ignored == {"what: the kind 'forbid' is none of exclude, in_stock, min_age, once"}


@pytest.mark.parametrize("fault", ["DROP TABLE orders", "DELETE FROM orders WHERE quantity = 1"])
def test_when_the_orders_break_the_last_lists_stay_and_are_marked(
    workspace: Workspace, demo_url: str, fault: str
) -> None:
    run(workspace)
    before = told(workspace, EVERYTHING)
    change(demo_url, fault)
    results = run(workspace, LATER)
    assert [result.unit for result in results if not result.ok]
    assert told(workspace, EVERYTHING) == before
    ((stale, reason),) = set(told(workspace, "SELECT stale, reason FROM recommendation_details"))
    assert stale
    assert "its last extraction" in reason


def test_a_list_that_cannot_be_scored_stays_marked_and_the_others_go_on(workspace: Workspace) -> None:
    run(workspace)
    before = told(workspace, EVERYTHING)
    store = workspace.run("recommendations", LATER).store
    store.delete(next(key for key in store.champion_summaries(["shop"]) if key.target == "for_you"))
    section = workspace.run("recommendations", LATER)
    from brain import steps

    steps.extract(section, ["shop"])
    assert not steps.score(section, ["shop"])[0].ok
    steps.publish(section, [["shop"]])
    assert told(workspace, EVERYTHING) == before
    marked = told(
        workspace, "SELECT list, bool_and(stale), bool_or(stale) FROM recommendations GROUP BY list ORDER BY 1"
    )
    assert marked == [("buy_again", False, False), ("for_you", True, True), ("new_for_you", False, False)]
    reasons = dict(told(workspace, "SELECT list, reason FROM recommendation_details"))
    assert "no champion by" in reasons["for_you"]
