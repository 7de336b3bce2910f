"""Which order lines count, and what the gate says of those that do not."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from brain.core.moment import Moment
from brain.lake.columns import to_frame
from brain.quality.engine import judge
from brain.usecases.shop import repeats
from brain.usecases.shop.catalogue import ShopSettings
from brain.usecases.shop.orders import clean_lines
from brain.usecases.shop.quality import orders_check
from brain.usecases.shop.repeats import repeated

SHOP = ShopSettings.model_validate({"orders": {"table": "orders", "quantity": "n", "value": "paid"}})
NOON = dt.datetime(2024, 5, 1, 12)  # noqa: DTZ001 - as the lake keeps times
MOMENT = Moment(dt.datetime(2024, 5, 2, 12, tzinfo=dt.UTC))


def lines(*rows: tuple[Any, ...], customer: pa.DataType | None = None) -> pa.Table:
    columns = list(zip(*rows, strict=True))
    types = [customer or pa.large_string(), pa.large_string(), pa.timestamp("us"), pa.float64(), pa.float64()]
    names = ["customer", "item", "time", "n", "paid"]
    return pa.table({name: pa.array(c, t) for name, c, t in zip(names, columns, types, strict=True)})


def test_lines_that_do_not_count_are_counted() -> None:
    found = lines(
        ("anna", "tea", NOON, 1.0, 2.0),
        ("anna", "tea", NOON, 1.0, 2.0),
        ('O\'Hara "Q"', "tea", NOON, -1.0, -2.0),
        (None, "tea", NOON, 1.0, 2.0),
        ("bo", "", NOON, 1.0, 2.0),
        ("bo", "milk", NOON, None, 2.0),
        ("bo", "milk", NOON, 1.0, np.inf),
        ("bo", "milk", NOON, 1.0, None),
    )
    frame, left_out = clean_lines(found, SHOP)
    assert frame["customer"].tolist() == ["anna", 'O\'Hara "Q"', "bo"]
    assert frame["quantity"].tolist() == [1.0, -1.0, 1.0]
    assert left_out == {
        "without customer": 1,
        "without item": 1,
        "without a finite quantity": 2,
        "that repeat another": 1,
    }


def test_numbers_are_customers_too() -> None:
    frame, _ = clean_lines(lines((7, "tea", NOON, 1.0, 2.0), (10, "tea", NOON, 1.0, 2.0), customer=pa.int64()), SHOP)
    assert frame["customer"].tolist() == ["7", "10"]
    assert frame["customer"].cat.categories.tolist() == ["10", "7"]


def judged(*rows: tuple[Any, ...]) -> dict[str, str]:
    frame: pd.DataFrame = to_frame(lines(*rows))
    result = judge(orders_check(SHOP)(frame, MOMENT, total_rows=len(frame), unchanged=False))
    assert result.passed
    return {finding.rule: finding.message for finding in result.findings}


GOOD = [(f"c{number}", "tea", NOON, 1.0, 2.0) for number in range(10)]


def test_good_lines_give_no_finding() -> None:
    assert judged(*GOOD) == {}


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        ([("", "tea", NOON, 1.0, 2.0)], "unnamed"),
        ([("a", "tea", NOON, np.inf, 2.0)], "infinite"),
        ([(f"d{number}", "tea", NOON, -1.0, 2.0) for number in range(11)], "returns"),
        (GOOD[:1], "duplicates"),
        ([("one", f"i{number}", NOON, 1.0, 2.0) for number in range(5)], "giant"),
    ],
)
def test_each_rule_finds_its_fault(rows: list[tuple[Any, ...]], rule: str) -> None:
    assert list(judged(*GOOD, *rows)) == [rule]


def test_an_old_newest_line_is_told() -> None:
    old = NOON - dt.timedelta(days=30)
    assert list(judged(*((c, i, old, n, v) for c, i, _, n, v in GOOD))) == ["stale"]


def test_rows_repeat_another_as_comparing_columns_says(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"a": random.integers(0, 40, 5_000), "b": random.choice([0.0, -0.0, 1.5, np.nan, np.inf], 5_000)}
    )
    frame["c"] = np.datetime64("2024-01-01", "us") + random.integers(0, 9, 5_000).astype("timedelta64[D]")
    columns = [frame[name].to_numpy() for name in frame]
    expected = frame.duplicated().to_numpy()
    assert 0 < expected.sum() < 5_000
    assert (repeated(columns) == expected).all()
    assert not repeated([np.arange(1_000)]).any()
    monkeypatch.setattr(repeats, "_ODD", np.uint64(0))  # every row has the same hash then
    assert (repeated(columns) == expected).all()


def test_who_has_no_line_that_counts_is_no_customer() -> None:
    frame, _ = clean_lines(lines(("anna", "tea", NOON, 1.0, 2.0), ("bo", "milk", NOON, np.inf, 2.0)), SHOP)
    assert (frame["customer"].cat.categories.tolist(), frame["item"].cat.categories.tolist()) == (["anna"], ["tea"])
