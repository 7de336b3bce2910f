"""Everything on one machine as the command line sees it: what runs, where, and how to stop it."""

from __future__ import annotations

from pathlib import Path

from local import ports, servers
from local.airflow import COMPONENTS, Airflow
from local.servers import ServerStatus
from local.state import load_state, locked, save_state
from local.superset import NAME, Superset

PROJECT = Path(__file__).parents[2]  # the checkout this package is installed from, which holds dags and plugins


def airflow_of(home: Path) -> Airflow:
    """The Airflow of this checkout with its data below `home`."""
    return Airflow(home, PROJECT)


def superset_of(home: Path) -> Superset:
    """The Superset of this checkout with its data below `home`."""
    return Superset(home, PROJECT / "deploy" / "superset")


def down(home: Path) -> list[str]:
    """Stop Superset and Airflow, then the servers they stand on; data stays.

    Returns:
        Names of what was running.
    """
    if not home.exists():
        return []
    with locked(home):
        state = load_state(home)
        stopped = {NAME: superset_of(home).stop(state), "Airflow": airflow_of(home).stop(state)}
        save_state(home, state)
    return [*(name for name, was_running in stopped.items() if was_running), *servers.down(home)]


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
    superset = superset_of(home)
    if superset.folder.exists():
        address = f"{ports.LOOPBACK}:{state.ports.get('superset', '-')}"
        lines.append(ServerStatus(NAME, superset.running(state), address, superset.log()))
    return servers.status(home) + lines


def clean(home: Path) -> None:
    """Stop everything and delete `home`: databases, models, lake, logs and passwords."""
    down(home)
    servers.remove(home)
