"""Limits applied by hand say what Great Expectations says, and nothing heavy is imported for them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

from brain.core.errors import QualityError
from brain.quality import engine
from brain.quality.facts import Facts
from brain.quality.limits import within_limits
from brain.quality.rules import Rule, between

LIMITS: tuple[dict[str, Any], ...] = (
    {"min_value": 0},
    {"max_value": 0},
    {"min_value": -1, "max_value": 1},
    {"min_value": -1, "max_value": 1, "strict_min": True},
    {"min_value": -1, "max_value": 1, "strict_min": True, "strict_max": True},
    {"max_value": np.inf},
)
VALUES = (
    [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 7.0, -7.0],
    [np.nan, 0.0, np.inf, -np.inf, np.nan, 1.0, 1.5, 2.5, 3.5],
    [np.nan] * 9,
    [3, 1, 0, -1, 0, 0, 0, 0, 0],
)


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("named", [True, False])
def test_it_finds_what_great_expectations_finds(values: list[float], named: bool) -> None:
    frame = pd.DataFrame({"day": [f"day {place}" for place in range(len(values))], "volume": values})
    words = "{count} row(s) ({examples}); the first is {found}"
    rules = [between(f"rule {place}", "warn", "rows", "volume", words, **one) for place, one in enumerate(LIMITS)]
    ids = {"rows": "day"} if named else {}
    findings, _ = engine.validate(rules, {"rows": frame}, ids, "GOLD")
    assert within_limits(Facts("GOLD", len(frame), tuple(rules), {"rows": frame}, ids)) == findings
    assert bool(findings) == bool(np.isfinite(values).any())


def test_facts_without_a_line_break_no_rule() -> None:
    rule = between("absent", "warn", "names", "absent", "{count} names ({examples})", max_value=0)
    frame = pd.DataFrame({"name": [], "absent": []})
    assert within_limits(Facts("GOLD", 0, (rule,), {"names": frame}, {"names": "name"})) == []


@pytest.mark.parametrize(
    "rule",
    [
        Rule("unique", "fail", "rows", "ExpectColumnValuesToBeUnique", {"column": "volume"}, "{count} twice"),
        between("mostly", "fail", "rows", "volume", "{count} rows", min_value=0, mostly=0.9),
    ],
)
def test_a_rule_that_is_no_limit_is_refused_and_not_passed(rule: Rule) -> None:
    with pytest.raises(QualityError, match="a rule that a number lies within limits"):
        within_limits(Facts("GOLD", 1, (rule,), {"rows": pd.DataFrame({"volume": [1.0]})}))


def test_rows_that_passed_before_are_asked_their_age_without_great_expectations() -> None:
    program = (
        "import sys\n"
        "from datetime import UTC, datetime\n"
        "from brain.core.moment import Moment\n"
        "from brain.demo.load import demo_frame\n"
        "from brain.usecases.direction.asset_check import check_asset\n"
        "from brain.usecases.direction.catalogue import AssetSpec\n"
        "spec, now = AssetSpec(name='SP500', table='SP500'), Moment(datetime(2026, 11, 23, tzinfo=UTC))\n"
        "told = check_asset(demo_frame('SP500'), spec, now, unchanged=True)\n"
        "assert [finding.rule for finding in told.findings] == ['overdue'], told\n"
        "assert 'great_expectations' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
