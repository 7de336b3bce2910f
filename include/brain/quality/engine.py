"""Running rules in Great Expectations: one ephemeral context a process, no files, no progress bars, no telemetry."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import warnings
from typing import TYPE_CHECKING, Any

from brain.core.errors import QualityError
from brain.quality.result import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from brain.quality.rules import Rule

EXAMPLES = 5
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
    require_facts(rules, facts, subject)
    findings, results = [], {}
    for suite, frame in facts.items():
        stated = [rule for rule in rules if rule.suite == suite and frame[rule.arguments["column"]].notna().any()]
        if stated:
            outcome = _run(f"{subject} {suite}", stated, frame, "BASIC")
            names = frame[row_ids[suite]].astype(str) if suite in row_ids else None
            broken = [rule for rule in stated if not _by_rule(outcome)[rule.name].success]
            detailed = outcome if names is None or not broken else _run(subject, broken, frame, "SUMMARY")
            findings += [_finding(subject, rule, _by_rule(detailed)[rule.name], names) for rule in broken]
            results[suite] = outcome.to_json_dict()
    return findings, results


def require_facts(rules: Sequence[Rule], facts: Mapping[str, pd.DataFrame], subject: str) -> None:
    """A rule on facts that are not there would never be broken.

    Raises:
        QualityError: There is one.
    """
    for rule in rules:
        column = rule.arguments["column"]
        if rule.suite not in facts or column not in facts[rule.suite]:
            raise QualityError(
                subject,
                found=f"the rule {rule.name!r} on {column!r} of the facts {rule.suite!r}, which are not there",
                expected=f"one of the facts {', '.join(facts)}, with that column",
                remedy="Correct the rule's suite or column, or compute the fact.",
            )


def _by_rule(outcome: Any) -> dict[str, Any]:
    return {result.expectation_config.meta["rule"]: result for result in outcome.results}


def _run(name: str, rules: Sequence[Rule], frame: pd.DataFrame, detail: str) -> Any:
    """Validate; ``BASIC`` counts what is unexpected, ``SUMMARY`` also finds where and takes twice as long."""
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
    if problem := _not_computed(outcome):
        raise QualityError(
            subject,
            found=f"the rule {rule.name!r} cannot be computed: {problem}",
            expected="rows on which every rule can be computed",
            remedy="Look at the columns it names, or switch the rule off under `quality` in the catalogue.",
        )
    result = outcome.result
    examples = () if names is None else tuple(names.loc[result["partial_unexpected_index_list"]])
    return told_finding(rule, int(result["unexpected_count"]), examples, str(result["partial_unexpected_list"][0]))


def told_finding(rule: Rule, count: int, examples: tuple[str, ...], found: str) -> Finding:
    """A rule that was broken, in its words.

    Args:
        examples: The first that broke it, by name; empty where they have none.
        found: The first value that broke it.
    """
    shown = ", ".join(examples) + (", …" if count > len(examples) else "")
    words = rule.message.replace("(s)", "" if count == 1 else "s")
    message = words.format(count=count, examples=shown, found=found)
    return Finding(rule.name, "fail" if rule.severity == "fail" else "warn", message, count, examples)


def _not_computed(outcome: Any) -> str:
    """What kept a rule from being computed; empty if nothing did."""
    told = outcome.exception_info  # of the rule as a whole, or of each metric that it needs
    each = [told] if "raised_exception" in told else told.values()
    return next((str(one["exception_message"]) for one in each if one["raised_exception"]), "")
