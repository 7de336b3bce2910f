"""The answers about timelines, and what people say of their marks."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from orchestration.page import answers
from orchestration.page.answers import chosen, contained, no_page, pages, problem_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from brain.usecases.page import Feedback, Timelines
    from brain.usecases.protocol import UseCase

MOST_SECONDS = 10**11  # since or before 1970: what PostgreSQL can tell


@contained
def members(name: str, part: str) -> object:
    """Those with a timeline whose name has a part."""
    from brain.page import timelines

    return timelines.members(answers.page_settings().warehouse_url, _with_timelines(name)[1], part)


@contained
def timeline(name: str, unit: str, wanted: str, may_start: Callable[[str], bool]) -> object:
    """One timeline: its points, its newest marks, what looks for them, and what people say of the marks."""
    from brain.page import timelines

    use_case, page = _with_timelines(name)
    told = timelines.timeline(answers.page_settings().warehouse_url, page, unit, wanted)
    own = {"use_case": use_case.name, "title": page.title, "words": vars(page.words)}
    return {**own, **told, "feedback": _offered(page, told["marks"], told["feedback_table"], may_start)}


@contained
def points(name: str, unit: str, wanted: str, since: float, until: float) -> object:
    """The points of a timeline between two times."""
    from brain.page import timelines

    span = tuple(min(max(one, -MOST_SECONDS), MOST_SECONDS) if isfinite(one) else 0.0 for one in (since, until))
    return timelines.points(
        answers.page_settings().warehouse_url, _with_timelines(name)[1], unit, wanted, (span[0], span[1])
    )


@contained
def marks(name: str, unit: str, wanted: str, skip: int, may_start: Callable[[str], bool]) -> object:
    """Older marks of a timeline, and what people say of them."""
    from brain.page import timelines

    _, page = _with_timelines(name)
    told = timelines.marks(answers.page_settings().warehouse_url, page, unit, wanted, min(max(skip, 0), MOST_SECONDS))
    return {**told, "feedback": _offered(page, told, told["feedback_table"], may_start)}


@contained
def say(name: str, mark: str, answer: tuple[str, str], who: str) -> object:
    """Write what a person says of a mark."""
    from brain.page import timelines
    from brain.page.feedback import SETTING, problem_with
    from brain.page.feedback import say as write

    _, page = _with_timelines(name)
    feedback, url = feedback_of(page), answers.page_settings().feedback_url
    if problem := problem_with(feedback, *answer):
        return problem_of(422, problem)
    table = timelines.feedback_place(answers.page_settings().warehouse_url, page, mark)
    if table is None or url is None:
        return problem_of(503, f"{SETTING} is not set, or the catalogue names no table of feedback: docs/page.md.")
    return write(url, feedback, table, mark, answer, who)


def dag_of(name: str) -> str:
    """The DAG that reads what people say on a page: who may start it may say something.

    Raises:
        ModelNotFound: There is no such page, or nothing can be said on it.
    """
    return feedback_of(_with_timelines(name)[1]).dag


def feedback_of(page: Timelines) -> Feedback:
    """How people say what they think on a page.

    Raises:
        ModelNotFound: They cannot.
    """
    if page.marks is None or page.marks.feedback is None:
        raise no_page(f"feedback on {page.title!r}", [pair for pair in pages() if pair[1] is not page])
    return page.marks.feedback


def _offered(
    page: Timelines, told: Mapping[str, Any] | None, table: str | None, may_start: Callable[[str], bool]
) -> object:
    """What a person can say of the marks that are told; None where a page has no such thing."""
    from brain.page.feedback import offered

    if told is None or page.marks is None or page.marks.feedback is None:
        return None
    feedback = page.marks.feedback
    marks = [one["mark"] for one in told["marks"]]
    return offered(answers.page_settings().feedback_url, feedback, table, marks, may=may_start(feedback.dag))


def _with_timelines(name: str) -> tuple[UseCase, Timelines]:
    from brain.usecases.page import Timelines

    use_case, page = chosen(name)
    if not isinstance(page, Timelines):
        raise no_page(f"timeline of {page.title!r}", [pair for pair in pages() if isinstance(pair[1], Timelines)])
    return use_case, page
