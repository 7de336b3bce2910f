"""What went wrong in a run, in words for people: what happened, what is still right, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Any

from brain.warehouse.alarms import EVERY
from brain.warehouse.notices import Place, Problem

if TYPE_CHECKING:
    from datetime import datetime

    from brain.core.moment import Moment
    from brain.warehouse.alarms import Feed

_TOLD = 600  # characters of a reason
_NAMED = 12  # subjects of one cause that a message names
_SHOWN = 20  # causes that a message shows

STILL_RIGHT = {
    "extract": "Their last good rows stay in the lake, and what was published of them stays, marked stale."
    " All others were read, and their new numbers are published as every day.",
    "train": "Their champions go on serving, so all numbers are published as every day.",
    "score": "Rows that could not be computed keep their last published value, marked stale; all others are new.",
    "evaluate": "What was published stays, and so do the ledgers; the next run scores what is due.",
    "tidy": "Nothing that is needed was deleted; published numbers are not concerned.",
}
NOTHING_CHANGED = (
    "What was published before is still in the tables, for every unit, and says of which day it is. Nothing is half"
    " written: each step is done as a whole or not at all."
)

LATE = Place("", "publish", "the published tables")


def of_units(
    step: str, dag_id: str, results: Iterable[Mapping[str, Any]], silent: Iterable[tuple[str, str]], link: str
) -> tuple[list[Problem], list[Place]]:
    """The units that failed, and those that went through.

    Args:
        results: As the chunks told them.
        silent: Use case and unit of those whose chunk died before it could tell anything.
    """
    problems, sound = [], []
    for result in results:
        place = Place(result["use_case"], step, result["unit"])
        if result["ok"]:
            sound.append(place)
        else:
            problems.append(_unit(place, dag_id, result["reason"], link, quarantined=result["quarantined"]))
    died = "the process of its task died; the task's log says when"
    problems += [_unit(Place(use_case, step, name), dag_id, died, link) for use_case, name in silent]
    return problems, sound


def of_task(step: str, task_id: str, reason: str, link: str) -> Problem:
    """A task without which its run cannot go on."""
    return Problem(
        Place("", step, task_id),
        "stopped",
        f"The task {task_id} failed: {reason}",
        NOTHING_CHANGED,
        "Do what the reason asks for, then open the run and clear the failed task: everything behind it is done again.",
        link,
    )


def of_alarms(use_case: str, alarms: Mapping[Feed, str], link: str) -> list[Problem]:
    """Models whose live numbers are refuted by what came true."""
    return [
        Problem(
            Place(use_case, "evaluate", f"{'all together' if feed.entity == EVERY else feed.entity}, {feed.target}"),
            "alarm",
            f"Live outcomes refute its numbers: {reason}",
            "Every other number is as good as `evaluation_runs` and `model_scorecard` say.",
            "Nothing: the next run of train_models searches it anew. To have it now, trigger train_models with its unit"
            " and target, and Search anew now.",
            link,
            lasting=False,
        )
        for feed, reason in alarms.items()
    ]


def of_waiting(question: Mapping[str, Any], link: str) -> Problem:
    """A version that waits for a person's approval."""
    return Problem(
        Place(question["use_case"], "approve", f"{question['entity']}, {question['target']}"),
        "waiting",
        f"A new version, v{question['version']}, waits for approval: {question['reason']}.",
        "Its champion goes on serving, so all numbers are published as every day.",
        "Open the run, Required Actions: approve it, or reject it. Unanswered, the champion stays.",
        link,
        lasting=False,
    )


def of_lateness(due: Moment, newest: datetime | None, link: str) -> Problem:
    """Tables that were not published in time."""
    shown = "no publication at all" if newest is None else f"those of {newest.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return Problem(
        LATE,
        "late",
        f"The tables of {due.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC are not published in time; there are {shown}.",
        NOTHING_CHANGED,
        "Look at the newest runs of extract_assets, train_models and publish_probabilities: one is paused, failed,"
        " or still running.",
        link,
    )


def subject_of(problems: Sequence[Problem]) -> str:
    """The subject of a mail: one line."""
    first, *others = _causes(problems)
    told = f"{_names(first)}: {_headline(first)}"
    return _one_line(f"[Brain] {told}{f', and {len(others)} more' if others else ''}")[:150]


def text_of(problems: Sequence[Problem]) -> str:
    """A message as plain text: a paragraph a cause."""
    return "\n\n".join(
        "\n".join(
            [
                f"{_names(cause)}: {_headline(cause)}",
                f"What happened: {cause[0].happened}",
                f"What is still right: {cause[0].still_right}",
                f"What to do: {cause[0].to_do}",
                *([f"Run: {cause[0].link}"] if cause[0].link else []),
            ]
        )
        for cause in _causes(problems)[:_SHOWN]
    ) + _beyond(problems)


def html_of(problems: Sequence[Problem]) -> str:
    """The same as HTML; whatever a name or reason holds is shown, never interpreted."""
    parts = []
    for cause in _causes(problems)[:_SHOWN]:
        first = cause[0]
        run = f'<p><a href="{escape(first.link)}">Open the run</a></p>' if first.link else ""
        parts.append(
            f"<h3>{escape(_names(cause))}: {escape(_headline(cause))}</h3>"
            f"<p><b>What happened.</b> {escape(first.happened)}</p>"
            f"<p><b>What is still right.</b> {escape(first.still_right)}</p>"
            f"<p><b>What to do.</b> {escape(first.to_do)}</p>{run}"
        )
    beyond = _beyond(problems).strip()
    return "".join([*parts, *([f"<p>{escape(beyond)}</p>"] if beyond else [])])


def _unit(place: Place, dag_id: str, reason: str, link: str, *, quarantined: bool = False) -> Problem:
    to_do = (
        "Correct the rows in the source table, or relax the rule in the catalogue; the next run reads them again."
        if quarantined
        else "Do what the reason asks for; the next run tries it again."
    )
    form = " with the unit" if place.step in STILL_RIGHT and place.step != "score" else ""
    return Problem(
        place,
        "quarantined" if quarantined else "failed",
        reason if len(reason) <= _TOLD else f"{reason[:_TOLD]}… The log of the run has all of it.",
        STILL_RIGHT.get(place.step, NOTHING_CHANGED),
        f"{to_do} To try at once, trigger {dag_id}{form}.",
        link,
    )


def _causes(problems: Sequence[Problem]) -> list[list[Problem]]:
    """Problems that differ in nothing but their subject stand together: a server that is down is one cause."""

    def cause(problem: Problem) -> tuple[str, ...]:
        return problem.place.use_case, problem.place.step, problem.kind, problem.happened

    return [list(group) for _, group in groupby(sorted(problems, key=cause), key=cause)]


def _beyond(problems: Sequence[Problem]) -> str:
    """What a message does not show, where that is something."""
    more = len(_causes(problems)) - _SHOWN
    return f"\n\nAnd {more} more: the newest rows of the table notices have them all." if more > 0 else ""


def _headline(cause: Sequence[Problem]) -> str:
    """One word for what became of it."""
    return "new" if cause[0].kind == "found" else cause[0].kind


def _names(cause: Sequence[Problem]) -> str:
    names = [problem.place.subject for problem in cause]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return _one_line(", ".join(names[:_NAMED]) + more)


def _one_line(text: str) -> str:
    return " ".join(text.split())
