"""Judging many subjects at once: Great Expectations validates the facts of all in one suite, to the same results.

An expectation costs the same on ten rows and on ten thousand, so the facts of subjects with the same rules are laid
below one another, and what it finds is told by where it is. A subject of which that is not known to be the same is
judged alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brain.quality.engine import by_rule, judge, not_computed, result_of, run_suite
from brain.quality.facts import require_facts
from brain.quality.result import EXAMPLES, finding_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from brain.quality.facts import Facts
    from brain.quality.result import Finding, GateResult
    from brain.quality.rules import Rule

_OF_A_VALUE = frozenset({"ExpectColumnValuesToBeBetween"})  # judges each value by itself
_OF_AN_ORDER = frozenset({"ExpectColumnValuesToBeUnique", "ExpectColumnValuesToBeIncreasing"})  # compares with others
_LIMITS = frozenset({"column", "min_value", "max_value", "strict_min", "strict_max", "strictly"})


def judge_together(asked: Sequence[Facts]) -> list[GateResult | Exception]:
    """What `judge` says of each, in order; an error instead of the result where it raises one."""
    found: dict[int, GateResult | Exception] = {}
    for group in _groups(asked):
        if len(group) > 1 and (results := _judged([asked[number] for number in group])) is not None:
            found |= zip(group, results, strict=True)
    return [found[number] if number in found else _alone(one) for number, one in enumerate(asked)]


def _alone(facts: Facts) -> GateResult | Exception:
    try:
        return judge(facts)
    except Exception as error:  # one subject must not stop the others; whoever asks is told
        return error


def _groups(asked: Sequence[Facts]) -> Iterable[list[int]]:
    """Positions of those with the same rules and suites, as far as their facts can be laid below one another."""
    groups: dict[str, list[int]] = {}
    for number, facts in enumerate(asked):
        if _may_be_joined(facts):
            rules = [[rule.name, rule.suite, rule.expectation, rule.severity, rule.message, dict(rule.arguments)]
                     for rule in facts.rules]  # fmt: skip
            key = json.dumps([rules, list(facts.frames), dict(facts.row_ids)], default=str)
            groups.setdefault(key, []).append(number)
    return groups.values()


def _may_be_joined(facts: Facts) -> bool:
    if facts.limits_only:
        return False
    try:
        require_facts(facts)
    except Exception:
        return False
    return all(_alike_below_others(rule, facts.frames[rule.suite][rule.arguments["column"]]) for rule in facts.rules)


def _alike_below_others(rule: Rule, column: pd.Series[Any]) -> bool:
    """Whether Great Expectations finds the same in a column with others above and below it."""
    if not _LIMITS.issuperset(rule.arguments):
        return False
    kind = column.dtype.kind if isinstance(column.dtype, np.dtype) else "O"
    if rule.expectation in _OF_AN_ORDER:
        return kind == "M" and not column.isna().any()
    return rule.expectation in _OF_A_VALUE and (kind in "iuf" or not column.notna().any())


@dataclass(frozen=True)
class _Suite:
    """One suite of several subjects.

    Args:
        stated: For each subject, the rules that apply to it.
        first: Position of each subject's first row among the rows of all, and the number of all rows.
        outcome: Great Expectations' result as plain JSON.
        broken: By rule, positions of the rows that break it, ascending.
    """

    stated: Sequence[Sequence[Rule]]
    first: NDArray[np.intp]
    outcome: Mapping[str, Any]
    broken: Mapping[str, NDArray[np.intp]]

    def rows_of(self, number: int, rule: Rule) -> NDArray[np.intp]:
        """Positions of a subject's own rows that break a rule."""
        start, end = int(self.first[number]), int(self.first[number + 1])
        found = self.broken.get(rule.name, np.zeros(0, np.intp))
        return found[np.searchsorted(found, start) : np.searchsorted(found, end)] - start


def _judged(group: Sequence[Facts]) -> list[GateResult] | None:
    """The results of subjects with the same rules; None where a rule cannot be computed."""
    suites = {}
    for name in group[0].frames:
        stated = [facts.stated(name) for facts in group]
        if any(stated):
            suite = _validated(name, stated, group)
            if suite is None:
                return None
            suites[name] = suite
    return [_result(facts, number, suites) for number, facts in enumerate(group)]


