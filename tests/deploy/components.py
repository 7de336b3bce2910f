"""Airflow as the compose file starts it, as processes of this machine: each with the secrets of its service only."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil

from local import ports, process

if TYPE_CHECKING:
    from collections.abc import Mapping

MOUNTED = "/run/secrets"
SECONDS = 120.0


@dataclass
class Components:
    """Services of one compose document in `folder`.

    Args:
        services: As the compose file says.
        secrets: Contents of the secret files by name.
        replaced: Words of the compose file, such as addresses, and what stands for them here.
    """

    folder: Path
    services: Mapping[str, Mapping[str, Any]]
    secrets: Mapping[str, str]
    replaced: Mapping[str, str]
    pids: dict[str, int] = field(default_factory=dict)

    def placed(self, name: str) -> dict[str, Any]:
        """A service as it runs here: its secrets in a folder of its own."""
        folder = self.folder / name / "secrets"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for secret in self.services[name]["secrets"]:
            (folder / secret).write_text(self.secrets[secret])
        (self.folder / name / "airflow.cfg").touch()  # as in the image: without one, Airflow would write its own
        text = json.dumps(self.services[name])
        for word, here in {MOUNTED: str(folder), **self.replaced}.items():
            text = text.replace(word, here)
        found: dict[str, Any] = json.loads(text)
        return found

    def environ(self, service: Mapping[str, Any], name: str) -> dict[str, str]:
        """What the container's processes would have, and where things are here."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW_", "BRAIN_"))}
        inherited.pop("PYTHONDONTWRITEBYTECODE", None)
        return {
            **inherited,
            **service["environment"],
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "AIRFLOW_HOME": str(self.folder / name),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.folder / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.folder / "plugins"),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.folder / "logs"),
            "OMP_NUM_THREADS": "1",
        }

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run a service that ends by itself."""
        service = self.placed(name)
        environ = self.environ(service, name)
        return subprocess.run(service["command"], env=environ, cwd=self.folder, capture_output=True, text=True)

    def start(self, name: str, **changes: str) -> None:
        """Start a service; `changes` are further variables."""
        service = self.placed(name)
        environ = {**self.environ(service, name), **changes}
        self.pids[name] = process.spawn(service["command"], self.log(name), environ=environ, folder=self.folder)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def stop(self) -> None:
        process.stop_sessions([*self.pids.values()], self.folder, seconds=10)
        self.pids.clear()

    def arguments(self) -> str:
        """The command lines of all processes, their descendants' too."""
        leaders = [psutil.Process(pid) for pid in self.pids.values()]
        everyone = [*leaders, *(child for leader in leaders for child in leader.children(recursive=True))]
        lines = []
        for one in everyone:
            with contextlib.suppress(psutil.Error):  # it ends while we look
                lines.append(" ".join(one.cmdline()))
        return "\n".join(lines)


def merged(document: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Two compose documents as docker compose merges them, as far as ours need it."""
    services = {name: dict(service) for name, service in document["services"].items()}
    for name, changes in other["services"].items():
        service = services[name]
        service["environment"] = {**service["environment"], **changes.get("environment", {})}
        service["secrets"] = [*service["secrets"], *changes.get("secrets", [])]
        service["healthcheck"] = {**service["healthcheck"], **changes.get("healthcheck", {})}
        assert set(changes) <= {"environment", "secrets", "healthcheck"}
    return {**document, "services": services, "secrets": {**document["secrets"], **other.get("secrets", {})}}


def answering(url: str, authority: Path) -> bool:
    """Whether the API server says that its database is well."""
    import ssl

    try:
        with httpx.Client(verify=ssl.create_default_context(cafile=authority)) as client:
            answer = client.get(f"{url}/api/v2/monitor/health")
    except httpx.TransportError:
        return False
    return answer.status_code == 200 and answer.json()["metadatabase"]["status"] == "healthy"


def free(usual: int) -> str:
    return str(ports.choose(usual))
