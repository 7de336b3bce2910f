"""Everything on one machine as the command line sees it: what runs, where, and how to stop it."""

from __future__ import annotations

from pathlib import Path

from local import ports, servers
from local.airflow import COMPONENTS, Airflow
from local.servers import ServerStatus
from local.state import load_state, locked, save_state

PROJECT = Path(__file__).parents[2]  # the checkout this package is installed from, which holds dags and plugins


def airflow_of(home: Path) -> Airflow:
    """The Airflow of this checkout with its data below `home`."""
    return Airflow(home, PROJECT)


def down(home: Path) -> list[str]:
    """Stop Airflow, then the servers it stands on; data stays.

    Returns:
        Names of what was running.
    """
    if not home.exists():
        return []
    with locked(home):
        state = load_state(home)
        was_running = airflow_of(home).stop(state)
        save_state(home, state)
    return [*(["Airflow"] if was_running else []), *servers.down(home)]


def status(home: Path) -> list[ServerStatus]:
    """What runs, where, and where it logs."""
    state = load_state(home)
    airflow = airflow_of(home)
    running = airflow.running(state)
    address = f"{ports.LOOPBACK}:{state.ports.get('airflow', '-')}"
    lines = [
        ServerStatus(f"Airflow {name}", name in running, address if name == "api-server" else "", airflow.log(name))
        for name in COMPONENTS
    ]
    return servers.status(home) + lines


def clean(home: Path) -> None:
    """Stop everything and delete `home`: databases, models, lake, logs and passwords."""
    down(home)
    servers.remove(home)
