"""The `brain` command as this machine has it: `brain.cli`, and the servers of `local`."""

from __future__ import annotations

import os
from pathlib import Path

from brain.cli import app, main
from brain.cli_examples import with_examples
from brain.cli_tables import make_tables
from brain.core.errors import BrainError
from brain.display import PlainConsole, show_status

__all__ = ["app", "main"]

console = PlainConsole()


@app.command()
def up() -> None:
    """Start the embedded PostgreSQL and MongoDB, and make the published tables: empty until the first run."""
    from local import servers

    servers.up(_home())
    status()
    try:
        make_tables()
    except BrainError as error:
        console.print(f"The first run makes the published tables. Not yet: {error}", highlight=False, soft_wrap=True)


@app.command()
def down() -> None:
    """Stop Airflow and the embedded servers; data stays."""
    from local import one_machine

    stopped = one_machine.down(_home())
    console.print(f"Stopped {', '.join(stopped)}." if stopped else "Nothing was running.")


@app.command()
def status() -> None:
    """Show what runs on this machine, where, and where it logs."""
    from local import one_machine

    show_status(console, one_machine.status(_home()))


with_examples(app)


def _home() -> Path:
    from brain.core.settings import find_home

    return find_home(os.environ)


if __name__ == "__main__":
    main()
