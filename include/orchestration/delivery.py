"""Telling people what stands in the table `notices`: once by mail, once to a webhook.

Each way is off until its Airflow Connection exists: `brain_smtp` (type SMTP; recipients under `to` in its extra field)
and `brain_webhook` (type HTTP; the whole address as its host). The catalogue says who is told of what, and when nobody
is (`notices.routes`, `notices.quiet_hours`).
"""

from __future__ import annotations

import json
import logging
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from brain.core.catalogue import load_catalogue
from brain.core.errors import CatalogueError, SettingsError
from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.core.telling import EVERYBODY, Route, TellingSettings
from brain.usecases import USE_CASES
from brain.warehouse import notices
from orchestration import problems as words

if TYPE_CHECKING:
    from pydantic import SecretStr

    from brain.warehouse.notices import Channel, Place, Problem

log = logging.getLogger(__name__)

SMTP, WEBHOOK = "brain_smtp", "brain_webhook"
SECONDS = 20  # a webhook may take
PICTURES = 5  # of one mail

CHANNELS: tuple[Channel, Channel] = ("mailed_at", "posted_at")
Send = Callable[[Sequence["Problem"]], None]
Wanted = Callable[["Problem"], bool]


def deliver(settings: Settings, moment: Moment) -> None:
    """Tell by every way that is on what was not told by it yet and may be told at this hour; a message a route.

    Raises:
        Exception: The last one, where a way failed; the others had their turn, and the next try takes that way only.
    """
    telling, now = _telling(settings), datetime.now(UTC)

    def route_of(problem: Problem) -> Route | None:
        place = problem.place
        if telling.wait(problem.kind, now):
            return None
        return telling.route(place.use_case, problem.kind, place.subject)

    failed: Exception | None = None
    for channel in CHANNELS:
        routes = dict.fromkeys(map(route_of, notices.untold(settings.warehouse_url, moment, channel)))
        for route in filter(None, routes):
            try:
                _deliver(settings, moment, channel, route, partial(_is_of, route_of, route))
            except Exception as error:  # one way must not keep another from being tried
                log.error("not told (%s): %s", channel.removesuffix("_at"), error)
                failed = error
    if failed is not None:
        raise failed


def tell_everybody(problems: Sequence[Problem]) -> None:
    """Tell at once by every way that is on, and remember nothing."""
    for channel in CHANNELS:
        if send := _way(channel, EVERYBODY, None):
            send(problems)


def _is_of(route_of: Callable[[Problem], Route | None], route: Route, problem: Problem) -> bool:
    return route_of(problem) == route


def _deliver(
    settings: Settings, moment: Moment, channel: Channel, route: Route, wanted: Callable[[Problem], bool]
) -> None:
    if send := _way(channel, route, settings):
        count = notices.deliver(settings.warehouse_url, moment, channel, send, wanted)
        log.info("%d new problems told (%s)", count, channel.removesuffix("_at"))


def _telling(settings: Settings) -> TellingSettings:
    """What the catalogue says of it; one that is wrong keeps nobody from being told so."""
    try:
        return load_catalogue(settings.catalogue_path, USE_CASES).telling
    except CatalogueError as error:
        log.error("everybody is told, at any hour: %s", error)
        return TellingSettings()


def _way(channel: Channel, route: Route, settings: Settings | None) -> Send | None:
    """How the people of a route are told; None where they are not.

    Args:
        settings: Where pictures are drawn from; without it none is.
    """
    if channel == "mailed_at":
        smtp = _connection(SMTP)
        return None if smtp is None or route.mail == () else partial(_mail, route.mail or _recipients(smtp), settings)
    name = WEBHOOK if route.webhook is None else route.webhook
    if not name:
        return None
    if _connection(name) is not None:
        return partial(_post, name)
    if name == WEBHOOK:
        return None
    raise SettingsError(
        f"the route to {name} in the catalogue",
        found="no Airflow Connection of that name",
        expected="one of type HTTP, the whole address as its host",
        remedy="Make the Connection, or correct `webhook`.",
    )


def _recipients(connection: Any) -> list[str]:
    given = connection.extra_dejson.get("to") or ()
    to = [address.strip() for address in given.split(",")] if isinstance(given, str) else list(given)
    if to:
        return to
    raise SettingsError(
        f"the Airflow Connection {SMTP}",
        found="no recipient",
        expected='an extra field such as {"from_email": "brain@example.com", "to": "team@example.com"}',
        remedy="Add it to the Connection.",
    )


def _mail(to: Sequence[str], settings: Settings | None, problems: Sequence[Problem]) -> None:
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    subject, html = words.subject_of(problems), words.html_of(problems)
    with tempfile.TemporaryDirectory() as folder:
        files = [str(path) for path in _pictures(settings, problems, Path(folder))] if settings else []
        headers = {"Message-ID": _message_id(to, problems)}
        mail = SmtpNotifier(
            to=list(to), subject=subject, html_content=html, files=files, custom_headers=headers, smtp_conn_id=SMTP
        )
        mail.notify({})  # not a call: that would take what stands in a name or reason for a template


def _message_id(to: Sequence[str], problems: Sequence[Problem]) -> str:
    """The same for the same news: a mail sent again after a kill is known as the same one."""
    told = json.dumps([sorted(to), [[*asdict(problem.place).values(), problem.happened] for problem in problems]])
    return f"<{sha256(told.encode()).hexdigest()[:40]}@brain>"


def _pictures(settings: Settings, problems: Sequence[Problem], folder: Path) -> list[Path]:
    """A picture of each of the first subjects that can be drawn; one that cannot keeps nobody from being told."""
    files: list[Path] = []
    for problem in problems:
        draw = _drawing(problem.place.use_case)
        if problem.kind != "found" or draw is None or len(files) == PICTURES:
            continue
        try:
            drawn = draw(settings.warehouse_url, problem.place)
        except Exception as error:
            log.warning("no picture of %s: %s", problem.place.subject, error)
            continue
        if drawn:
            path = folder / f"{re.sub(r'[^A-Za-z0-9]+', '-', problem.place.subject).strip('-')[:80] or 'picture'}.png"
            path.write_bytes(drawn)
            files.append(path)
    return files


def _drawing(use_case: str) -> Callable[[SecretStr, Place], bytes | None] | None:
    tables = USE_CASES[use_case].tables if use_case in USE_CASES else ()
    return next((table.news.picture for table in tables if table.news and table.news.picture), None)


def _post(name: str, problems: Sequence[Problem]) -> None:
    from airflow.providers.http.notifications.http import HttpNotifier

    body = {
        "text": f"{words.subject_of(problems)}\n\n{words.text_of(problems)}",
        "problems": [{**asdict(problem.place), **_told(problem)} for problem in problems],
    }
    HttpNotifier(http_conn_id=name, json=body, extra_options={"timeout": SECONDS}).notify({})


def _told(problem: Problem) -> dict[str, str]:
    texts = ("kind", "happened", "still_right", "to_do", "link")
    return {name: getattr(problem, name) for name in texts}


def _connection(name: str) -> Any | None:
    try:
        return Connection.get(name)
    except AirflowNotFoundException:
        return None


def main() -> None:
    """Tell what is untold at a moment: ``python -m orchestration.delivery 2026-11-20T06:00:00+00:00``."""
    deliver(Settings.load(), Moment(datetime.fromisoformat(sys.argv[1])))


if __name__ == "__main__":
    main()