def _validated(name: str, stated: Sequence[Sequence[Rule]], group: Sequence[Facts]) -> _Suite | None:
    applying, frames = {rule.name for rules in stated for rule in rules}, [facts.frames[name] for facts in group]
    rules = [rule for rule in group[0].rules if rule.name in applying]
    joint = pd.DataFrame({rule.arguments["column"]: _below_one_another(rule, frames) for rule in rules})
    outcome, found = run_suite(name, rules, joint, "BASIC"), {}
    if broken := [rule for rule in rules if not by_rule(outcome)[rule.name].success]:
        detailed = by_rule(run_suite(name, broken, joint, "COMPLETE"))
        if any(map(not_computed, detailed.values())):
            return None
        found = {rule: np.sort(np.asarray(one.result["unexpected_index_list"])) for rule, one in detailed.items()}
    return _Suite(stated, np.cumsum([0, *map(len, frames)]), outcome.to_json_dict(), found)


def _below_one_another(rule: Rule, frames: Sequence[pd.DataFrame]) -> NDArray[Any]:
    columns = [frame[rule.arguments["column"]] for frame in frames]
    if rule.expectation in _OF_AN_ORDER:
        return _end_to_end([column.to_numpy() for column in columns])
    return np.concatenate([column.to_numpy(np.float64, na_value=np.nan) for column in columns])


def _end_to_end(columns: Sequence[NDArray[np.datetime64]]) -> NDArray[np.int64]:
    """The rank of each time in its column, those of a column above all before.

    So one is the same as another, or less than the one above it, among all only if it is in its own column.
    """
    ranks, above = [], 0
    for column in columns:
        distinct, rank = np.unique(column, return_inverse=True)
        ranks.append(rank.astype(np.int64) + above)
        above += len(distinct)
    return np.concatenate(ranks)


def _result(facts: Facts, number: int, suites: Mapping[str, _Suite]) -> GateResult:
    findings: list[Finding] = []
    results: dict[str, Any] = {}
    for name, suite in suites.items():
        own = {rule.name: rule for rule in suite.stated[number]}
        broken = {rule.name: suite.rows_of(number, rule) for rule in own.values()}
        findings += [_finding(facts, rule, broken[rule.name]) for rule in own.values() if len(broken[rule.name])]
        told = [(one["expectation_config"]["meta"]["rule"], one) for one in suite.outcome["results"]]
        if each := [_as_json(one, facts, own[rule], broken[rule]) for rule, one in told if rule in own]:
            results[name] = _suite_as_json(suite.outcome, f"{facts.subject} {name}", each)
    return result_of(facts, findings, results)


def _finding(facts: Facts, rule: Rule, broken: NDArray[np.intp]) -> Finding:
    frame, suite = facts.frames[rule.suite], rule.suite
    names = frame[facts.row_ids[suite]].iloc[broken[:EXAMPLES]].astype(str) if suite in facts.row_ids else ()
    return finding_of(rule, len(broken), tuple(names), frame[rule.arguments["column"]].iloc[broken[0]])


def _as_json(joint: Mapping[str, Any], facts: Facts, rule: Rule, broken: NDArray[np.intp]) -> dict[str, Any]:
    """What Great Expectations would have told of the subject alone, in its words (``BASIC``)."""
    from great_expectations.util import convert_to_json_serializable

    column = facts.frames[rule.suite][rule.arguments["column"]]
    rows, missing, count = len(column), int(column.isna().sum()), len(broken)
    share = count / (rows - missing) * 100
    result = {
        "element_count": rows,
        "unexpected_count": count,
        "unexpected_percent": share,
        "partial_unexpected_list": convert_to_json_serializable(list(column.iloc[broken[:EXAMPLES]])),
        "missing_count": missing,
        "missing_percent": missing / rows * 100,
        "unexpected_percent_total": count / rows * 100,
        "unexpected_percent_nonmissing": share,
    }
    return {**joint, "success": not count, "result": result}


def _suite_as_json(joint: Mapping[str, Any], name: str, results: list[dict[str, Any]]) -> dict[str, Any]:
    kept = sum(one["success"] for one in results)
    statistics = {
        "evaluated_expectations": len(results),
        "successful_expectations": kept,
        "unsuccessful_expectations": len(results) - kept,
        "success_percent": kept / len(results) * 100,
    }
    success = kept == len(results)
    return {**joint, "success": success, "results": results, "suite_name": name, "statistics": statistics}
