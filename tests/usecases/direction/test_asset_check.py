"""The gate on real demo data, and the severity of its rules."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from brain.core.errors import SourceTableError
from brain.core.moment import Moment
from brain.demo.load import demo_frame
from brain.quality.engine import validate
from brain.usecases.direction.asset_check import check_asset
from brain.usecases.direction.asset_rules import asset_rules, table_rules
from brain.usecases.direction.catalogue import AssetSpec, QualitySettings, parse_assets
from brain.usecases.direction.inputs import asset_trial

CATALOGUE = parse_assets((Path(__file__).parents[3] / "catalogue.yaml").read_text())
NOW = Moment(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))


def rules(frame: pd.DataFrame, **settings: Any) -> dict[str, str]:
    """The broken rules and their severity, for SP500 under other quality settings."""
    spec = AssetSpec.model_validate({**CATALOGUE.asset("SP500").model_dump(), "quality": settings})
    day = frame["Date"].iloc[-1]
    report = check_asset(frame, spec, Moment(dt.datetime.combine(day, dt.time(), dt.UTC)))
    return {finding.rule: finding.severity for finding in report.findings}


@pytest.fixture(scope="module")
def sp500() -> pd.DataFrame:
    return demo_frame("SP500")


@pytest.mark.parametrize("name", CATALOGUE.names)
def test_every_demo_asset_passes(name: str) -> None:
    report = check_asset(demo_frame(name), CATALOGUE.asset(name), NOW)
    assert report.passed, report.reason
    assert {finding.rule for finding in report.findings} <= {"overdue", "jumps", "flat", "missing"}


def test_real_prices_break_no_rule(sp500: pd.DataFrame) -> None:
    assert rules(sp500) == {}


@pytest.mark.parametrize("severity", ["warn", "fail", "off"])
def test_a_rule_has_the_severity_of_the_catalogue(sp500: pd.DataFrame, severity: str) -> None:
    wrong = sp500["High"].where(sp500.index != 100, sp500["Low"] - 1)
    frame = sp500.assign(High=wrong)
    found = rules(frame, high_low=severity, price_range="off")
    assert found == ({} if severity == "off" else {"high_low": severity})


def test_thresholds_come_from_the_catalogue(sp500: pd.DataFrame) -> None:
    assert rules(sp500, max_jump=5.0) == {"jumps": "warn"}
    assert rules(sp500, max_gap=2) == {"gaps": "warn"}
    assert rules(sp500, min_rows=10_000) == {"min_rows": "fail"}


def test_a_gap_names_the_day_after_it(sp500: pd.DataFrame) -> None:
    frame = sp500.drop(index=range(3000, 3010)).reset_index(drop=True)
    report = check_asset(frame, CATALOGUE.asset("SP500"), NOW)
    (gap,) = [finding for finding in report.findings if finding.rule == "gaps"]
    assert gap.examples == (str(sp500["Date"][3010].date()),)


def test_a_part_is_not_called_short_nor_its_target_constant(sp500: pd.DataFrame) -> None:
    spec = CATALOGUE.asset("SP500")
    short = AssetSpec.model_validate({**spec.model_dump(), "quality": {"min_rows": 1000}})
    start = int(np.argmax(sp500["RETURNS161"].rolling(30).min() >= 0)) - 29
    part = sp500.iloc[start : start + 30 + 161].reset_index(drop=True)
    alone = check_asset(part, short, NOW)
    assert {finding.rule for finding in alone.findings} >= {"min_rows", "constant_horizon"}
    whole = check_asset(part, short, NOW, total_rows=len(sp500))
    assert whole.passed
    assert not {finding.rule for finding in whole.findings} & {"constant_target", "constant_horizon"}


def test_an_empty_target_costs_its_horizon_and_not_the_asset(sp500: pd.DataFrame) -> None:
    assert rules(sp500.assign(RETURNS21=np.nan)) == {"constant_horizon": "warn", "missing": "warn"}
    targets = [str(name) for name in sp500 if str(name).startswith("RETURNS")]
    assert rules(sp500.assign(**dict.fromkeys(targets, np.nan)))["constant_target"] == "fail"


def test_a_feature_that_knows_the_future_is_named_with_the_evidence(sp500: pd.DataFrame) -> None:
    frame = sp500.assign(tomorrow=sp500["RETURNS1"].fillna(0.0))
    spec = CATALOGUE.asset("SP500")
    (leak,) = [finding for finding in check_asset(frame, spec, NOW).findings if finding.rule == "leaks"]
    assert leak.severity == "warn"
    assert "tomorrow (it knows the change of Close 1 row(s) later (correlation +" in leak.message
    trusting = spec.model_copy(update={"trust_features": ("tomorrow",)})
    assert "leaks" not in {finding.rule for finding in check_asset(frame, trusting, NOW).findings}


def test_a_price_that_jumps_and_comes_straight_back_is_named(sp500: pd.DataFrame) -> None:
    close = sp500["Close"].where(sp500.index != 3000, sp500["Close"] * 1.18)
    report = check_asset(sp500.assign(Close=close, High=close + 1), CATALOGUE.asset("SP500"), NOW)
    (tick,) = [finding for finding in report.findings if finding.rule == "bad_ticks"]
    assert tick.examples == (str(sp500["Date"][3000].date()),)
    assert "left out of training" in tick.message


def test_unchanged_rows_are_only_asked_their_age(sp500: pd.DataFrame) -> None:
    report = check_asset(sp500.assign(Close=-1.0), CATALOGUE.asset("SP500"), NOW, unchanged=True)
    assert report.rules == ("known_names", "min_rows", "overdue")
    assert [finding.rule for finding in report.findings] == ["overdue"]


@pytest.mark.parametrize("unchanged", [False, True])
@pytest.mark.parametrize("setting", ["leave_out", "trust_features"])
def test_a_name_that_no_column_has_is_told_with_the_nearest(sp500: pd.DataFrame, setting: str, unchanged: bool) -> None:
    spec = CATALOGUE.asset("SP500").model_copy(update={setting: ("rsi_114", "rsi_14", "qqqqqq")})
    report = check_asset(sp500, spec, NOW, unchanged=unchanged)
    (finding,) = [finding for finding in report.findings if finding.rule == "known_names"]
    assert finding.severity == "warn"
    assert finding.examples == ("rsi_114 (the nearest column is rsi_14)", "qqqqqq")
    assert asset_trial(spec)(sp500).noted == tuple(f"no numeric column is called {told}" for told in finding.examples)


def test_a_missing_column_is_named(sp500: pd.DataFrame) -> None:
    with pytest.raises(SourceTableError, match="no column RETURNS5"):
        check_asset(sp500.drop(columns="RETURNS5"), CATALOGUE.asset("SP500"), NOW)


def test_the_report_is_plain_json(sp500: pd.DataFrame) -> None:
    import json

    report = check_asset(sp500, CATALOGUE.asset("SP500"), NOW)
    kept = json.loads(json.dumps(report.to_json()))
    assert kept["passed"] is True
    assert kept["findings"][0]["message"].startswith("the newest row is ")
    assert json.loads(json.dumps(report.validation))["rows"]["success"] is True


def spoilt(frame: pd.DataFrame, column: str, row: int, value: float) -> pd.DataFrame:
    return frame.assign(**{column: frame[column].where(frame.index != row, value)})


@pytest.mark.parametrize(
    ("rule", "column", "value", "severity"),
    [
        ("close", "Close", np.nan, "fail"),
        ("positive", "Low", 0.0, "fail"),
        ("infinite", "Volume", np.inf, "fail"),
    ],
)
def test_one_wrong_cell_breaks_a_rule(sp500: pd.DataFrame, rule: str, column: str, value: float, severity: str) -> None:
    assert rules(spoilt(sp500, column, 3000, value), returns="off")[rule] == severity


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("high_low", {"High": -1e-9}),
        ("price_range", {"Low": 1.1e-6, "High": 1.0}),
    ],
)
def test_a_range_is_held_to_the_last_cent(sp500: pd.DataFrame, rule: str, changes: dict[str, float]) -> None:
    """Of a day whose prices are all the same, then not quite."""
    close = float(sp500["Close"][3000])
    flat = sp500
    for column in ("Open", "High", "Low"):
        flat = spoilt(flat, column, 3000, close)
    assert rules(flat) == {}
    wrong = flat
    for column, step in changes.items():
        wrong = spoilt(wrong, column, 3000, close + step)
    assert rule in rules(wrong)


def test_a_price_outside_its_range_by_rounding_breaks_no_rule(sp500: pd.DataFrame) -> None:
    close = float(sp500["Close"][3000])
    frame = spoilt(spoilt(sp500, "Open", 3000, close), "Low", 3000, close + 0.9e-6)
    assert rules(frame) == {}


def test_dates_are_unique_and_ascend(sp500: pd.DataFrame) -> None:
    twice = sp500.assign(Date=sp500["Date"].where(sp500.index != 3000, sp500["Date"][2999]))
    assert rules(twice, gaps="off") == {"unique_dates": "fail", "ordered_dates": "fail"}
    order = [*range(3000), 3001, 3000, *range(3002, len(sp500))]
    swapped = sp500.assign(Date=sp500["Date"].to_numpy()[order])
    assert rules(swapped, gaps="off") == {"ordered_dates": "fail"}


def test_a_target_that_does_not_look_ahead_and_one_that_is_off_break_a_rule(sp500: pd.DataFrame) -> None:
    assert rules(sp500.assign(RETURNS5=-sp500["RETURNS5"])) == {"forward_looking": "fail", "returns": "warn"}
    step = np.where(sp500.index == 3000, 1.1e-6, 0.0)
    assert rules(sp500.assign(RETURNS5=sp500["RETURNS5"] + step)) == {"returns": "warn"}
    assert rules(sp500.assign(RETURNS5=sp500["RETURNS5"] + 0.8 * step)) == {}


def test_what_a_limit_allows_breaks_no_rule(sp500: pd.DataFrame) -> None:
    assert rules(sp500, min_rows=len(sp500)) == {}
    assert rules(sp500, min_rows=len(sp500) + 1) == {"min_rows": "fail"}
    flat = sp500.assign(Close=sp500["Close"].where(~sp500.index.isin(range(3001, 3005)), sp500["Close"][3000]))
    others = {"price_range": "off", "returns": "off", "leaks": "off", "forward_looking": "off"}
    assert rules(flat, max_flat=4, **others) == {}
    assert rules(flat, max_flat=3, **others) == {"flat": "warn"}


def test_the_whole_table_is_as_many_rows_as_it_is_said_to_be(sp500: pd.DataFrame) -> None:
    report = check_asset(sp500, CATALOGUE.asset("SP500"), NOW, total_rows=7)
    (failure,) = report.failures
    assert (failure.rule, failure.message) == ("min_rows", "7 rows; expected at least 100")
    assert report.rows == len(sp500)


# Of each rule the fact that it still allows, and the nearest one that it does not.
LIMITS = [
    ("close", "no_close", 0, 1),
    ("positive", "lowest_price", 1e-9, 0),
    ("high_low", "high_minus_low", 0, -1e-9),
    ("price_range", "outside_range", 1e-6, 1.5e-6),
    ("jumps", "jump", 25, 25.5),
    ("bad_ticks", "bad_tick", 0, 1),
    ("gaps", "gap", 5, 6),
    ("flat", "flat_run", 10, 11),
    ("missing", "missing_share", 0.2, 0.21),
    ("infinite", "infinite", 0, 1),
    ("constant_target", "minority", 1, 0),
    ("constant_horizon", "minority_beside", 1, 0),
    ("forward_looking", "disagreement", 0.1, 0.11),
    ("leaks", "leak", 0, 1),
    ("returns", "return_error", 1e-6, 1.5e-6),
    ("known_names", "absent", 0, 1),
    ("min_rows", "rows", 100, 99),
    ("overdue", "days_overdue", 5, 6),
]


def test_a_rule_allows_its_limit_and_nothing_beyond() -> None:
    rules = [rule for rule in asset_rules(QualitySettings()) if "dates" not in rule.name]
    assert [(rule.name, rule.arguments["column"]) for rule in rules] == [limit[:2] for limit in LIMITS]
    for at in (2, 3):
        told: dict[str, dict[str, list[float]]] = {}
        for rule, limit in zip(rules, LIMITS, strict=True):
            told.setdefault(rule.suite, {})[limit[1]] = [float(limit[at])]
        facts = {suite: pd.DataFrame(columns) for suite, columns in told.items()}
        findings, _ = validate(rules, facts, {}, "GOLD")
        assert sorted(finding.rule for finding in findings) == sorted(rule.name for rule in rules if at == 3)


def test_a_rule_that_is_switched_off_is_not_asked() -> None:
    quiet = QualitySettings(jumps="off", overdue="off")
    assert {"jumps", "overdue"}.isdisjoint(rule.name for rule in asset_rules(quiet))
    assert [rule.name for rule in table_rules(quiet)] == ["known_names", "min_rows"]


def test_a_setting_is_read_by_the_name_it_had_before() -> None:
    assert QualitySettings.model_validate({"stale": "off", "max_stale": 9}) == QualitySettings.model_validate(
        {"overdue": "off", "max_overdue": 9}
    )
