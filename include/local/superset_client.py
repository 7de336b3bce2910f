"""Superset by its REST API: log in, import what is shown in it, bring its datasets up to date, ask what a chart asks.

Its own reference: ``/swagger/v1`` of a running Superset, and https://superset.apache.org/developer-docs/api.
"""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from typing import Any

from brain.core.errors import CredentialsRejected, EmbeddedServerError

SECONDS = 120.0


@dataclass
class SupersetClient:
    """A session of a person with a running Superset.

    Args:
        url: Where it is, without a slash at the end.
    """

    url: str
    _opener: urllib.request.OpenerDirector = field(
        default_factory=lambda: urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    )
    _headers: dict[str, str] = field(default_factory=dict, repr=False)

    def login(self, user: str, password: str) -> None:
        """Open the session.

        Raises:
            CredentialsRejected: The password is another one.
        """
        try:
            given = {"username": user, "password": password, "provider": "db", "refresh": False}
            token = self.ask("/api/v1/security/login", given)["access_token"]
        except EmbeddedServerError as error:
            if "HTTP 401" not in str(error):
                raise
            raise CredentialsRejected(
                "Superset",
                found=f"the password of `{user}` is not the one that was drawn for it",
                expected="the one in the state file: it sets up what the dashboard needs",
                remedy=f"Give `{user}` that password again, or delete superset/superset.db in `.brain` to begin anew.",
            ) from None
        self._headers["Authorization"] = f"Bearer {token}"
        self._headers["X-CSRFToken"] = self.ask("/api/v1/security/csrf_token/")["result"]
        self._headers["Referer"] = self.url

    def ask(self, path: str, body: Any = None, method: str | None = None) -> Any:
        """The answer to a GET, or to a POST of `body`.

        Raises:
            EmbeddedServerError: Superset refuses; the message says why.
        """
        if body is None:
            return self._send(path, None, {}, method)
        return self._send(path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method)

    def import_bundle(self, bundle: bytes) -> None:
        """Make what a ZIP file in Superset's own format of assets describes, or write it anew."""
        boundary = secrets.token_hex(16)
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="bundle"; filename="brain.zip"\r\n'
        data = f"{head}Content-Type: application/zip\r\n\r\n".encode() + bundle + f"\r\n--{boundary}--\r\n".encode()
        self._send("/api/v1/assets/import/", data, {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    def listed(self, what: str) -> dict[str, int]:
        """Ids of all `dataset`, `chart` or `dashboard`, by their uuid."""
        found = self.ask(f"/api/v1/{what}/?q=(page_size:1000)")["result"]
        return {str(one["uuid"]): int(one["id"]) for one in found}

    def _send(self, path: str, data: bytes | None, kind: dict[str, str], method: str | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - an address of ours
            self.url + path, data, {**self._headers, **kind, "Accept": "application/json"}, method=method
        )
        try:
            with self._opener.open(request, timeout=SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            told = error.read().decode(errors="replace")
            raise EmbeddedServerError(
                "Superset",
                found=f"HTTP {error.code} to {request.get_method()} {path.partition('?')[0]}: {told[:500]}",
                expected="an answer",
                remedy="Read its log: `make status` says where.",
            ) from None
