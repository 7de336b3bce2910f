"""From a shop's orders to customer_segments and segment_profiles, by the real steps on real servers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.learning.candidate import Skipped
from brain.pipeline import run_all
from brain.repair import carry_out, find_repairs
from brain.results import UnitResult
from brain.steps import extract
from brain.usecases.segments.names import model_key
from brain.usecases.segments.replay import Replay, replay_segments
from brain.usecases.segments.training import train_shop
from brain.warehouse.connection import transaction
from brain.warehouse.read import ask
from brain.workspace import Workspace, open_workspace
from tests.usecases.segments.orders import at, order_lines, put

LINES = order_lines()
DAY = date(2024, 1, 15)
CATALOGUE = """
use_cases:
  segments:
    shop: {{name: corner, orders: {{table: orders, quantity: quantity, value: value}}{more}}}
    bootstraps: 4
"""


def upto(day: date, lines: pd.DataFrame = LINES) -> pd.DataFrame:
    return lines[lines["time"] < pd.Timestamp(day) + pd.Timedelta(days=1)]


def workspace_of(settings: Settings, folder: Path, more: str = "") -> Workspace:
    path = folder / "catalogue.yaml"
    path.write_text(CATALOGUE.format(more=more))
    return open_workspace(settings.model_copy(update={"catalogue_path": path}))


@pytest.fixture
def workspace(settings: Settings, demo_url: str, tmp_path: Path) -> Workspace:
    put(demo_url, upto(DAY))
    return workspace_of(settings, tmp_path)


def run(workspace: Workspace, day: date, *, force: bool = False) -> list[UnitResult]:
    return run_all(workspace, Moment(at(day)), workers=1, force=force)


def asked(workspace: Workspace, query: str, values: list[object] | None = None) -> list[tuple[Any, ...]]:
    assert workspace.settings.reader_url is not None
    return ask(workspace.settings.reader_url, query, values).rows


def test_every_customer_is_in_a_segment_with_a_name_and_what_is_expected_of_her(workspace: Workspace) -> None:
    results = run(workspace, DAY)
    assert all(result.ok for result in results), results
    counted = "count(*), count(DISTINCT segment), count(DISTINCT name), min(as_of), bool_or(moved)"
    ((count, segments, names, as_of, moved),) = asked(workspace, f"SELECT {counted} FROM customer_segments")
    assert (count, moved, as_of) == (upto(DAY)["customer"].nunique(), False, DAY)
    assert 3 <= segments == names <= 6
    ((customers, share),) = asked(workspace, "SELECT sum(customers), sum(share) FROM segment_profiles")
    assert (customers, share) == (count, pytest.approx(1))
    sums = "SELECT sum(expected_spend), min(alive_probability), max(alive_probability) FROM customer_segments"
    ((expected, least, most),) = asked(workspace, sums)
    spent = LINES[
        LINES["time"].between(pd.Timestamp(DAY) + pd.Timedelta(days=1), pd.Timestamp(DAY) + pd.Timedelta(days=29))
    ]
    assert 0.6 < expected / spent["value"].sum() < 1.6  # what then came, in a shop that it was not told of
    assert 0 <= least < 0.5 < most <= 1
    (row,) = asked(workspace, "SELECT verdict, stability, model_version FROM segment_profiles LIMIT 1")
    assert "than RFM quintiles" in row[0] and 0 < row[1] <= 1 and row[2] == 1


def test_a_rerun_gives_the_same_rows_and_the_next_day_moves_few_and_trains_nothing(
    workspace: Workspace, demo_url: str
) -> None:
    rows = "SELECT * FROM customer_segments ORDER BY customer"
    profiles = "SELECT * FROM segment_profiles ORDER BY segment"
    run(workspace, DAY)
    first = asked(workspace, rows), asked(workspace, profiles)
    run(workspace, DAY)
    assert (asked(workspace, rows), asked(workspace, profiles)) == first
    tomorrow = DAY + timedelta(days=1)
    put(demo_url, upto(tomorrow))
    run(workspace, tomorrow)
    second = asked(workspace, rows), asked(workspace, profiles)
    ((moved, count, versions),) = asked(
        workspace, "SELECT count(*) FILTER (WHERE moved), count(*), max(model_version) FROM customer_segments"
    )
    assert moved < 0.2 * count and versions == 1
    told = asked(workspace, "SELECT sum(moved_in), sum(moved_out) FROM segment_profiles")
    assert told == [(moved, moved)]
    run(workspace, tomorrow)
    assert (asked(workspace, rows), asked(workspace, profiles)) == second
    assert asked(workspace, "SELECT count(DISTINCT as_of) FROM segment_profile_history") == [(2,)]


def test_of_two_runs_that_train_at_once_the_second_does_not_form_segments_on_those_of_the_first(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract(workspace.run("segments", Moment(at(DAY))), ["corner"])
    first, second = (workspace.run("segments", Moment(at(DAY))) for _ in range(2))
    asked_for = second.store.champion_summaries

    def overtaken(names: Sequence[str], targets: Sequence[str] | None = None) -> Any:
        found = asked_for(names, targets)
        assert first.store.save(train_shop(first, force=False), first.moment)
        return found

    monkeypatch.setattr(second.store, "champion_summaries", overtaken)
    (result,) = train_shop(second, force=False)
    assert isinstance(result, Skipped)
    assert "another run" in result.decision.reason
    assert second.store.champion_version(model_key("corner")) == 1


def test_segments_formed_anew_keep_their_numbers_and_names(workspace: Workspace, demo_url: str) -> None:
    run(workspace, DAY)
    names = "SELECT segment, name FROM segment_profiles ORDER BY segment"
    before = asked(workspace, names)
    later = DAY + timedelta(days=14)
    put(demo_url, upto(later))
    results = run(workspace, later, force=True)
    assert all(result.ok for result in results), results
    assert asked(workspace, "SELECT DISTINCT model_version FROM customer_segments") == [(2,)]
    assert set(asked(workspace, names)) & set(before)
    kept = "SELECT avg((NOT moved)::int) FROM customer_segments WHERE previous_segment IS NOT NULL"
    ((share,),) = asked(workspace, kept)
    assert share > 0.7


def test_people_without_a_purchase_have_a_segment_of_their_own(
    settings: Settings, demo_url: str, tmp_path: Path
) -> None:
    quoted = 'O\'Hara "the 2nd"; --'
    odd = pd.DataFrame(
        [(quoted, "item1", 2, 30.0), ("only back", "item1", -1, 30.0), ("only back", "item1", 1, -5.0)],
        columns=["customer", "item", "quantity", "value"],
    ).assign(time=pd.Timestamp(DAY))
    put(demo_url, pd.concat([upto(DAY), odd, odd]))
    put(demo_url, pd.DataFrame({"customer": ["c0001", "never came"]}), "people")
    workspace = workspace_of(settings, tmp_path, ", customers: people")
    results = run(workspace, DAY)
    assert all(result.ok for result in results), results
    found = "SELECT customer, segment, name, orders, expected_spend IS NULL FROM customer_segments"
    assert asked(workspace, f"{found} WHERE segment = 0 ORDER BY 1") == [
        ("never came", 0, "has bought nothing yet", 0, True),
        ("only back", 0, "has bought nothing yet", 0, True),
    ]
    (row,) = asked(workspace, "SELECT orders, value FROM customer_segments WHERE customer = %s", [quoted])
    assert row == (1, 30.0)  # the line is there twice and counts once
    (profile,) = asked(workspace, "SELECT customers, recency_days FROM segment_profiles WHERE segment = 0")
    assert profile == (2, None)
    assert "2 that repeat another" not in asked(workspace, "SELECT verdict FROM segment_profiles")[0][0]
    assert "3 that repeat another" in asked(workspace, "SELECT verdict FROM segment_profiles")[0][0]


def test_only_orders_within_the_window_count(settings: Settings, demo_url: str, tmp_path: Path) -> None:
    put(demo_url, upto(DAY))
    workspace = workspace_of(settings, tmp_path, more=", window: 250 days")
    assert all(result.ok for result in run(workspace, DAY))
    within = LINES[
        (LINES["time"] >= pd.Timestamp(DAY) - pd.Timedelta(days=250))
        & (LINES["time"] < pd.Timestamp(DAY) + pd.Timedelta(days=1))
    ]
    query = "SELECT count(*), min(last_purchase), max(orders) FROM customer_segments"
    ((count, first, most),) = asked(workspace, query)
    assert (count, first) == (within["customer"].nunique(), within.groupby("customer")["time"].max().min().date())
    days = within.assign(day=within["time"].dt.date).groupby("customer")["day"].nunique()
    assert most == days.max()
    assert 100 < count < upto(DAY)["customer"].nunique()


def test_two_customers_are_too_few_and_the_reason_says_so(settings: Settings, demo_url: str, tmp_path: Path) -> None:
    put(demo_url, upto(DAY).query("customer < 'c0002'"))
    workspace = workspace_of(settings, tmp_path)
    results = run(workspace, DAY)
    failed = [result for result in results if not result.ok]
    assert any("2 customers have bought something; at least 100" in result.reason for result in failed), results
    ((segment, customers, reason),) = asked(workspace, "SELECT segment, customers, reason FROM segment_profiles")
    assert (segment, customers) == (0, None) and "no champion by" in reason
    put(demo_url, upto(DAY))
    assert all(result.ok for result in run(workspace, DAY + timedelta(days=1)))
    assert asked(workspace, "SELECT count(*) FROM segment_profiles WHERE stale") == [(0,)]


def test_a_table_that_shrinks_leaves_the_last_good_segments_and_marks_them(workspace: Workspace, demo_url: str) -> None:
    run(workspace, DAY)
    before = asked(workspace, "SELECT customer, segment, name FROM customer_segments ORDER BY 1")
    put(demo_url, upto(DAY).iloc[:500])
    run(workspace, DAY + timedelta(days=1))
    assert asked(workspace, "SELECT customer, segment, name FROM customer_segments ORDER BY 1") == before
    ((stale, reason),) = asked(workspace, "SELECT DISTINCT stale, reason FROM customer_segments")
    assert stale and "its last extraction" in reason
    put(demo_url, upto(DAY))
    run(workspace, DAY + timedelta(days=2))
    assert asked(workspace, "SELECT DISTINCT stale, reason FROM customer_segments") == [(False, None)]


def test_a_model_that_is_gone_leaves_the_last_good_segments_and_marks_them(workspace: Workspace) -> None:
    run(workspace, DAY)
    work = workspace.run("segments", Moment(at(DAY + timedelta(days=1))))
    before = asked(workspace, "SELECT customer, segment FROM customer_segments ORDER BY 1")
    work.store.backend.models.update_many({}, {"$set": {"hyper_parameters.period_days": 1_000}})
    results = [result for result in run_all_but_training(workspace, DAY + timedelta(days=1)) if not result.ok]
    assert results
    assert asked(workspace, "SELECT customer, segment FROM customer_segments ORDER BY 1") == before
    ((stale,),) = asked(workspace, "SELECT DISTINCT stale FROM customer_segments")
    assert stale


def run_all_but_training(workspace: Workspace, day: date) -> list[UnitResult]:
    from brain import steps

    work = workspace.run("segments", Moment(at(day)))
    results = steps.score(work, ["corner"])
    steps.publish(work, [["corner"]])
    return results


def test_a_clock_in_the_future_and_a_giant_change_nobody_elses_segment(workspace: Workspace, demo_url: str) -> None:
    ahead = pd.DataFrame([("c0000", "item1", 1, 1e6)], columns=["customer", "item", "quantity", "value"])
    put(demo_url, pd.concat([upto(DAY), ahead.assign(time=pd.Timestamp(DAY) + pd.Timedelta(days=300))]))
    run(workspace, DAY)
    ((as_of, most),) = asked(workspace, "SELECT max(as_of), max(value) FROM customer_segments")
    assert as_of == DAY and most < 1e6
    before = dict(asked(workspace, "SELECT customer, segment FROM customer_segments"))
    tomorrow = DAY + timedelta(days=1)
    giant = ahead.assign(customer="giant", value=1e9, time=pd.Timestamp(tomorrow))
    put(demo_url, pd.concat([upto(DAY), *[giant.assign(item=f"item{n}") for n in range(200)]]))
    run(workspace, tomorrow, force=True)
    after = dict(asked(workspace, "SELECT customer, segment FROM customer_segments"))
    assert np.mean([after[customer] == segment for customer, segment in before.items()]) > 0.7
    ((least,),) = asked(workspace, "SELECT min(customers) FROM segment_profiles")
    assert least > 1  # no group of one


def test_a_replay_gives_the_same_segments_bit_for_bit(workspace: Workspace, demo_url: str) -> None:
    run(workspace, DAY)
    tomorrow = DAY + timedelta(days=1)
    put(demo_url, upto(tomorrow))
    run(workspace, tomorrow)
    later = workspace.run("segments", Moment(at(DAY + timedelta(days=60))))
    assert replay_segments(later) == Replay(upto(tomorrow)["customer"].nunique(), ())
    with transaction(later.settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE customer_segments SET expected_spend = 1.001 * expected_spend WHERE customer = 'c0001'")
    (told,) = replay_segments(later).obstacles
    assert told == "1 customers have another expected_spend by version 1: c0001"
    later.store.delete(model_key("corner"))
    (told,) = replay_segments(later).obstacles
    assert "corner" in told


def test_an_older_run_changes_nothing(workspace: Workspace, demo_url: str) -> None:
    run(workspace, DAY)
    rows = asked(workspace, "SELECT * FROM customer_segments ORDER BY customer")
    run(workspace, DAY - timedelta(days=10))
    assert asked(workspace, "SELECT * FROM customer_segments ORDER BY customer") == rows


def test_a_day_that_is_made_up_for_later_says_nothing_of_who_came_and_went(workspace: Workspace, demo_url: str) -> None:
    missed, tomorrow = DAY + timedelta(days=1), DAY + timedelta(days=2)
    run(workspace, DAY)
    put(demo_url, upto(missed))
    extract(workspace.run("segments", Moment(at(missed))), ["corner"])
    put(demo_url, upto(tomorrow))
    run(workspace, tomorrow)
    rows = asked(workspace, "SELECT * FROM customer_segments ORDER BY customer")
    run(workspace, missed)
    told = "SELECT sum(customers), sum(moved_in), sum(moved_out), sum(newcomers) FROM segment_profile_history"
    query = f"{told} WHERE as_of = %(day)s GROUP BY as_of"
    shown = {day: asked(workspace, query.replace("%(day)s", f"'{day}'")) for day in (missed, tomorrow)}
    assert shown[missed] == [(upto(missed)["customer"].nunique(), None, None, None)]
    ((_, *moves),) = shown[tomorrow]
    assert None not in moves
    assert asked(workspace, "SELECT * FROM customer_segments ORDER BY customer") == rows


def test_after_a_run_of_the_future_was_taken_back_nobody_is_called_a_newcomer(
    workspace: Workspace, demo_url: str
) -> None:
    run(workspace, DAY)
    run(workspace, DAY + timedelta(days=40))
    taken_back = carry_out(find_repairs(workspace, Moment(at(DAY))))
    assert all(result.ok for result in taken_back), taken_back
    tomorrow = DAY + timedelta(days=1)
    put(demo_url, upto(tomorrow))
    run(workspace, tomorrow)
    told = "SELECT sum(customers), sum(moved_in), sum(moved_out), sum(newcomers) FROM segment_profiles"
    assert asked(workspace, told) == [(upto(tomorrow)["customer"].nunique(), None, None, None)]
    after = tomorrow + timedelta(days=1)
    put(demo_url, upto(after))
    run(workspace, after)
    ((_, *moves),) = asked(workspace, told)
    assert None not in moves


def test_the_moment_is_what_the_rows_say(workspace: Workspace) -> None:
    run(workspace, DAY)
    ((published,),) = asked(workspace, "SELECT DISTINCT published_at FROM customer_segments")
    assert isinstance(published, datetime) and published == at(DAY)
