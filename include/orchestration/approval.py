"""Asking a person about versions that wait: the question, the answer, and what follows from it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from brain.core.errors import BrainError, ModelNotFound, Transient

if TYPE_CHECKING:
    from brain.core.moment import Moment
    from brain.store.approval import Question
    from brain.workspace import Workspace

log = logging.getLogger(__name__)

APPROVE, REJECT, LATER = "Approve", "Reject", "Later"
OPTIONS = [APPROVE, REJECT, LATER]
ANSWERED_WITHIN = timedelta(hours=20)
RUN_ENDS_WITHIN = timedelta(hours=22)  # before tomorrow's asks
QUESTION_PARAMS = {
    "models": Param(
        None,
        "One a line, in the words of the first column; none means all that are listed.",
        schema={"type": ["array", "null"], "items": {"type": "string"}, "title": "Only these"},
    )
}
_SHOWN = 200  # versions that the question lists

Asked = Mapping[str, Any]  # a question as it travels between tasks


def find_questions() -> dict[str, Any]:
    """What waits, and how a person is asked.

    Raises:
        AirflowSkipException: Nothing waits.
    """
    from brain.store.approval import questions
    from orchestration.tasks import current_moment

    found = [one for run in _workspace().runs(current_moment()) for one in questions(run.store)]
    if not found:
        raise AirflowSkipException("No version waits for approval.")
    several = len(found) > 1
    return {
        "subject": f"{len(found)} new version{'s wait' if several else ' waits'} for approval",
        "body": body_of(found),
        "questions": travelling(found),
    }


def travelling(found: Sequence[Question]) -> list[dict[str, Any]]:
    """Questions as they travel between tasks."""
    return [
        {
            "use_case": one.key.use_case,
            "entity": one.key.entity,
            "target": one.key.target,
            "version": one.version,
            "seen": asdict(one.seen),
            "trained_at": one.trained_at.isoformat(),
            "reason": one.reason,
        }
        for one in found
    ]


def body_of(found: Sequence[Question]) -> str:
    """The question in Markdown: a table, and what each answer does."""
    head = ("model", "served", "its skill", "new", "its skill", "why you are asked")
    lines = [_row(head), _row("---" for _ in head)]
    for one in found[:_SHOWN]:
        old, new = ("" if skill is None else f"{skill:+.2%}" for skill in (one.old, one.new))
        name = f"{one.key.entity} {one.key.target}"
        lines.append(_row((name, f"v{one.champion}", old, f"v{one.version}", new, one.reason)))
    if len(found) > _SHOWN:
        lines += ["", f"And {len(found) - _SHOWN} more: `brain models waiting` lists them all."]
    return "\n".join(
        [
            *lines,
            "",
            "**Approve**: the new versions are served and judged, and the tables are published again."
            " **Reject**: the champions stay, and nobody is asked about these versions again."
            " **Later**: nothing changes; the next training asks again.",
        ]
    )


def tell_questions(asked: Sequence[Asked]) -> None:
    """Tell people of each version that waits, once."""
    from airflow.sdk import get_current_context

    from brain.core.moment import Moment
    from brain.warehouse import notices as table
    from orchestration.connections import settings_of_task
    from orchestration.delivery import deliver
    from orchestration.notices import link_to
    from orchestration.problems import of_waiting
    from orchestration.tasks import current_moment

    run, settings = get_current_context()["dag_run"], settings_of_task()
    link = link_to(run.dag_id, run.run_id)
    for one in asked:  # of the moment at which it was trained: that makes it one event, however often it is asked
        table.note(settings.warehouse_url, Moment(datetime.fromisoformat(one["trained_at"])), [of_waiting(one, link)])
    deliver(settings, current_moment())


def carry_out(asked: Sequence[Asked], said: Mapping[str, Any]) -> dict[str, Any]:
    """Do what a person said of the versions that were listed; what cannot be done stops nothing else.

    What is not as the question showed it is left alone: a newer version that waits, another under the same number, one
    that somebody has rejected since.

    Args:
        said: What the operator hands on: the option, who chose it and when, and the form.

    Returns:
        By what became of them, the names of the versions; and the moment of the answer.

    Raises:
        Transient: A server cannot be reached; what was done stays done, and the rest is tried again.
    """
    (option,), at = said["chosen_options"], _time(said["responded_at"])
    done: dict[str, Any] = {"at": at.isoformat(), "approved": [], "rejected": [], "late": {}, "failed": {}}
    if option == LATER:
        log.info("later: the champions stay")
        return done
    by = (said.get("responded_by_user") or {}).get("name") or "nobody"
    chosen, refused = _meant(asked, (said.get("params_input") or {}).get("models") or ())
    done["failed"] |= refused
    for one in chosen:
        name = _named(one)
        try:
            done["approved" if option == APPROVE else "rejected"] += _answer(one, option, at, by)
        except Transient:
            raise
        except ModelNotFound as error:
            log.warning("%s: %s", name, error)
            done["late"][name] = str(error)
        except BrainError as error:
            log.error("%s: %s", name, error)
            done["failed"][name] = str(error)
    return done


def judge_approved(answered: Mapping[str, Any]) -> tuple[Moment, dict[str, Any]]:
    """Judge all champions anew, as of the moment of the answer.

    Raises:
        AirflowSkipException: Nothing was approved, so nothing has changed.
    """
    from brain import steps
    from brain.core.moment import entered

    if not answered["approved"]:
        raise AirflowSkipException("Nothing was approved: the champions stay.")
    moment = entered(_time(answered["at"]), datetime.now(UTC), "the moment of the answer")
    return moment, steps.each(_workspace().runs(moment), lambda run: dict(steps.judge(run)))


def report_answers(answered: Mapping[str, Any]) -> None:
    """Say what became of each version.

    Raises:
        AirflowFailException: One could not be served, or a name was none of those listed.
    """
    for word in ("approved", "rejected"):
        if answered[word]:
            log.info("%s: %s", word, ", ".join(answered[word]))
    for name, reason in answered["late"].items():
        log.info("too late for %s, so it is left alone: %s", name, reason)
    for name, reason in answered["failed"].items():
        log.error("%s: %s", name, reason)
    if answered["failed"]:
        names = ", ".join(answered["failed"])
        raise AirflowFailException(f"Not done: {names}; the lines above say why. Their champions stay.")


def _answer(one: Asked, option: str, at: datetime, by: str) -> list[str]:
    from brain.core.keys import ModelKey
    from brain.store.approval import Seen, approve, reject
    from brain.store.models import ModelStore
    from brain.warehouse.counters import KeptCounters
    from orchestration.connections import settings_of_task

    settings = settings_of_task()
    settings.models_signer.require_signing()
    counters = KeptCounters(settings.warehouse_url)
    store = ModelStore.open(settings, one["use_case"], counters)
    key = ModelKey(one["use_case"], one["entity"], one["target"])
    seen = Seen(**one["seen"])
    if option == APPROVE:
        approve(store, key, one["version"], at=at, by=by, seen=seen)
        counters.keep()
    else:
        reject(store, key, one["version"], at=at, seen=seen)
    return [_named(one)]


def _meant(asked: Sequence[Asked], names: Sequence[str]) -> tuple[list[Asked], dict[str, str]]:
    """The versions that the names mean, all where there is none; and each name that means none or several, with why."""
    known: dict[str, list[Asked]] = {}
    for one in asked:
        known.setdefault(_spaced(f"{one['entity']} {one['target']}"), []).append(one)
    chosen, refused = list[Any](), dict[str, str]()
    for name in dict.fromkeys(_spaced(name) for name in names if name.strip()):
        match known.get(name, []):
            case []:
                refused[name] = "none of the versions that were listed, so nothing was done for it"
            case [one]:
                chosen.append(one)
            case several:
                meant = " and ".join(
                    f"{one['use_case']}/{one['entity']}/{one['target']} v{one['version']}" for one in several
                )
                refused[name] = (
                    f"{meant} are listed under this name, so nothing was done for any of them;"
                    " `brain models approve` and `reject` tell them apart"
                )
    return (chosen, refused) if chosen or refused else (list(asked), {})


def _spaced(name: str) -> str:
    """As a page shows it: spaces in a row are one."""
    return " ".join(name.split())


def _named(one: Asked) -> str:
    return f"{one['entity']} {one['target']} v{one['version']}"


def _row(cells: Any) -> str:
    """A line of a table in Markdown; whatever a name or reason holds is shown, never taken for markup."""
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _escaped(text: str) -> str:
    if text == "---":
        return text
    marks = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]<>#|!~&"})
    return " ".join(text.split()).translate(marks)


def _time(given: Any) -> datetime:
    return given if isinstance(given, datetime) else datetime.fromisoformat(given)


def _workspace() -> Workspace:
    from brain.workspace import open_workspace
    from orchestration.connections import settings_of_task

    return open_workspace(settings_of_task())
