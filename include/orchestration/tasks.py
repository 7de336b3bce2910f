"""What every task of every DAG shares: retries by error class, the moment, chunks and their names, and the report."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule, TriggerRule, get_current_context, task
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException

from brain.core.errors import MomentRefused, Terminal, Transient
from brain.core.moment import entered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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

OWNER = "brain"

LABEL_LENGTH = 250  # characters of a mapped task's name that Airflow's database takes
FAILED_MARK = "✗"
FIRST = 1000  # priority of a task that goes before all that wait: they have 1
_BEFORE_REASON = " — "
_WORTH_SAYING = 20  # characters below which a reason says nothing


def tell_failure(context: Any) -> None:
    """Called by Airflow once a task has failed for good."""
    from orchestration import notices

    notices.tell_failure(context)


DEFAULTS: dict[str, Any] = {
    "owner": OWNER,
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "retry_policy": RETRY_BY_ERROR,
    "execution_timeout": timedelta(hours=2),
    "weight_rule": "absolute",  # by default a task has the weight of all that come after it: that of `tell`, too
    "show_return_value_in_logs": False,
    "on_failure_callback": tell_failure,
}


def owner_links() -> dict[str, str]:
    """Where a click on the owner leads: the Brain page, where Airflow knows its own address."""
    address = conf.get("api", "base_url", fallback="") or ""
    return {OWNER: f"{address.rstrip('/')}/plugin/brain"} if address.startswith("http") else {}


DAG_SETTINGS: dict[str, Any] = {
    "start_date": START,
    "catchup": False,
    "max_active_runs": 1,
    # A run that hangs would keep tomorrow's from starting.
    "dagrun_timeout": timedelta(hours=12),
    "default_args": DEFAULTS,
    "owner_links": owner_links(),
}

# For a task that waits for `plan` and for the chunks: it runs whatever became of the chunks, never after a failed plan.
AFTER_THE_CHUNKS = TriggerRule.ALL_DONE_MIN_ONE_SUCCESS


def current_moment(context: Any = None) -> Moment:
    """The moment this run is about: its partition, else the end of its data interval.

    A run started by a dataset is about the moment that was announced, so that all DAGs speak of the same day and a
    cleared run gives the same rows again. A person may name a past day in the trigger form, or the moment as the
    partition key of a run.

    Args:
        context: Airflow's of the task, where it is not the running one's.

    Raises:
        MomentRefused: It lies beyond the clock, or the partition key is no moment.
    """
    context = context or get_current_context()
    run = context["dag_run"]
    if day := context.get("params", {}).get("day"):
        return entered(_moment_on(date.fromisoformat(day)), datetime.now(UTC), f"the day {day}")
    if run.partition_key is not None:
        return entered(_moment_of(run.partition_key), datetime.now(UTC))
    return entered(run.data_interval_end or run.logical_date or run.run_after, datetime.now(UTC))


def _moment_on(day: date) -> datetime:
    """The last moment of a day for which anything was extracted, else the day's end."""
    from brain.warehouse.extraction_runs import last_moment_on
    from orchestration.connections import settings_of_task

    known = last_moment_on(settings_of_task().warehouse_url, day)
    return known or datetime.combine(day, time(23, 59, 59), UTC)


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


class Dealing(NamedTuple):
    """How the units of a step are dealt into chunks.

    Args:
        a_slot: Chunks for each task that can run at once.
        smallest: Units that are worth a task; a chunk has fewer only where there are fewer.
        largest: Units that a task may have.
    """

    a_slot: int
    smallest: int
    largest: int


def chunks(names: Sequence[str], at_once: int, dealing: Dealing) -> list[list[str]]:
    """Deal `names` into chunks, so that neighbours land in different ones.

    Args:
        at_once: Tasks that can run at the same time.
    """
    wanted = min(dealing.a_slot * at_once, len(names) // dealing.smallest)
    number = max(wanted, -(-len(names) // dealing.largest))
    return [list(names[start::number]) for start in range(number)]


def chunk_label(names: Sequence[str], failed: Mapping[str, str] | None = None) -> str:
    """A name for a mapped task in which each of its units can be searched; what failed comes first, with its reason.

    Names that do not fit into what Airflow keeps are counted at the end.

    Args:
        failed: By unit, why it failed.
    """
    reasons = {_printable(name): _printable(why) for name, why in (failed or {}).items()}
    shown = [f"{FAILED_MARK} {name}" for name in reasons]
    shown += [printable for name in names if (printable := _printable(name)) not in reasons]
    label = next((text for gap in (", ", ",") if len(text := gap.join(shown)) <= LABEL_LENGTH), None)
    if label is None:
        return _cut(shown)
    told = "; ".join(f"{name}: {why}" for name, why in reasons.items())
    room = LABEL_LENGTH - len(label) - len(_BEFORE_REASON)
    return f"{label}{_BEFORE_REASON}{_shorten(told, room)}" if told and room >= _WORTH_SAYING else label


def _cut(names: Sequence[str]) -> str:
    """As many of the first names as fit, and how many more there are."""
    for shown in range(len(names) - 1, 0, -1):
        label = f"{','.join(names[:shown])} and {len(names) - shown} more"
        if len(label) <= LABEL_LENGTH:
            return label
    return _shorten(names[0], LABEL_LENGTH)


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _printable(text: str) -> str:
    """On one line, and never empty: Airflow refuses an empty label."""
    return " ".join("".join(c if c.isprintable() or c.isspace() else "\ufffd" for c in text).split()) or "\ufffd"


def silent_units(planned: Sequence[Mapping[str, Any]], told: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Use case and name of the units whose chunk died before it could tell anything."""
    dealt = {(chunk["use_case"], name) for chunk in planned for name in chunk["units"]}
    return sorted(dealt - {(result["use_case"], result["unit"]) for result in told})


@task(
    trigger_rule="all_done",
    # What people are to know does not wait for the next DAG's work where that takes every slot.
    priority_weight=FIRST,
    doc_md="Tell people once of what is new, by mail and webhook; off without a Connection.",
)
def tell(planned: list[dict[str, Any]] | None, results: list[list[dict[str, Any]]] | None) -> None:
    """Tell people once of what is new, where the Connections `brain_smtp` (mail) and `brain_webhook` exist.

    Args:
        planned: None where `plan` failed; empty for a DAG that has none.
        results: By chunk; None where no chunk told anything.
    """
    from orchestration.notices import tell_people

    tell_people(planned, results)


@task(trigger_rule="all_done", retries=0, doc_md="Say which units failed and why; red beyond the tolerated share.")
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
    silent = silent_units(planned, told)
    failed = [result for result in told if not result["ok"]]
    failed += [{"unit": name, "reason": "its chunk died; see the log of that task"} for _, name in silent]
    total = len(told) + len(silent)
    for result in failed:
        log.error("%s failed: %s", result["unit"], result["reason"])
    log.info("%d of %d units went through", total - len(failed), total)
    if len(failed) > (params["tolerated_share"] or 0) * total:
        names = ", ".join(result["unit"] for result in failed)
        message = f"{len(failed)} of {total} units failed ({names}); the log above says why each."
        raise AirflowFailException(message)
