"""The answers of the page's API: found by `brain.page`, sent as JSON; what cannot be had says why."""

from __future__ import annotations

import json
import logging
from datetime import date
from functools import lru_cache, wraps
from importlib import import_module
from math import isfinite
from time import monotonic
from typing import TYPE_CHECKING, Any, ParamSpec

from fastapi import Response

from brain.core.errors import BrainError, ModelNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType

    from brain.lake.lake import Lake
    from brain.page.settings import PageSettings
    from brain.usecases.page import Grid, Groups, Lists, Page
    from brain.usecases.protocol import UseCase

log = logging.getLogger(__name__)
P = ParamSpec("P")
JSON = "application/json"
PARTS = (
    "card",
    "data_docs",
    "feedback",
    "groups",
    "health",
    "lists",
    "members",
    "models",
    "overview",
    "settings",
    "timelines",
)
KEPT_SECONDS = 30.0  # for which settings are not looked up again


def contained(make: Callable[P, object]) -> Callable[P, Response]:
    """What `make` gives as JSON; where it cannot, the status and a sentence for people, never a traceback."""

    @wraps(make)
    def answered(*args: P.args, **kwargs: P.kwargs) -> Response:
        try:
            made = make(*args, **kwargs)
            return made if isinstance(made, Response) else _json(made)
        except ModelNotFound as error:
            return problem_of(404, str(error))
        except BrainError as error:
            log.warning("%s: %s", make.__name__, error)
            return problem_of(503, str(error))
        except Exception:
            log.exception("an error of the page itself")
            return problem_of(500, "The page itself has failed; the log of Airflow's API server says where. Report it.")

    return answered


@contained
def overview(name: str) -> object:
    """All that is published of a use case: a grid's cells, lists, groups, or who has a timeline."""
    from brain.page.overview import overview as cells
    from brain.usecases.page import Grid

    use_case, page = chosen(name)
    filled = _filled()
    shown = [(one, of) for one, of in pages() if of is page or of.table.name in filled]
    own = {
        "use_case": use_case.name,
        "use_cases": [{"name": one.name, "title": of.title} for one, of in shown],
        "title": page.title,
        "words": vars(page.words),
    }
    if not isinstance(page, Grid):
        return {**own, **_kind(page).overview(page_settings().warehouse_url, page)}
    packed = cells(page_settings().warehouse_url, page)
    return Response(f"{_text(own)[:-1]},{packed.lstrip()[1:]}", media_type=JSON)  # two objects as one


@contained
def names(name: str, beginning: str) -> object:
    """Members whose name begins so."""
    from brain.page.members import names as found

    _, page = _with_members(name)
    return {"names": found(page_settings().warehouse_url, page, beginning)}


@contained
def member(name: str, wanted: str) -> object:
    """What is published of one member, and which other pages know one of that name."""
    from brain.page.members import knows
    from brain.usecases.page import Groups, Lists

    use_case, page = _with_members(name)
    url = page_settings().warehouse_url
    told = _kind(page).member(url, page, wanted)
    elsewhere = [
        {"name": one.name, "title": of.title}
        for one, of in pages()
        if isinstance(of, Lists | Groups)
        and of is not page
        and of.words.member == page.words.member
        and knows(url, of, wanted)
    ]
    return {"use_case": use_case.name, "title": page.title, "words": vars(page.words), "elsewhere": elsewhere, **told}


@contained
def card(name: str, unit: str, target: str) -> object:
    """What the warehouse says of a cell."""
    from brain.page.card import card as found

    use_case, page = _with_cells(name)
    return found(page_settings().warehouse_url, use_case.name, page, unit, target)


@contained
def model(name: str, unit: str, target: str) -> object:
    """What the model store says of a cell."""
    from brain.page import models

    use_case, page = _with_cells(name)
    kind = int if page.table.column(page.target).type in ("integer", "bigint") else str
    try:
        key = use_case.model_key({page.unit: unit, page.target: kind(target)})
    except ValueError:
        raise ModelNotFound(
            f"{page.words.target} {target!r}",
            found="nothing that a model could be about",
            expected="one of the overview",
            remedy="Go back to the overview: it lists them all.",
        ) from None
    return models.model(models.opened(page_settings(), use_case.name), key)


@contained
def series(name: str, unit: str, since: str) -> object:
    """What the values of a unit are about, over time."""
    _, page = _with_cells(name)
    try:
        first = date.fromisoformat(since)
    except ValueError:
        first = date.min
    days, values = page.series.read(_lake(), unit, first)
    return {"name": page.series.name, "days": days, "values": values}


@contained
def health(name: str) -> object:
    """The last runs of each step."""
    from brain.page import health as found
    from brain.page.data_docs import address_of

    use_case, page = chosen(name)
    told = found.health(page_settings().warehouse_url, use_case.name, page)
    for one in told["refused"]:
        one["findings"] = found.failed_expectations(_lake(), use_case.name, one)
        address = address_of(use_case.name, one["unit"], one["interval_end"])
        one["page"] = address if one["findings"] else None
    told["warned"] = found.warned_of(_lake(), use_case.name, page, told["published"])
    return {"title": page.title, **told}


