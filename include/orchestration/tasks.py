"""What every task of every DAG shares: retries by error class, the moment, chunks, and how failures are told."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import ExceptionRetryPolicy, Param, RetryAction, RetryRule, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from brain.core.errors import MomentRefused, Terminal, Transient
from brain.core.moment import entered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brain.core.moment import Moment

log = logging.getLogger(__name__)

START = datetime(2024, 1, 1, tzinfo=UTC)

RETRY_BY_ERROR = ExceptionRetryPolicy(
    rules=[
        RetryRule(exception=Terminal, action=RetryAction.FAIL, reason="Trying again cannot help: see the message."),
        RetryRule(
            exception=Transient,
            action=RetryAction.RETRY,
            retry_delay=timedelta(seconds=30),
            reason="A server or the lake did not answer; it may next time.",
        ),
    ]
)

DEFAULTS: dict[str, Any] = {
    "owner": "brain",
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "retry_policy": RETRY_BY_ERROR,
    "execution_timeout": timedelta(hours=2),
}

DAG_SETTINGS: dict[str, Any] = {
    "start_date": START,
    "catchup": False,
    "max_active_runs": 1,
    "default_args": DEFAULTS,
    "tags": ["brain"],
}

# For a task that waits for `plan` and for the chunks: it runs whatever became of the chunks, never after a failed plan.
AFTER_THE_CHUNKS = "all_done_min_one_success"

UNITS_PARAM = Param(
    [], type="array", items={"type": "string"}, title="Units", description="Assets and others, one a line; none: all."
)
TARGETS_PARAM = Param(
    [],
    type="array",
    items={"type": "string"},
    title="Targets",
    description="What is predicted, such as 25 or RETURNS25, one a line; none means all.",
)
FORCE_PARAM = Param(
    False, type="boolean", title="Force full training", description="Search anew even where the champion is fresh."
)
FAILED_SHARE_PARAM = Param(
    0.0,
    type="number",
    minimum=0,
    maximum=1,
    title="Tolerated share of failed units",
    description="The report fails when more than this share of the units failed.",
)


def current_moment() -> Moment:
    """The moment this run is about: its partition, else the end of its data interval.

    A run started by a dataset is about the moment that was announced, so that all DAGs speak of the same day and a
    cleared run gives the same rows again. A person may name the moment as the partition key of a run.

    Raises:
        MomentRefused: It lies beyond the clock, or the partition key is no moment.
    """
    run = get_current_context()["dag_run"]
    if run.partition_key is not None:
        return entered(_moment_of(run.partition_key), datetime.now(UTC))
    return entered(run.data_interval_end or run.logical_date or run.run_after, datetime.now(UTC))


def _moment_of(partition_key: str) -> datetime:
    try:
        return datetime.fromisoformat(partition_key)
    except ValueError:
        raise MomentRefused(
            "the run's partition key",
            found=repr(partition_key),
            expected="a moment with its time zone, such as 2026-11-20T06:00:00+00:00",
            remedy="Start the run again with the moment that it is to be about, or without a key.",
        ) from None


def chunks(names: Sequence[str], count: int, largest: int) -> list[list[str]]:
    """Deal `names` into about `count` chunks of at most `largest`, so that neighbours land in different chunks."""
    number = max(min(count, len(names)), -(-len(names) // largest))
    return [list(names[start::number]) for start in range(number)]


def chunk_label(names: Sequence[str]) -> str:
    """A readable name for a mapped task."""
    return f"{names[0]} … {names[-1]} ({len(names)})" if len(names) > 2 else ", ".join(names)


@task(trigger_rule="all_done", retries=0)
def report(
    planned: list[dict[str, Any]] | None, results: list[list[dict[str, Any]]] | None, params: dict[str, Any]
) -> None:
    """Say which units failed and why; fail when they are more than the tolerated share.

    Args:
        planned: None where `plan` failed; empty for a DAG that has none.
        results: By chunk; None where no chunk told anything.
    """
    if planned is None or (results is None and not planned):
        raise AirflowFailException(
            "The task before this one failed, so nothing was done; its log says why. What was published before stays."
        )
    told = [result for chunk in results or () for result in chunk]
    dealt = {(chunk["use_case"], name) for chunk in planned for name in chunk["units"]}
    silent = sorted(dealt - {(result["use_case"], result["unit"]) for result in told})
    failed = [result for result in told if not result["ok"]]
    failed += [{"unit": name, "reason": "its chunk died; see the log of that task"} for _, name in silent]
    total = len(told) + len(silent)
    for result in failed:
        log.error("%s failed: %s", result["unit"], result["reason"])
    log.info("%d of %d units went through", total - len(failed), total)
    if len(failed) > params["tolerated_share"] * total:
        names = ", ".join(result["unit"] for result in failed)
        message = f"{len(failed)} of {total} units failed ({names}); the log above says why each."
        raise AirflowFailException(message)
