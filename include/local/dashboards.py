"""What `make superset` does: from nothing to a dashboard on the published tables, in a Superset of its own."""

from __future__ import annotations

import hashlib
import io
import os
import time
import zipfile
from typing import TYPE_CHECKING

import yaml
from rich.text import Text
from sqlalchemy.engine import URL, make_url

from brain.core.settings import HOME_VARIABLE, Settings
from brain.warehouse.read import reader_url
from local import servers
from local.one_machine import superset_of
from local.state import load_state, locked, save_state
from local.superset import USER
from local.superset_client import SupersetClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.console import Console

    from local.state import State
    from local.superset import Superset

DATABASE = "databases/brain.yaml"
DASHBOARD = "/superset/dashboard/brain/"
FIRST = "Superset: one to three minutes the first time, and 1 GB of disk; 0.5 GB of memory while it runs."


def run_superset(console: Console, home: Path) -> None:
    """Install Superset where it is missing, start it, and bring what it shows up to date; it stays up.

    Raises:
        BrainError: Something did not start, or Superset refuses; the message names the log to read.
    """
    from brain.cli_tables import make_tables

    start = time.monotonic()
    servers.up(home)
    make_tables()  # empty before the first run, and commented: a dataset needs its table
    reader = reader_url(Settings.load({**os.environ, HOME_VARIABLE: str(home)})).get_secret_value()
    superset = superset_of(home)
    with locked(home):
        state = load_state(home)
        try:
            if not superset.is_installed(state):
                console.print(FIRST, highlight=False, soft_wrap=True)
            for done in set_up(superset, state, reader):
                console.print(
                    Text.assemble(("✓", "green"), f" {done} ", (f"after {time.monotonic() - start:.0f} s", "dim"))
                )
        finally:
            save_state(home, state)
    login = f"login {USER} / {superset.password(state)}"
    console.print(f"Superset    {superset.url(state)}{DASHBOARD}  ({login})", soft_wrap=True)
    console.print("Stop        make superset-down   or, with everything else,   make down", soft_wrap=True)


def set_up(superset: Superset, state: State, reader: str) -> Iterator[str]:
    """Install, prepare, start and fill Superset; what is there already is left as it is.

    Args:
        superset: Which one.
        state: Its port, process and secrets; gains what is made.
        reader: URL of the warehouse for the read-only role.

    Yields:
        What has been done, for people.

    Raises:
        EmbeddedServerError: It does not start, or it refuses.
        CredentialsRejected: Its administrator has another password now.
    """
    superset.install(state)
    yield "Installed"
    superset.prepare(state, reader)
    superset.start(state)
    yield "Superset"
    client = SupersetClient(superset.url(state))
    client.login(USER, superset.password(state))
    yield provide(client, superset, state, reader)


def provide(client: SupersetClient, superset: Superset, state: State, reader: str) -> str:
    """Import what is shown where this release's is not there yet, and read anew which columns the tables have.

    Args:
        reader: URL of the warehouse for the read-only role.

    Returns:
        What was done, for people.
    """
    folder = superset.sources / "assets"
    bundle = bundled(folder, reader)
    digest = hashlib.sha256(bundle).hexdigest()[:16]
    is_new = state.versions.get("superset_assets") != digest
    if is_new:
        client.import_bundle(bundle)
        state.versions["superset_assets"] = digest
    ids = client.listed("dataset")
    datasets = [yaml.safe_load(path.read_text())["uuid"] for path in (folder / "datasets").rglob("*.yaml")]
    for uuid in datasets:
        client.ask(f"/api/v1/dataset/{ids[uuid]}/refresh", {}, "PUT")
    return f"{'Dashboard made' if is_new else 'Dashboard is there'}, {len(datasets)} datasets up to date"


def bundled(folder: Path, reader: str) -> bytes:
    """The folder as the ZIP file that Superset imports, with the address of the warehouse, without the password."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*.yaml")):
            name, text = str(path.relative_to(folder)), path.read_text(encoding="utf-8")
            if name == DATABASE:
                text = yaml.safe_dump({**yaml.safe_load(text), "sqlalchemy_uri": _address(reader)}, sort_keys=False)
            archive.writestr(zipfile.ZipInfo(f"brain/{name}"), text)  # without the time: the same bytes again
    return buffer.getvalue()


def stop_superset(home: Path) -> bool:
    """Stop Superset only; what it knows stays.

    Returns:
        Whether it was running.
    """
    if not home.exists():
        return False
    with locked(home):
        state = load_state(home)
        was_running = superset_of(home).stop(state)
        save_state(home, state)
    return was_running


def _address(reader: str) -> str:
    url = make_url(reader)
    return URL.create(
        url.drivername, url.username, None, url.host, url.port, url.database, url.query
    ).render_as_string()
