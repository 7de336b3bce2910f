"""Great Expectations runs the rules faster than by itself, and to the same results."""

from __future__ import annotations

import contextlib
import datetime as dt

import pandas as pd
import pytest

from brain.core.errors import QualityError
from brain.core.moment import Moment
from brain.demo.load import demo_frame
from brain.quality import engine
from brain.quality.result import GateResult
from brain.quality.rules import between
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
    from great_expectations.expectations.expectation import Expectation

    engine.prepare()
    before = Expectation.configuration
    results()
    assert Expectation.configuration is before


@pytest.mark.parametrize(("suite", "column"), [("row", "volume"), ("rows", "volumes")])
def test_a_rule_on_facts_that_are_not_there_is_refused(suite: str, column: str) -> None:
    facts = {"rows": pd.DataFrame({"volume": [1.0]})}
    rule = between("volume", "warn", suite, column, "{count} rows", min_value=0)
    with pytest.raises(QualityError, match="the rule 'volume'"):
        engine.validate((rule,), facts, {}, "GOLD")
