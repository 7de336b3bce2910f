"""A shop's orders go through the real steps to a list for every customer, and stay when something breaks."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from brain import steps
from brain.core.settings import Settings
from brain.pipeline import run_all
from brain.results import UnitResult
from brain.usecases.recommendations.names import model_key
from brain.usecases.recommendations.rules import rules_of
from brain.usecases.recommendations.scoring import Shop, lists_of
from brain.usecases.shop.linked import read_linked
from brain.usecases.shop.orders import read_orders
from brain.workspace import Workspace
from tests.docs.reading import ROOT
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


def test_lines_that_are_wrong_cost_nobody_else_her_lists(workspace: Workspace, demo_url: str) -> None:
    run(workspace)
    ((given_back,),) = told(
        workspace, "SELECT item FROM recommendations WHERE customer = 'c002' AND list = 'buy_again' AND rank = 1"
    )
    new = "INSERT INTO orders SELECT {}, {}, timestamp '2024-06-01 10:00', {}, 1 FROM generate_series(1, {})"
    change(
        demo_url,
        new.format("'c001'", "'i99'", 1, 1),  # the model is older than this item
        new.format("'c001'", "'i01'", 1, 3),  # three times the same line
        new.format("'c002'", f"'{given_back}'", -1000, 1),
        new.format("'It''s \"me\"; --'", "'i01'", 1, 1),
        new.format("NULL", "'i01'", 1, 1),
        new.format("'giant'", "'i' || lpad(mod(generate_series, 40)::text, 2, '0')", 1, 2000),
        "INSERT INTO orders VALUES ('c003', 'i02', '2031-01-01', 1, 1)",
    )
    assert all(result.ok for result in run(workspace, LATER))
    items = {item for (item,) in told(workspace, "SELECT DISTINCT item FROM recommendations")}
    assert "i99" not in items
    again = "SELECT item FROM recommendations WHERE list = 'buy_again' AND customer = "
    assert (given_back,) not in told(workspace, again + "'c002'")
    assert told(workspace, again + "'It''s \"me\"; --'") == [("i01",)]
    assert len(told(workspace, again + "'giant'")) == 5
    ((unknown, left_out),) = set(told(workspace, "SELECT items_unknown, left_out FROM recommendation_details"))
    assert unknown == 1
    assert left_out == "1 without customer, 1962 that repeat another"
    (reason,) = told(
        workspace, "SELECT reason FROM extraction_runs WHERE asset = 'shop' ORDER BY interval_end DESC LIMIT 1"
    )
    assert "1 lines are dated after" in str(reason)


def test_a_list_comes_out_again_from_the_stored_model(workspace: Workspace) -> None:
    run(workspace)
    again = workspace.run("recommendations", NOON)
    section = again.section
    orders_known = read_orders(again.lake, again.use_case.space, section.shop, NOON)
    shop = Shop.of(orders_known, read_linked(again.lake, again.use_case.space, section.shop, NOON), None)
    for name in section.lists:
        model = again.store.load(model_key("shop", name), 1)
        items = pd.Index(model.features)
        (lists,), _ = lists_of(shop, name, model, rules_of(name, None, shop.linked, items), section.length)
        found = zip(
            shop.customers[lists.customer], lists.rank.tolist(), items[lists.item], lists.score.tolist(), strict=True
        )
        published = f"SELECT customer, rank, item, score FROM recommendations WHERE list = '{name}' ORDER BY 1, 2"
        assert sorted(found) == sorted(told(workspace, published))


def test_each_run_appends_what_was_taken_of_the_lists_before(workspace: Workspace, demo_url: str) -> None:
    run(workspace)
    shown = "SELECT item FROM recommendations WHERE customer = '{}' AND list = 'for_you' ORDER BY rank"
    hers, anyones = ([item for (item,) in told(workspace, shown.format(who))] for who in ("c001", "*"))
    new = "INSERT INTO orders VALUES ('{}', '{}', timestamp '2024-06-02 10:00', 1, 1)"
    bought = [("c001", hers[0]), ("c001", hers[0]), ("c001", hers[4]), ("c002", "i99"), ("nobody before", anyones[0])]
    bought += [("c003", item) for item in anyones[:3]]
    change(demo_url, *(new.format(*one) for one in bought))
    query = "SELECT taken_customers, taken_share, taken_share_anyone FROM recommendation_history WHERE list = 'for_you'"
    for _ in range(2):  # a rerun says the same
        run(workspace, LATER)
        lines = told(workspace, query + " ORDER BY published_at")
        assert lines[0] == (None, None, None)
        customers, share, anyone = lines[1]
        assert customers == 3
        assert anyone == pytest.approx((3 + len({hers[0], hers[4]} & set(anyones))) / 15)
        assert 2 / 15 <= share <= 5 / 15


def test_a_shop_of_ones_own_is_live_in_the_lines_of_the_docs(settings: Settings, demo_url: str, tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.+?)```", (ROOT / "docs" / "customers.md").read_text(), re.S)
    assert len(text.splitlines()) <= 20
    own = orders().rename(columns={"customer": "customer_id", "item": "sku", "time": "ordered_at"})
    load(demo_url, orders())
    engine = sa.create_engine(demo_url)
    with engine.begin() as connection:
        own.drop(columns=["quantity", "paid"]).to_sql("order_lines", connection, index=False)
    engine.dispose()
    workspace = workspace_of(settings, tmp_path, text)
    assert all(result.ok for result in run(workspace))
    lists = told(workspace, "SELECT list, customers FROM recommendation_details ORDER BY list")
    assert lists == [("buy_again", CUSTOMERS), ("for_you", CUSTOMERS + 1), ("new_for_you", CUSTOMERS + 1)]


def test_the_questions_of_the_docs_have_answers(workspace: Workspace) -> None:
    run(workspace)
    text = (ROOT / "docs" / "customers.md").read_text().split("## Ten questions")[1]
    queries = re.findall(r"```sql\n(.+?)```", text, re.S)
    assert len(queries) == 10
    for query in queries:
        assert told(workspace, query), query


def test_a_list_that_cannot_be_scored_stays_marked_and_the_others_go_on(workspace: Workspace) -> None:
    run(workspace)
    before = told(workspace, EVERYTHING)
    store = workspace.run("recommendations", LATER).store
    store.delete(next(key for key in store.champion_summaries(["shop"]) if key.target == "for_you"))
    section = workspace.run("recommendations", LATER)
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
