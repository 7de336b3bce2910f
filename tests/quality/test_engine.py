"""Great Expectations runs the rules faster than by itself, and to the same results."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
from pathlib import Path

import pandas as pd
import pytest
from pydantic import TypeAdapter, ValidationError

from brain.core.errors import QualityError
from brain.core.moment import Moment
from brain.demo.load import demo_frame
from brain.lake.lake import Lake
from brain.quality import engine
from brain.quality.gate import keep_result
from brain.quality.result import Finding, GateResult
from brain.quality.rules import Severity, between
from brain.usecases.direction.asset_check import check_asset
from brain.usecases.direction.catalogue import AssetSpec

NOW = Moment(dt.datetime(2026, 1, 1, 6, tzinfo=dt.UTC))


def results() -> GateResult:
    frame = demo_frame("SP500")
    report = check_asset(frame.assign(High=frame["Low"] - 1), AssetSpec(name="SP500", table="SP500"), NOW)
    for suite in report.validation.values():
        del suite["meta"]  # when and on which batch
    return report


def test_keeping_configurations_changes_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = results()
    monkeypatch.setattr(engine, "_configurations_kept", contextlib.nullcontext)
    assert kept == results()
    assert kept.findings


def test_great_expectations_is_left_as_it_was() -> None:
    engine.prepare()
    from great_expectations.expectations.expectation import Expectation

    before = Expectation.configuration
    results()
    assert Expectation.configuration is before


@pytest.mark.parametrize(("suite", "column"), [("row", "volume"), ("rows", "volumes")])
def test_a_rule_on_facts_that_are_not_there_is_refused(suite: str, column: str) -> None:
    facts = {"rows": pd.DataFrame({"volume": [1.0]})}
    rule = between("volume", "warn", suite, column, "{count} rows", min_value=0)
    with pytest.raises(QualityError, match="the rule 'volume'"):
        engine.validate((rule,), facts, {}, "GOLD")


@pytest.mark.parametrize(("severity", "told"), [("fail", "critical"), ("warn", "warning")])
def test_great_expectations_is_told_how_severe_a_rule_is(severity: Severity, told: str) -> None:
    engine.prepare()
    assert between("volume", severity, "rows", "volume", "{count} rows", min_value=0).build().severity == told


def test_off_need_not_be_quoted_and_on_is_no_severity() -> None:
    read = TypeAdapter(Severity).validate_python
    assert (read(False), read("off"), read("warn")) == ("off", "off", "warn")
    with pytest.raises(ValidationError):
        read(True)


def test_a_finding_that_does_not_say_how_many_is_of_one() -> None:
    assert Finding("rows", "warn", "12 rows; expected at least 500").count == 1


def test_a_finding_counts_what_breaks_the_rule_and_names_the_first_five() -> None:
    frame = pd.DataFrame({"day": [f"day {n}" for n in range(9)], "volume": [-1.0] * 7 + [1.0, 1.0]})
    rule = between("volume", "fail", "rows", "volume", "{count} rows ({examples}); the first is {found}", min_value=0)
    ((finding,), results) = engine.validate((rule,), {"rows": frame}, {"rows": "day"}, "GOLD")
    assert (finding.severity, finding.count) == ("fail", 7)
    assert finding.examples == ("day 0", "day 1", "day 2", "day 3", "day 4")
    assert finding.message == "7 rows (day 0, day 1, day 2, day 3, day 4, …); the first is -1.0"
    assert results["rows"]["success"] is False
    ((finding,), _) = engine.validate((rule,), {"rows": frame[2:]}, {"rows": "day"}, "GOLD")
    assert finding.message == "5 rows (day 2, day 3, day 4, day 5, day 6); the first is -1.0"
    ((finding,), _) = engine.validate((rule,), {"rows": frame[6:]}, {}, "GOLD")
    assert (finding.count, finding.examples) == (1, ())


@pytest.mark.parametrize(("wrong", "told"), [(1, "1 row too small"), (2, "2 rows too small")])
def test_a_finding_speaks_of_one_row_and_of_several_rows(wrong: int, told: str) -> None:
    frame = pd.DataFrame({"volume": [-1.0] * wrong + [1.0]})
    rule = between("volume", "fail", "rows", "volume", "{count} row(s) too small", min_value=0)
    ((finding,), _) = engine.validate((rule,), {"rows": frame}, {}, "GOLD")
    assert finding.message == told


def test_a_rule_that_cannot_be_computed_says_so_and_is_no_finding() -> None:
    """Great Expectations counts it as broken, with nothing that breaks it."""
    frame = pd.DataFrame({"day": ["a", "b"], "volume": ["many", 1.0]})
    rule = between("volume", "warn", "rows", "volume", "{count} rows", min_value=0)
    with pytest.raises(QualityError) as caught:
        engine.validate((rule,), {"rows": frame}, {"rows": "day"}, "GOLD")
    assert "the rule 'volume' cannot be computed: " in caught.value.found
    assert "of the same type" in caught.value.found


def test_great_expectations_draws_no_bars_and_tells_nobody(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GX_ANALYTICS_ENABLED", raising=False)
    engine._batch_definition.cache_clear()
    engine.prepare()
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
    results()
    assert capfd.readouterr().err == ""


def test_a_result_that_cannot_be_kept_stops_nothing_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lake = Lake(str(tmp_path / "lake"))
    result = GateResult("GOLD", 9, ("a",), validation={"at": NOW.at})
    address = keep_result(lake, "direction", NOW, result)
    assert json.loads(Path(address).read_text())["interval_end"] == NOW.at.isoformat()
    (tmp_path / "lake" / "quality").rename(tmp_path / "lake" / "other")
    (tmp_path / "lake" / "quality").write_text("in the way")
    assert keep_result(lake, "direction", NOW, result) == address
    assert "the gate's result on GOLD is not kept" in caplog.text


def test_a_rule_without_any_value_is_skipped_and_the_others_are_not() -> None:
    frame = pd.DataFrame({"volume": [float("nan")] * 3, "price": [1.0, float("nan"), -1.0]})
    rules = [between(name, "warn", "rows", name, "{count}", min_value=0) for name in ("volume", "price")]
    findings, results = engine.validate(rules, {"rows": frame}, {}, "GOLD")
    assert [(finding.rule, finding.severity, finding.count) for finding in findings] == [("price", "warn", 1)]
    assert len(results["rows"]["results"]) == 1
    assert engine.validate(rules[:1], {"rows": frame}, {}, "GOLD") == ([], {})


def test_a_result_passes_where_no_finding_fails() -> None:
    warned, failed = Finding("a", "warn", "so so", 2), Finding("b", "fail", "not so", 3)
    result = GateResult("GOLD", 9, ("a", "b"), (warned, failed, failed))
    assert (result.passed, result.failures, result.warnings) == (False, (failed, failed), 1)
    assert result.reason == "not so; not so"
    fine = GateResult("GOLD", 9, ("a", "b"), (warned,))
    assert (fine.passed, fine.warnings, fine.reason) == (True, 1, "")
