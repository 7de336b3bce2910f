from __future__ import annotations

from datetime import date
from importlib import util
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from brain.core.errors import ExtraNotInstalled, UnknownName
from brain.demo import prices as demo_prices
from brain.demo.prices import ASSETS, STOCKS, prices

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

BARS = ["Date", "Open", "High", "Low", "Close", "Volume"]


def test_there_are_26_assets() -> None:
    assert len(ASSETS) == len(set(ASSETS)) == 26
    assert len(STOCKS) == 20


@pytest.mark.parametrize(
    ("asset", "rows", "first", "last"),
    [
        ("GOLD", 9132, date(1977, 12, 30), date(2012, 12, 31)),
        ("SILVER", 9132, date(1977, 12, 30), date(2012, 12, 31)),
        ("SP500", 5031, date(1999, 1, 4), date(2018, 12, 31)),
        ("NASDAQ", 5031, date(1999, 1, 4), date(2018, 12, 31)),
        ("WTI", 8321, date(1986, 1, 2), date(2019, 1, 3)),
        ("VIX", 1259, date(2014, 1, 3), date(2019, 1, 3)),
        ("XOM", 8313, date(1990, 1, 2), date(2022, 12, 28)),
    ],
)
def test_a_series_has_its_published_span(asset: str, rows: int, first: date, last: date) -> None:
    dates = prices(asset)["Date"].dt.date
    assert (len(dates), dates.iloc[0], dates.iloc[-1]) == (rows, first, last)


@pytest.mark.parametrize(
    ("asset", "day", "close"),
    [
        ("GOLD", "2012-12-31", 915.88),
        ("SILVER", "1978-01-03", 229.84),
        ("SP500", "2018-12-31", 2506.850098),
        ("NASDAQ", "1999-01-04", 2208.050049),
        ("WTI", "1986-01-02", 25.56),
        ("VIX", "2019-01-03", 25.45),
        ("AAPL", "2022-12-28", 125.674),
        ("RRC", "1990-01-02", 3.322),
    ],
)
def test_a_close_is_the_published_one(asset: str, day: str, close: float) -> None:
    frame = prices(asset).set_index("Date")
    assert frame["Close"].loc[pd.Timestamp(day)] == close


@pytest.mark.parametrize("asset", ASSETS)
def test_dates_ascend_on_weekdays_and_prices_are_positive(asset: str) -> None:
    frame = prices(asset)
    assert frame["Date"].is_monotonic_increasing
    assert frame["Date"].is_unique
    assert frame["Date"].dt.day_of_week.max() == 4
    assert not frame.isna().any(axis=None)
    assert (frame["Close"] > 0).all()


@pytest.mark.parametrize("asset", ASSETS)
def test_columns_go_as_far_as_the_data(asset: str) -> None:
    expected = BARS if asset in {"SP500", "NASDAQ"} else ["Date", "Close"]
    assert list(prices(asset).columns) == expected


def test_days_without_a_price_are_left_out() -> None:
    # FRED marks Good Friday 2018 with a dot.
    assert date(2018, 3, 30) not in set(prices("WTI")["Date"].dt.date)


def test_an_unknown_asset_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=r"TULIPS.*GOLD, SILVER"):
        prices("TULIPS")


def test_a_missing_extra_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_skfolio(name: str) -> ModuleSpec | None:
        return None if name == "skfolio" else util.find_spec(name)

    demo_prices._stocks.cache_clear()
    monkeypatch.setattr(demo_prices, "find_spec", without_skfolio)
    with pytest.raises(ExtraNotInstalled, match=r"'skfolio'.*pip install -e '\.\[demo\]'"):
        prices("XOM")
