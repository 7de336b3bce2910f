"""What the Makefile calls: ``python -m local run|day|demo|superset|superset-down|down|status|clean``."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from rich.text import Text

from brain.core.errors import BrainError
from brain.core.settings import find_home
from brain.display import PlainConsole, show_status
from local import one_machine

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console


def _demo(name: str, console: Console, home: Path) -> None:
    if name == "anomalies":
        from local.anomalies import run_anomalies

        run_anomalies(console, home)
        return
    from local.customers import run_customers

    run_customers(console, home)


def main() -> None:
    """Do what is asked; an expected error is one sentence and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m local")
    actions = ("run", "day", "demo", "superset", "superset-down", "down", "status", "clean")
    parser.add_argument("action", choices=actions)
    parser.add_argument("name", nargs="?", default="customers", choices=("customers", "anomalies"))
    given = parser.parse_args()
    action = given.action
    home, console = find_home(os.environ), PlainConsole()
    try:
        if action == "run":
            from local.walkthrough import run_everything

            run_everything(console, home)
        elif action == "day":
            from local.day import run_day

            run_day(console, home)
        elif action == "demo":
            _demo(given.name, console, home)
        elif action == "superset":
            from local.dashboards import run_superset

            run_superset(console, home)
        elif action == "superset-down":
            from local.dashboards import stop_superset

            console.print("Stopped Superset." if stop_superset(home) else "Superset was not running.")
        elif action == "down":
            stopped = one_machine.down(home)
            console.print(f"Stopped {', '.join(stopped)}." if stopped else "Nothing was running.")
        elif action == "clean":
            one_machine.clean(home)
        else:
            show_status(console, one_machine.status(home))
    except KeyboardInterrupt:
        console.print(
            "Interrupted. What was started keeps running: `make run` takes it up again, `make down` stops it."
        )
        sys.exit(130)
    except BrainError as error:
        told = Text.assemble((type(error).__name__, "bold red"), f" {error}")
        PlainConsole(stderr=True).print(told, highlight=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
