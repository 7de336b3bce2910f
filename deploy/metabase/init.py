"""Make Metabase's administrator, so that no visitor can; run again, it finds that there is one and changes nothing."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

SECONDS = 60.0


def main() -> None:
    """Set up the Metabase at METABASE_URL."""
    url, user = os.environ["METABASE_URL"], os.environ["METABASE_ADMIN_EMAIL"]
    found = _asked(f"{url}/api/session/properties")
    if found.get("has-user-setup"):
        sys.stdout.write("Metabase has an administrator.\n")
        return
    person = {"first_name": "Brain", "last_name": "Admin", "email": user}
    person["password"] = Path(os.environ["METABASE_ADMIN_PASSWORD_FILE"]).read_text().strip()
    wishes = {"site_name": "Brain", "allow_tracking": False}
    _asked(f"{url}/api/setup", {"token": found["setup-token"], "user": person, "prefs": wishes})
    sys.stdout.write(f"Metabase's administrator is {user}.\n")


def _asked(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """The answer to a GET, or to a POST of `body`; whatever is no success raises `HTTPError`."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310 - an address of ours
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
        return dict(json.load(answer))


if __name__ == "__main__":
    main()
