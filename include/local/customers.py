"""What `make demo NAME=customers` does: a real shop, every step once, and five questions with their answers."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from brain.core.settings import Settings
from local import servers
from local.showing import show_skipped

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console


def run_customers(console: Console, home: Path) -> None:
    """Load the shop, run every use case of the demo's catalogue, and answer what a marketer asks.

    Raises:
        BrainError: A server, the data or a step failed; the message says what to do.
    """
    from brain.core.moment import Moment
    from brain.demo.customer_questions import CUSTOMER_QUESTIONS
    from brain.demo.shop import load_shop
    from brain.display import show_answer
    from brain.pipeline import run_all
    from brain.warehouse.read import ask
    from brain.workspace import open_workspace

    start, running = time.monotonic(), servers.up(home)
    connections = running.connections()
    loaded = load_shop(connections["BRAIN_DEMO_URL"])
    told = ", ".join(f"{rows:,} rows in {name}" for name, rows in loaded.rows.items())
    console.print(f"Loaded      {told} (from {loaded.source}; {loaded.left:,} lines to come)", highlight=False)
    workspace = open_workspace(Settings.load({**os.environ, "BRAIN_HOME": str(home)}, connections))
    moment = Moment(datetime.now(UTC))
    for result in run_all(workspace, moment):
        console.print(f"{'ok' if result.ok else 'FAILED':<12}{result.unit}: {result.reason}", highlight=False)
    show_skipped(console, workspace.runs(moment))
    assert workspace.settings.reader_url is not None
    for question, query in CUSTOMER_QUESTIONS:
        console.print(f"\n{query}", highlight=False)
        show_answer(console, ask(workspace.settings.reader_url, query), question)
    console.print(f"\nTook        {time.monotonic() - start:.0f} s. Ask more: brain sql 'SELECT …'", highlight=False)
