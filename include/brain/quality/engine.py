"""Running rules in Great Expectations: one ephemeral context a process, no files, no progress bars, no telemetry."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import warnings
from typing import TYPE_CHECKING, Any

from brain.core.errors import QualityError
from brain.quality.facts import Facts, require_facts
from brain.quality.limits import within_limits
from brain.quality.result import EXAMPLES, Finding, GateResult, finding_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from brain.quality.rules import Rule

_PATCHING = threading.Lock()


def validate(
    rules: Sequence[Rule], facts: Mapping[str, pd.DataFrame], row_ids: Mapping[str, str], subject: str
) -> tuple[list[Finding], dict[str, Any]]:
    """Apply `rules` to the facts of their suites.

    A rule on a fact that has no value at all (about a column that the table does not have) does not apply and is
    skipped.

    Args:
        facts: A frame by suite.
        row_ids: By suite, the column that names a row in examples.

    Returns:
        The findings, and Great Expectations' results by suite as plain JSON.
    """
    told = judge(Facts(subject, 0, tuple(rules), facts, row_ids))
    return list(told.findings), dict(told.validation)


def judge(facts: Facts) -> GateResult:
    """Apply the rules to the facts of one subject.

    Raises:
        QualityError: A rule is on a fact that is not there, or cannot be computed.
    """
    require_facts(facts)
    if facts.limits_only:
        return result_of(facts, within_limits(facts), {})
    findings: list[Finding] = []
    results: dict[str, Any] = {}
    for suite, frame in facts.frames.items():
        if stated := facts.stated(suite):
            outcome = run_suite(f"{facts.subject} {suite}", stated, frame, "BASIC")
            names = frame[facts.row_ids[suite]].astype(str) if suite in facts.row_ids else None
            broken = [rule for rule in stated if not by_rule(outcome)[rule.name].success]
            detailed = outcome if names is None or not broken else run_suite(facts.subject, broken, frame, "SUMMARY")
            findings += [_finding(facts.subject, rule, by_rule(detailed)[rule.name], names) for rule in broken]
            results[suite] = outcome.to_json_dict()
    return result_of(facts, findings, results)


def result_of(facts: Facts, findings: Sequence[Finding], results: Mapping[str, Any]) -> GateResult:
    """What the gate says of a subject."""
    return GateResult(facts.subject, facts.rows, tuple(rule.name for rule in facts.rules), tuple(findings), results)


def by_rule(outcome: Any) -> dict[str, Any]:
    """Its results by the name of their rule."""
    return {result.expectation_config.meta["rule"]: result for result in outcome.results}


def run_suite(name: str, rules: Sequence[Rule], frame: pd.DataFrame, detail: str) -> Any:
    """Validate; ``BASIC`` counts what is unexpected, ``SUMMARY`` also finds where and takes twice as long.

    ``COMPLETE`` finds all of it.
    """
    result_format = {"result_format": detail, "partial_unexpected_count": EXAMPLES}
    with warnings.catch_warnings():
        # Great Expectations imports deprecated modules and makes deprecated calls of its own.
        warnings.simplefilter("ignore", DeprecationWarning)
        import great_expectations as gx

        batches = _batch_definition()
        suite = gx.ExpectationSuite(name=name, expectations=[rule.build() for rule in rules])
        batch = batches.get_batch(batch_parameters={"dataframe": frame})
        with _configurations_kept():
            return batch.validate(suite, result_format=result_format)


@contextlib.contextmanager
def _configurations_kept() -> Iterator[None]:
    """Give an expectation's configuration as it was first made.

    While it validates, Great Expectations makes each of them anew over a hundred times, although nothing changes it:
    a third of the gate's time.
    """
    from great_expectations.expectations.expectation import Expectation

    made: dict[int, tuple[Any, Any]] = {}  # with the expectation, so that no later one gets its id

    def configuration(expectation: Any) -> Any:
        if id(expectation) not in made:
            made[id(expectation)] = (expectation, original.fget(expectation))
        return made[id(expectation)][1]

    with _PATCHING:
        original: Any = Expectation.configuration
        Expectation.configuration = property(configuration)  # type: ignore[assignment,method-assign]
        try:
            yield
        finally:
            Expectation.configuration = original  # type: ignore[method-assign]


def prepare() -> None:
    """Import Great Expectations, which takes seconds once a process; otherwise the first unit's time would hold it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        _batch_definition()


@functools.cache
def _batch_definition() -> Any:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(metric_calculations=False)
    return (
        context.data_sources.add_pandas("facts")
        .add_dataframe_asset("facts")
        .add_batch_definition_whole_dataframe("all")
    )


def _finding(subject: str, rule: Rule, outcome: Any, names: pd.Series[str] | None) -> Finding:
    if problem := not_computed(outcome):
        raise QualityError(
            subject,
            found=f"the rule {rule.name!r} cannot be computed: {problem}",
            expected="rows on which every rule can be computed",
            remedy="Look at the columns it names, or switch the rule off under `quality` in the catalogue.",
        )
    result = outcome.result
    examples = () if names is None else tuple(names.loc[result["partial_unexpected_index_list"]])
    return finding_of(rule, int(result["unexpected_count"]), examples, result["partial_unexpected_list"][0])


def not_computed(outcome: Any) -> str:
    """What kept a rule from being computed; empty if nothing did."""
    told = outcome.exception_info  # of the rule as a whole, or of each metric that it needs
    each = [told] if "raised_exception" in told else told.values()
    return next((str(one["exception_message"]) for one in each if one["raised_exception"]), "")