@contained
def training(name: str) -> object:
    """What training last decided."""
    from brain.page import models

    use_case, _ = chosen(name)
    return models.training(models.opened(page_settings(), use_case.name))


def data_docs(name: str, headers: Mapping[str, str]) -> Response:
    """A page of the Data Docs, by its path below their folder."""
    from brain.page.data_docs import read_page

    try:
        content = read_page(_lake(), name or "index.html")
    except BrainError as error:
        return problem_of(503, str(error))
    if content is None:
        return unknown(f"page {name!r}", "a page of the Data Docs, which extraction writes")
    return Response(content, media_type="text/html; charset=utf-8", headers=dict(headers))


def prepare() -> None:
    """Import what the answers need, which takes seconds once."""
    try:
        for name in ("brain.usecases", "brain.lake.lake", *(f"brain.page.{one}" for one in PARTS)):
            import_module(name)
    except Exception:
        log.exception("the Brain page cannot be prepared; each answer will say so")


def unknown(found: str, expected: str) -> Response:
    """The answer where there is nothing."""
    return problem_of(404, f"There is no {found}; expected {expected}.")


def pages() -> list[tuple[UseCase, Page]]:
    """The use cases that have a page."""
    from brain.usecases import USE_CASES

    return [(one, one.page) for one in USE_CASES.values() if one.page is not None]


def _filled() -> frozenset[str]:
    """The tables of pages that have a row."""
    from brain.page.reading import filled

    return filled(page_settings().warehouse_url, [page.table.layout for _, page in pages()])


def chosen(name: str) -> tuple[UseCase, Page]:
    """The page of that use case; without a name the first of which something is published."""
    known = pages()
    if not name:
        return _first(known)
    found = next(((one, page) for one, page in known if name == one.name), None)
    if found is None:
        raise no_page(f"use case {name!r}", known)
    return found


def _kind(page: Page) -> ModuleType:
    """What reads a page that is no grid."""
    from brain.page import groups, lists, timelines
    from brain.usecases.page import Lists, Timelines

    if isinstance(page, Timelines):
        return timelines
    return lists if isinstance(page, Lists) else groups


def _first(known: Sequence[tuple[UseCase, Page]]) -> tuple[UseCase, Page]:
    try:
        tables = _filled()
    except BrainError:  # who needs the warehouse says so
        return known[0]
    return next(((one, page) for one, page in known if page.table.name in tables), known[0])


def _with_cells(name: str) -> tuple[UseCase, Grid]:
    from brain.usecases.page import Grid

    use_case, page = chosen(name)
    if not isinstance(page, Grid):
        raise no_page(f"cell of {page.title!r}", [pair for pair in pages() if isinstance(pair[1], Grid)])
    return use_case, page


def _with_members(name: str) -> tuple[UseCase, Lists | Groups]:
    from brain.usecases.page import Groups, Lists

    use_case, page = chosen(name)
    if not isinstance(page, Lists | Groups):
        raise no_page(f"member of {page.title!r}", [pair for pair in pages() if isinstance(pair[1], Lists | Groups)])
    return use_case, page


def no_page(what: str, known: Sequence[tuple[UseCase, Page]]) -> ModelNotFound:
    """What is said where a page has no such thing; `known` are those that have."""
    return ModelNotFound(
        what,
        found="no such page",
        expected=f"one of {', '.join(one.name for one, _ in known)}",
        remedy="Go back to the overview.",
    )


def page_settings() -> PageSettings:
    """Where the page reads, looked up anew now and then."""
    return _settings_at(int(monotonic() // KEPT_SECONDS))


@lru_cache(maxsize=1)
def _settings_at(time: int) -> PageSettings:  # noqa: ARG001 - the key of the cache
    from brain.page.settings import PageSettings
    from orchestration.connections import given_connections

    found = given_connections()
    if "BRAIN_WAREHOUSE_URL" in found:  # a reader that is set otherwise may be one of another warehouse
        found["BRAIN_READER_URL"] = found["BRAIN_WAREHOUSE_URL"]
    return PageSettings.load(overrides=found)


def _lake() -> Lake:
    from brain.lake.lake import Lake

    settings = page_settings()
    return Lake(settings.lake_url, settings.verifier if settings.given_keys else None)


def _json(value: object) -> Response:
    try:
        text = _text(value)
    except ValueError:
        text = _text(_finite(value))
    return Response(text.encode(errors="replace"), media_type=JSON)


def _text(value: object) -> str:
    return json.dumps(value, default=_plain, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    """The same without NaN and infinities, which JSON does not know."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def problem_of(status: int, problem: str) -> Response:
    """A sentence for people, and the status that goes with it."""
    return Response(json.dumps({"problem": problem}), status, media_type=JSON)


def _plain(value: Any) -> Any:
    """Of what the databases give: days and times in ISO form, whole numbers of PostgreSQL's as such."""
    if isinstance(value, date):
        return value.isoformat()
    from decimal import Decimal

    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)
