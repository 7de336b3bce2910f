"""Many subjects judged in one suite get what each gets alone, to the letter."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from brain.core.errors import QualityError
from brain.core.moment import Moment
from brain.demo.load import demo_frame
from brain.lake.lake import Lake
from brain.quality import together
from brain.quality.docs import build_data_docs
from brain.quality.engine import judge, prepare, run_suite
from brain.quality.facts import Facts
from brain.quality.gate import keep_result
from brain.quality.result import GateResult
from brain.quality.rules import between
from brain.quality.together import judge_together
from brain.usecases.direction.asset_check import asset_facts
from brain.usecases.direction.catalogue import AssetSpec, QualitySettings

BATCH = re.compile(r"\b(?:\d{8}T\d{6}\.\d+Z|[0-9a-f]{32})\b")  # when it was validated, and a hash of its facts
NOW = Moment(dt.datetime(2026, 1, 1, 6, tzinfo=dt.UTC))
ROWS = 400
GOOD = demo_frame("SP500").iloc[-ROWS:].reset_index(drop=True)
PLANTED = {
    "good": GOOD,
    "short": GOOD[:30],
    "one_row": GOOD[-1:].reset_index(drop=True),
    "no_row": GOOD[:0],
    "twice": pd.concat([GOOD[:9], GOOD[5:]], ignore_index=True),
    "backwards": GOOD[::-1].reset_index(drop=True),
    "no_close": GOOD.assign(Close=GOOD["Close"].where(GOOD.index % 9 != 0)),
    "negative": GOOD.assign(Close=GOOD["Close"].where(GOOD.index != 7, -1.0)),
    "high_low": GOOD.assign(High=GOOD["Low"] - 1),
    "jump": GOOD.assign(Close=GOOD["Close"].where(GOOD.index < 200, GOOD["Close"] * 9)),
    "tick": GOOD.assign(Close=GOOD["Close"].where(GOOD.index != 100, GOOD["Close"] * 1.3)),
    "gap": GOOD.drop(index=range(100, 130)).reset_index(drop=True),
    "flat": GOOD.assign(Close=100.0),
    "only_close": GOOD[["Date", "Close", "RETURNS5"]],
    "infinite": GOOD.assign(rsi_14=np.inf),
    "empty": GOOD.assign(rsi_14=np.nan),
    "empty_target": GOOD.assign(RETURNS5=np.nan),
    "leak": GOOD.assign(tomorrow=GOOD["RETURNS1"].fillna(0.0)),
    "wrong_target": GOOD.assign(RETURNS5=-GOOD["RETURNS5"]),
}


Results = list[GateResult | Exception]


def facts_of(name: str, frame: pd.DataFrame, *, unchanged: bool = False, **quality: Any) -> Facts:
    spec = AssetSpec(name=name, table="T", horizons=(5,), leave_out=("rsi14",) if name == "leak" else ())
    spec = spec.model_copy(update={"quality": QualitySettings.model_validate(quality)})
    return asset_facts(frame, spec, NOW, unchanged=unchanged)


def told(results: Results) -> list[Any]:
    """The results as they are kept, without what says when and on which batch."""
    plain: list[Any] = []
    for result in results:
        if isinstance(result, Exception):
            plain.append((type(result), str(result)))
            continue
        validation = json.loads(json.dumps(result.validation, default=str))
        for suite in validation.values():
            del suite["meta"]
        plain.append((result.to_json(), validation))
    return plain


def alone(asked: Sequence[Facts]) -> Results:
    found: Results = []
    for facts in asked:
        try:
            found.append(judge(facts))
        except QualityError as error:
            found.append(error)
    return found


@pytest.fixture(scope="module")
def planted() -> list[Facts]:
    """Tables of every kind, of which some have other rules, and some are only asked their age."""
    prepare()
    asked = [facts_of(name, frame) for name, frame in PLANTED.items()]
    asked += [facts_of(f"{name} unchanged", PLANTED[name], unchanged=True) for name in ("good", "negative", "short")]
    strict = [facts_of(f"{name} strict", PLANTED[name], max_jump=3.0, gaps="fail") for name in ("good", "gap", "jump")]
    return [*asked, *strict, facts_of("good alone", GOOD, max_flat=2)]


@pytest.fixture(scope="module")
def expected(planted: list[Facts]) -> Results:
    return alone(planted)


@pytest.fixture(scope="module")
def found(planted: list[Facts]) -> Results:
    return judge_together(planted)


def test_each_gets_what_it_gets_alone(planted: list[Facts], expected: Results, found: Results) -> None:
    for facts, one, other in zip(planted, told(found), told(expected), strict=True):
        assert one == other, facts.subject
    rules = {finding.rule for result in found if isinstance(result, GateResult) for finding in result.findings}
    assert len(rules) > 14, "the planted tables are to break most rules"


def test_great_expectations_is_asked_once_for_all(planted: list[Facts], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def counted(name: str, *rest: Any) -> Any:
        asked.append(name)
        return run_suite(name, *rest)

    monkeypatch.setattr(together, "run_suite", counted)
    monkeypatch.setattr(together, "judge", lambda facts: asked.append(f"alone {facts.subject}"))
    judge_together(planted[: len(PLANTED)])
    assert asked == sorted(["table", "names", "rows", "columns", "features"] * 2, key=asked.index)
    assert len(asked) <= 10


def test_the_pages_of_a_moment_are_the_same(tmp_path: Path, expected: Results, found: Results) -> None:
    pages = []
    for side, results in (("alone", expected), ("together", found)):
        lake = Lake(str(tmp_path / side))
        for result in results:
            if isinstance(result, GateResult) and result.subject in ("good", "twice", "leak", "good unchanged"):
                keep_result(lake, "direction", NOW, result)
        folder = Path(build_data_docs(lake, NOW)).parent
        pages.append({path.name: BATCH.sub("", path.read_text()) for path in sorted(folder.glob("*.html"))})
    assert len(pages[0]) == 5
    assert pages[0] == pages[1]


def test_one_that_cannot_be_judged_stops_none_of_the_others() -> None:
    rules = (between("volume", "warn", "rows", "volume", "{count} rows ({examples})", min_value=0),)
    asked = [
        Facts(name, 2, rules, {"rows": pd.DataFrame({"day": ["a", "b"], "volume": volume})}, {"rows": "day"})
        for name, volume in {"A": [-1.0, 1.0], "B": ["many", 1.0], "C": [1.0, -1.0], "D": [1, -2]}.items()
    ]
    found = judge_together([*asked, replace(asked[0], subject="E", frames={})])
    assert told(found[:4]) == told(alone(asked))
    assert [result.findings[0].examples for result in (found[0], found[2], found[3]) if isinstance(result, GateResult)]
    assert isinstance(found[1], QualityError)
    assert "cannot be computed" in str(found[1])
    assert isinstance(found[4], QualityError)
    assert "which are not there" in str(found[4])


def test_where_the_whole_cannot_be_computed_each_is_judged_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """By kinds of columns that no test has thought of."""
    monkeypatch.setattr(together, "_alike_below_others", lambda rule, column: True)
    rules = (between("volume", "warn", "rows", "volume", "{count} rows", min_value=0),)
    asked = [
        Facts(name, 1, rules, {"rows": pd.DataFrame({"volume": [volume, None]}, dtype=object)})
        for name, volume in {"A": -1.0, "B": 1.0}.items()
    ]
    assert told(judge_together(asked)) == told(alone(asked))
    frames = [pd.DataFrame({"volume": ["many", 1.0]}, dtype=object)] * 2
    monkeypatch.setattr(together, "_below_one_another", lambda rule, frames: np.concatenate(frames)[:, 0])
    asked = [Facts(name, 2, rules, {"rows": frame}) for name, frame in zip("AB", frames, strict=True)]
    assert told(judge_together(asked)) == told(alone(asked))
    assert all(isinstance(result, QualityError) for result in judge_together(asked))


def test_a_rule_that_takes_part_of_the_rows_is_judged_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = (between("volume", "warn", "rows", "volume", "{count} of the rows", min_value=0, mostly=0.5),)
    asked = [
        Facts(name, 4, rules, {"rows": pd.DataFrame({"volume": [1.0, -1.0, -1.0, value]})})
        for name, value in {"A": 1.0, "B": -1.0}.items()
    ]
    monkeypatch.setattr(together, "run_suite", None)
    found = judge_together(asked)
    assert told(found) == told(alone(asked))
    assert [len(result.findings) for result in found if isinstance(result, GateResult)] == [0, 1]


def test_nothing_asked_is_nothing_told() -> None:
    assert judge_together([]) == []
    (result,) = judge_together([Facts("linked", 7)])
    assert result == GateResult("linked", 7, ())
