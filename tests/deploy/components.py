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
# A root that is read-only but for the folders named first, up to "--"; the command follows.
SEALED = """
mount --make-rprivate /
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
mount -o remount,bind,ro /
shift
while [ "$1" != -- ]; do mount --bind "$1" "$1"; mount -o remount,bind,rw "$1"; shift; done
shift
exec "$@"
"""
SECONDS = 180.0


@dataclass
class Components:
    """Services of one compose document in `folder`.

    Args:
        services: As the compose file says.
        secrets: Contents of the secret files by name.
        replaced: Words of the compose file, such as addresses, and what stands for them here.
        sealed: Whether a service whose root is read-only gets one here, too, with the same folders left to write.
    """

    folder: Path
    services: Mapping[str, Mapping[str, Any]]
    secrets: Mapping[str, str]
    replaced: Mapping[str, str]
    sealed: bool = False
    pids: dict[str, int] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """AIRFLOW_HOME of all: each has its own in its image, and shares the volume of the logs."""
        return self.folder / "airflow"

    def placed(self, name: str) -> dict[str, Any]:
        """A service as it runs here: its secrets in a folder of its own."""
        folder = self.folder / name / "secrets"
        shutil.rmtree(folder, ignore_errors=True)
        for made in (folder, self.folder / name / "tmp", self.home / "logs"):
            made.mkdir(parents=True, exist_ok=True)
        for secret in self.services[name]["secrets"]:
            (folder / secret).write_text(self.secrets[secret])
        (self.home / "airflow.cfg").touch()  # as in the image: without one, Airflow would write its own
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
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.folder / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.folder / "plugins"),
            "TMPDIR": str(self.folder / name / "tmp"),
            "OMP_NUM_THREADS": "1",
        }

    def command(self, service: Mapping[str, Any], name: str) -> list[str]:
        """What a service runs; its root is read-only where the compose file says so."""
        if not (self.sealed and service.get("read_only")):
            return [*service["command"]]
        left = [self.folder / name / "tmp", self.home / "logs"]
        return [
            "unshare",
            "--mount",
            "sh",
            "-ec",
            SEALED,
            "sealed",
            str(self.folder),
            *map(str, left),
            "--",
            *service["command"],
        ]

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run a service that ends by itself."""
        service = self.placed(name)
        environ = self.environ(service, name)
        return subprocess.run(self.command(service, name), env=environ, cwd=self.folder, capture_output=True, text=True)

    def start(self, name: str, **changes: str) -> None:
        """Start a service; `changes` are further variables."""
        service = self.placed(name)
        environ = {**self.environ(service, name), **changes}
        self.pids[name] = process.spawn(
            self.command(service, name), self.log(name), environ=environ, folder=self.folder
        )

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


def can_seal() -> bool:
    """Whether this account may give a process a root of its own."""
    try:
        return subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def free(usual: int) -> str:
    return str(ports.choose(usual))
