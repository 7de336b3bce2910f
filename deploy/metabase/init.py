"""Set up Metabase by its API: administrator, the warehouse as `bi_reader`, the SQL cookbook as questions, a dashboard.

The administrator first, so that no visitor can become it. Run again, it makes what is missing and changes nothing.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from local.cookbook import Question, questions

SECONDS = 60.0
NAME = "Brain"
ON_THE_DASHBOARD = 6  # questions of the page, from the first
WIDE, ACROSS, HIGH = 12, 24, 6  # in cells of Metabase's grid


@dataclass(frozen=True)
class Metabase:
    """A Metabase, and the session that it was asked in; empty before one is open."""

    url: str
    session: str = ""

    def ask(self, path: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:
        """The answer to a GET, or to a POST of `body`; whatever is no success raises `HTTPError`."""
        headers = {"Content-Type": "application/json", **({"X-Metabase-Session": self.session} if self.session else {})}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310 - an address of ours
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
            return json.load(answer)


def main() -> None:
    """Set up the Metabase at METABASE_URL."""
    metabase, email = Metabase(os.environ["METABASE_URL"]), os.environ["METABASE_ADMIN_EMAIL"]
    password = _secret("METABASE_ADMIN_PASSWORD_FILE")
    found = metabase.ask("/api/session/properties")
    if found.get("has-user-setup"):
        _say("Metabase has an administrator.")
    else:
        person = {"first_name": NAME, "last_name": "Admin", "email": email, "password": password}
        wishes = {"site_name": NAME, "allow_tracking": False}
        metabase.ask("/api/setup", {"token": found["setup-token"], "user": person, "prefs": wishes})
        _say(f"Metabase's administrator is {email}.")
    if "COOKBOOK" not in os.environ:
        return
    opened = _opened(metabase, email, password)
    if opened is not None:
        provide(opened, questions(Path(os.environ["COOKBOOK"]).read_text(encoding="utf-8")), _warehouse())


def _opened(metabase: Metabase, email: str, password: str) -> Metabase | None:
    """A session of the administrator; None where somebody has changed the password, whose Metabase it then is."""
    try:
        opened = metabase.ask("/api/session", {"username": email, "password": password})
    except urllib.error.HTTPError as error:
        if error.code != 401:
            raise
        _say("The administrator has another password now: nothing else was looked at.")
        return None
    return Metabase(metabase.url, opened["id"])


def provide(metabase: Metabase, asked: list[Question], connection: dict[str, Any]) -> None:
    """Make what is missing: the connection, a collection, a question each, and the dashboard."""
    base = _id(metabase.ask("/api/database")["data"])
    if base is None:
        made = {"engine": "postgres", "name": NAME, "details": connection, "is_full_sync": True}
        base = metabase.ask("/api/database", made)["id"]
        _say("Connected to the warehouse as bi_reader.")
    collection = _id(metabase.ask("/api/collection"))
    if collection is None:
        collection = metabase.ask("/api/collection", {"name": NAME, "description": "What Brain publishes."})["id"]
    items = metabase.ask(f"/api/collection/{collection}/items?models=card&models=dashboard&limit=1000")["data"]
    cards = {item["name"]: item["id"] for item in items if item["model"] == "card"}
    for one in asked:
        if one.title not in cards:
            cards[one.title] = metabase.ask("/api/card", _card(one, base, collection))["id"]
            _say(f"Question: {one.title}")
    if not any(item["model"] == "dashboard" for item in items):
        board = metabase.ask("/api/dashboard", {"name": NAME, "collection_id": collection})["id"]
        shown = [cards[one.title] for one in asked[:ON_THE_DASHBOARD]]
        metabase.ask(f"/api/dashboard/{board}", {"dashcards": list(map(_placed, range(len(shown)), shown))}, "PUT")
        _say("The dashboard is there.")


def _card(question: Question, base: int, collection: int) -> dict[str, Any]:
    return {
        "name": question.title,
        "description": question.note or None,
        "collection_id": collection,
        "display": "table",
        "visualization_settings": {},
        "dataset_query": {
            "type": "native",
            "database": base,
            "native": {"query": question.sql, "template-tags": {}},
        },
    }


def _placed(number: int, card: int) -> dict[str, Any]:
    """A card on the dashboard's grid; negative ids are those of cards that are new to it."""
    place = {"col": number * WIDE % ACROSS, "row": number * WIDE // ACROSS * HIGH, "size_x": WIDE, "size_y": HIGH}
    return {"id": -number - 1, "card_id": card, **place, "parameter_mappings": [], "visualization_settings": {}}


def _id(found: list[dict[str, Any]]) -> Any:
    return next((one["id"] for one in found if one.get("name") == NAME), None)


def _warehouse() -> dict[str, Any]:
    """The connection, from the reader's URL."""
    url = urlsplit(_secret("BRAIN_READER_URL_FILE"))
    return {
        "host": url.hostname,
        "port": url.port or 5432,
        "dbname": url.path.removeprefix("/"),
        "user": unquote(url.username or ""),
        "password": unquote(url.password or ""),
        "ssl": "sslmode=require" in url.query or "sslmode=verify" in url.query,
    }


def _secret(variable: str) -> str:
    return Path(os.environ[variable]).read_text(encoding="utf-8").strip()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
