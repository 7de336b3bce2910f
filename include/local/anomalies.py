"""What `make demo NAME=anomalies` does: real bars with a bad day by a broker, every step, five questions, the mail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from brain.core.settings import Settings
from local import servers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rich.console import Console

    from brain.core.moment import Moment
    from brain.workspace import Workspace

MAILED = "mailed"


def run_anomalies(console: Console, home: Path) -> None:
    """Send the bars, read them from the broker, run every use case of the demo's catalogue, show what was strange
    and the mail that tells it.

    Raises:
        BrainError: A server, the data or a step failed; the message says what to do.
    """
    from brain.demo.anomaly_questions import ANOMALY_QUESTIONS
    from brain.demo.market_bars import FEEDBACK, make_feedback
    from brain.display import show_answer
    from brain.pipeline import run_all
    from brain.warehouse.read import ask
    from brain.workspace import open_workspace

    start, running = time.monotonic(), servers.up(home)
    connections = running.connections()
    make_feedback(connections["BRAIN_DEMO_URL"])
    workspace = open_workspace(Settings.load({**os.environ, "BRAIN_HOME": str(home)}, connections))
    moment = _arrive(console, workspace)
    for result in run_all(workspace, moment):
        console.print(f"{'ok' if result.ok else 'FAILED':<12}{result.unit}: {result.reason}", highlight=False)
    assert workspace.settings.reader_url is not None
    for question, query in ANOMALY_QUESTIONS:
        console.print(f"\n{query}", highlight=False)
        show_answer(console, ask(workspace.settings.reader_url, query), question)
    _mail(console, home, connections, moment)
    told = f"Took        {time.monotonic() - start:.0f} s. Confirm or dismiss: a row in {FEEDBACK}."
    console.print(told, highlight=False)


def _arrive(console: Console, workspace: Workspace) -> Moment:
    """The bars through the broker into the table `bars`; the moment after the newest one."""
    from brain.core.bar_settings import BarSettings
    from brain.core.moment import Moment
    from brain.demo.bars import send_bars
    from brain.demo.market_bars import spoiled
    from brain.ingestion import read_bars

    frame, bars = spoiled(), workspace.catalogue.bars or BarSettings()
    moment = Moment((frame["at"].max() + timedelta(hours=1)).to_pydatetime())
    sent = send_bars(workspace.settings, bars, frame)
    console.print(f"Sent        {sent:,} bars up to {frame['at'].max():%Y-%m-%d %H:%M} UTC", highlight=False)
    read = read_bars(workspace.settings, bars, moment, datetime.now(UTC))
    console.print(f"Read        {read.line()}", highlight=False)
    return moment


def _mail(console: Console, home: Path, connections: Mapping[str, str], moment: Moment) -> None:
    """Deliver what is to be told into an inbox of this machine, and show what arrived; the pictures become files."""
    from local.inbox import pictures_of, running_inbox, text_of

    with running_inbox() as inbox:
        given = {
            **connections,
            "BRAIN_HOME": str(home),
            "AIRFLOW_HOME": str(home / "airflow"),
            "AIRFLOW_CONN_BRAIN_SMTP": json.dumps(inbox.connection),
        }
        command = [sys.executable, "-m", "orchestration.delivery", moment.at.isoformat()]
        subprocess.run(command, env={**os.environ, **given}, check=True)  # noqa: S603 - a module of ours
    if not inbox.mails:
        console.print("\nMail        none: everything was told before", highlight=False)
    for to, mail in inbox.mails:
        console.print(f"\nMail        {mail['Subject']}\nTo          {', '.join(to)}\n", highlight=False, markup=False)
        console.print(text_of(mail), highlight=False, markup=False)
        for name, picture in pictures_of(mail).items():
            (home / MAILED).mkdir(exist_ok=True)
            (home / MAILED / name).write_bytes(picture)
            console.print(f"Picture     {home / MAILED / name}", highlight=False, markup=False, soft_wrap=True)
