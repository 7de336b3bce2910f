from __future__ import annotations

import math
import sys
from datetime import date

import numpy as np
import pandas as pd
import pytest

from brain.core.errors import ExtraNotInstalled
from brain.demo.features import YEAR, forward_returns, technical_features
from brain.demo.load import demo_frame
from brain.demo.prices import ASSETS, prices
from brain.usecases.direction.catalogue import HORIZONS
from brain.usecases.direction.names import PRICE_COLUMNS, TARGET_PATTERN

SAMPLE = ("GOLD", "SP500", "NASDAQ", "VIX", "RRC")


def _features(frame: pd.DataFrame) -> list[str]:
    return [c for c in map(str, frame) if c not in {"Date", *PRICE_COLUMNS} and not TARGET_PATTERN.fullmatch(c)]


@pytest.mark.parametrize("asset", SAMPLE)
@pytest.mark.parametrize("rows", [1, 30, 253, 1000])
def test_features_use_no_later_row(asset: str, rows: int) -> None:
    bars = prices(asset)
    whole, part = technical_features(bars), technical_features(bars.head(rows))
    pd.testing.assert_frame_equal(part, whole.head(rows), check_exact=True)


@pytest.mark.parametrize("asset", SAMPLE)
def test_features_ignore_what_happens_later(asset: str) -> None:
    bars = prices(asset)
    shaken = bars.copy()
    tomorrow = shaken.index > 700
    columns = [c for c in bars if c != "Date"]
    shaken.loc[tomorrow, columns] = shaken.loc[tomorrow, columns] * 3
    before, after = technical_features(bars), technical_features(shaken)
    pd.testing.assert_frame_equal(before.head(701), after.head(701), check_exact=True)
    assert (before.loc[701] != after.loc[701]).any()


@pytest.mark.parametrize("asset", ["SILVER", "NASDAQ", "VIX"])
def test_forward_returns_equal_a_plain_loop(asset: str) -> None:
    close = prices(asset)["Close"].to_list()
    found = forward_returns(pd.Series(close))
    assert list(found.columns) == [f"RETURNS{n}" for n in HORIZONS]
    for n in HORIZONS:
        expected = [close[t + n] / close[t] - 1 if t + n < len(close) else math.nan for t in range(len(close))]
        np.testing.assert_array_equal(found[f"RETURNS{n}"], expected)


@pytest.mark.parametrize("asset", ASSETS)
def test_features_are_finite_after_the_longest_window(asset: str) -> None:
    frame = demo_frame(asset)
    features = frame[_features(frame)]
    assert 15 <= features.shape[1] <= 28
    assert all(name == name.lower() for name in _features(frame))
    body = features.iloc[YEAR:].drop(columns="volume_change_1", errors="ignore")
    assert np.isfinite(body).all(axis=None)


def test_no_volume_means_no_volume_change() -> None:
    frame = demo_frame("NASDAQ")
    idle = frame.index[frame["Volume"] == 0]
    assert len(idle) > 0
    assert frame.loc[idle + 1, "volume_change_1"].isna().all()


@pytest.mark.parametrize(
    ("feature", "expected"),
    [
        ("return_1", lambda c: c[-1] / c[-2] - 1),
        ("return_21", lambda c: c[-1] / c[-22] - 1),
        ("momentum_252_21", lambda c: c[-22] / c[-253] - 1),
        ("volatility_21", lambda c: np.std(np.diff(np.log(c))[-21:], ddof=1)),
        ("sma_distance_50", lambda c: c[-1] / np.mean(c[-50:]) - 1),
        ("zscore_250", lambda c: (np.log(c[-1]) - np.log(c[-250:]).mean()) / np.log(c[-250:]).std(ddof=1)),
        ("drawdown_252", lambda c: c[-1] / max(c[-252:]) - 1),
        ("position_252", lambda c: (c[-1] - min(c[-252:])) / (max(c[-252:]) - min(c[-252:]))),
    ],
)
def test_a_feature_follows_its_formula(feature: str, expected: object) -> None:
    bars = prices("SP500").head(900)
    assert callable(expected)
    found = technical_features(bars)[feature].iloc[-1]
    assert found == pytest.approx(expected(bars["Close"].to_numpy()), rel=1e-9)


def test_rsi_follows_wilder() -> None:
    moves = np.diff(prices("GOLD")["Close"].head(300))
    up, down = np.maximum(moves, 0), np.maximum(-moves, 0)
    gain, loss = up[:14].mean(), down[:14].mean()
    for step in range(14, len(moves)):
        gain, loss = (gain * 13 + up[step]) / 14, (loss * 13 + down[step]) / 14
    found = technical_features(prices("GOLD").head(300))["rsi_14"].iloc[-1]
    assert found == pytest.approx(100 * gain / (gain + loss))


def test_a_flat_price_stands_at_its_average() -> None:
    frame = demo_frame("RRC")
    flat = frame["Close"].rolling(20).apply(lambda w: float(np.ptp(w) == 0)) == 1
    assert flat.sum() > 50
    assert frame.loc[flat, "zscore_20"].abs().max() == 0


@pytest.mark.parametrize(
    ("day", "weekday", "turn"), [("2018-12-31", 0, 1), ("2018-12-27", 3, 0), ("2018-12-28", 4, 1), ("2018-12-06", 3, 0)]
)
def test_the_calendar_is_read_from_the_date_alone(day: str, weekday: int, turn: int) -> None:
    row = demo_frame("SP500").set_index("Date").loc[pd.Timestamp(day)]
    assert (row["day_of_week"], row["turn_of_month"]) == (weekday, turn)


@pytest.mark.parametrize("asset", ASSETS)
def test_a_past_day_knows_the_same_features_and_fewer_returns(asset: str) -> None:
    whole = demo_frame(asset)
    past = demo_frame(asset, as_of=date(2012, 12, 28)) if asset != "VIX" else demo_frame(asset, as_of=date(2018, 6, 29))
    rows = len(past)
    pd.testing.assert_frame_equal(past[_features(past)], whole[_features(whole)].head(rows), check_exact=True)
    for n in HORIZONS:
        target = f"RETURNS{n}"
        assert past[target].iloc[-n:].isna().all()
        pd.testing.assert_series_equal(past[target].iloc[:-n], whole[target].iloc[: rows - n], check_exact=True)


def test_a_day_without_trading_gives_the_day_before() -> None:
    friday, sunday = demo_frame("SP500", date(2018, 12, 28)), demo_frame("SP500", date(2018, 12, 30))
    pd.testing.assert_frame_equal(friday, sunday)
    assert friday["Date"].iloc[-1] == pd.Timestamp("2018-12-28")


def test_before_the_first_day_there_are_no_rows() -> None:
    frame = demo_frame("VIX", date(2014, 1, 2))
    assert len(frame) == 0
    assert list(frame.columns) == list(demo_frame("VIX").columns)


def test_a_caller_may_change_its_frame() -> None:
    frame = demo_frame("GOLD")
    frame.loc[:, "Close"] = 0.0
    assert demo_frame("GOLD")["Close"].iloc[0] == 100.0


def test_without_ta_lib_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "talib", None)
    with pytest.raises(ExtraNotInstalled, match=r"'ta-lib'.*pip install -e '\.\[demo\]'"):
        demo_frame("GOLD")
