"""What `make demo NAME=anomalies` does: real bars with one bad day, every step once, and five questions."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from brain.core.settings import Settings
from local import servers

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console


def run_anomalies(console: Console, home: Path) -> None:
    """Load the bars, run every use case of the demo's catalogue, and show what was strange.

    Raises:
        BrainError: A server, the data or a step failed; the message says what to do.
    """
    from brain.core.moment import Moment
    from brain.demo.anomaly_questions import ANOMALY_QUESTIONS
    from brain.demo.market_bars import FEEDBACK, load_bars
    from brain.display import show_answer
    from brain.pipeline import run_all
    from brain.warehouse.read import ask
    from brain.workspace import open_workspace

    start, running = time.monotonic(), servers.up(home)
    connections = running.connections()
    loaded = load_bars(connections["BRAIN_DEMO_URL"])
    console.print(f"Loaded      {loaded.rows:,} bars up to {loaded.last:%Y-%m-%d %H:%M} UTC", highlight=False)
    workspace = open_workspace(Settings.load({**os.environ, "BRAIN_HOME": str(home)}, connections))
    moment = Moment((loaded.last + timedelta(hours=1)).to_pydatetime())
    for result in run_all(workspace, moment):
        console.print(f"{'ok' if result.ok else 'FAILED':<12}{result.unit}: {result.reason}", highlight=False)
    assert workspace.settings.reader_url is not None
    for question, query in ANOMALY_QUESTIONS:
        console.print(f"\n{query}", highlight=False)
        show_answer(console, ask(workspace.settings.reader_url, query), question)
    told = f"\nTook        {time.monotonic() - start:.0f} s. Confirm or dismiss: a row in {FEEDBACK}."
    console.print(told, highlight=False)
