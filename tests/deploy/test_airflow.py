"""Airflow over TLS, started as the compose file says: each component holds the secrets of its service and no other."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from benchmarks.machines.valkey import valkey
from local import ports, process
from local.postgres import Postgres
from tests.deploy.certificates import Authority
from tests.deploy.components import SECONDS, Components, answering, can_seal, free, merged
from tests.deploy.prepared import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DAG = """
from airflow.sdk import Variable, dag, task

@dag(schedule=None)
def greet():
    @task
    def look() -> str:
        return Variable.get("greeting")

    look()

greet()
"""
RUNNING = tuple(f"airflow-{name}" for name in ("api-server", "scheduler", "dag-processor", "triggerer", "worker"))


@dataclass(frozen=True)
class Deployed:
    """A running Airflow, and whom to believe."""

    components: Components
    url: str
    ours: Authority
    others: Authority
    certificate: Path

    @property
    def folder(self) -> Path:
        return self.components.folder

    def client(self, **headers: str) -> httpx.Client:
        context = ssl.create_default_context(cafile=self.ours.path)
        return httpx.Client(base_url=self.url, verify=context, headers=headers, timeout=30)

    def login(self) -> httpx.Client:
        """As the administrator whom `airflow-init` made."""
        person = {"username": "admin", "password": self.components.secrets["airflow_admin_password"]}
        with self.client() as client:
            answer = client.post("/auth/token", json=person)
        assert answer.status_code == 201, answer.text
        return self.client(Authorization=f"Bearer {answer.json()['access_token']}")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="brain-deploy-airflow-") as name:
        path = Path(name)
        path.chmod(0o711)  # PostgreSQL runs under another account when the tests run as root
        yield path


@pytest.fixture(scope="module")
def database(folder: Path, made: Path, secrets: Mapping[str, str]) -> Iterator[int]:
    cluster = Postgres(folder / ".brain", secrets["postgres_password"], durable=False)
    port = cluster.start(ports.choose(45733))
    try:
        prepare(cluster, port, made / "secrets")
        yield port
    finally:
        cluster.stop()
        cluster.remove()


@pytest.fixture(scope="module")
def broker(folder: Path) -> Iterator[str]:
    with valkey(folder / "valkey") as url:
        yield url


@pytest.fixture(scope="module")
def deployed(
    folder: Path, database: int, broker: str, interpolate: Callable[..., Any], secrets: Mapping[str, str]
) -> Iterator[Deployed]:
    """Started over TLS."""
    ours, others = Authority.make(folder / "ours.pem"), Authority.make(folder / "others.pem")
    certificate, key = ours.issue(folder / "server", "localhost")
    port = free(48080)
    address = f"@{ports.LOOPBACK}:{database}/"
    here = {name: value.replace("@postgres:5432/", address) for name, value in secrets.items()}
    here["celery_broker_url"] = broker
    here["airflow_tls_certificate"], here["airflow_tls_key"] = certificate.read_text(), key.read_text()
    here["airflow_tls_authority"] = ours.path.read_text()
    given = {"SECRETS_FOLDER": "./secrets", "AIRFLOW_BASE_URL": f"https://localhost:{port}"}
    document = merged(interpolate(given), interpolate(given, ROOT / "deploy" / "airflow-tls.yaml"))
    replaced = {
        "airflow-api-server:8080": f"localhost:{port}",
        '"8080"': f'"{port}"',
        "127.0.0.1:8080": f"localhost:{port}",
    }
    components = Components(folder, document["services"], here, replaced, sealed=can_seal())
    (folder / "dags").mkdir()
    (folder / "dags" / "greet.py").write_text(DAG)
    done = components.run("airflow-init")
    assert done.returncode == 0, done.stdout + done.stderr
    here_only = {
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__HOST": ports.LOOPBACK,
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": free(48793),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": free(48894),
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": free(48974),
    }
    try:
        for name in RUNNING:
            components.start(name, **here_only)
        url = f"https://localhost:{port}"
        process.wait_for(
            lambda: answering(url, ours.path),
            lambda: process.is_running(components.pids["airflow-api-server"], folder),
            name="the API server",
            log=components.log("airflow-api-server"),
            seconds=SECONDS,
        )
        yield Deployed(components, url, ours, others, certificate)
    finally:
        components.stop()


def test_a_task_runs_over_a_verified_connection(deployed: Deployed, secrets: Mapping[str, str]) -> None:
    """From the trigger by the API to the result: the worker reaches the execution API by its authority."""
    with deployed.login() as client:
        said = {"key": "greeting", "value": "hello over TLS"}
        assert client.post("/api/v2/variables", json=said).status_code == 201
        _wait(lambda: client.get("/api/v2/dags/greet").status_code == 200, deployed, "the DAG to be read")
        assert client.patch("/api/v2/dags/greet", json={"is_paused": False}).status_code == 200
        started = client.post("/api/v2/dags/greet/dagRuns", json={"logical_date": None, "dag_run_id": "by-hand"})
        assert started.status_code == 200, started.text
        run = "/api/v2/dags/greet/dagRuns/by-hand"
        _wait(lambda: client.get(run).json()["state"] in {"success", "failed"}, deployed, "the run to end")
        assert client.get(run).json()["state"] == "success", deployed.components.log("airflow-worker").read_text()
        returned = client.get(f"{run}/taskInstances/look/xcomEntries/return_value")
        assert json.loads(returned.text)["value"] == "hello over TLS"


def _wait(ready: Callable[[], bool], deployed: Deployed, what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not ready():
        ended = [name for name, pid in deployed.components.pids.items() if not process.is_running(pid, deployed.folder)]
        if ended or time.monotonic() > deadline:
            told = {name: deployed.components.log(name).read_text()[-3000:] for name in RUNNING}
            pytest.fail(
                f"waited for {what}; ended: {ended}\n" + "\n".join(f"{name}\n{log}" for name, log in told.items())
            )
        time.sleep(0.5)


def test_no_secret_is_an_argument_or_in_a_log(deployed: Deployed) -> None:
    arguments = deployed.components.arguments()
    assert "airflow" in arguments
    logs = [path.read_text(errors="replace") for path in deployed.folder.rglob("*.log")]
    hidden = {name: value for name, value in deployed.components.secrets.items() if not name.startswith("airflow_tls")}
    shown = arguments + "".join(logs)
    assert not [name for name, value in hidden.items() if value in shown]


def test_a_client_without_the_authority_is_not_served(deployed: Deployed) -> None:
    for verify in (True, ssl.create_default_context(cafile=deployed.others.path)):
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            httpx.get(f"{deployed.url}/api/v2/monitor/health", verify=verify)


def test_plain_text_is_not_served(deployed: Deployed) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{deployed.url}/api/v2/monitor/health".replace("https", "http"))


def test_no_component_misses_a_secret(deployed: Deployed) -> None:
    """None has asked for a file that the compose file does not give it; all of them say that they are well."""
    with deployed.login() as client:
        health = client.get("/api/v2/monitor/health").json()
        parts = ("metadatabase", "scheduler", "dag_processor", "triggerer")
        _wait(
            lambda: {client.get("/api/v2/monitor/health").json()[part]["status"] for part in parts} == {"healthy"},
            deployed,
            str(health),
        )
    logs = [path.read_text(errors="replace") for path in deployed.folder.rglob("*.log")]
    assert not [line for log in logs for line in log.splitlines() if "Cannot execute awk" in line]


def test_its_health_check_succeeds(deployed: Deployed) -> None:
    service = deployed.components.placed("airflow-api-server")
    _, program, *arguments = service["healthcheck"]["test"]
    assert program == "python"
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


PARTIAL_CHAINS = sys.version_info >= (3, 13)  # OpenSSL is told to believe what is no authority
ASKING = """
import sys
from airflow.sdk.api.client import Client
print(Client(base_url=sys.argv[1], token="").get("health").json())
"""


@pytest.mark.parametrize(
    ("variable", "believed", "told"),
    [
        ("AIRFLOW__API__SSL_CA_FILE", "ours", "healthy"),
        ("AIRFLOW__API__SSL_CA_FILE", "others", "CERTIFICATE_VERIFY_FAILED"),
        ("AIRFLOW__API__SSL_CA_FILE", None, "CERTIFICATE_VERIFY_FAILED"),
        ("AIRFLOW__API__SSL_CERT", "certificate", "healthy" if PARTIAL_CHAINS else "CERTIFICATE_VERIFY_FAILED"),
    ],
)
def test_whom_a_worker_believes(deployed: Deployed, variable: str, believed: str | None, told: str) -> None:
    """The authority; the server's certificate by itself only from Python 3.13 on, unless that has signed itself."""
    files = {"ours": deployed.ours.path, "others": deployed.others.path, "certificate": deployed.certificate}
    service = deployed.components.placed("airflow-worker")
    environ = deployed.components.environ(service, "asking")
    environ |= {"AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "1", "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60"}
    del environ["AIRFLOW__API__SSL_CA_FILE"]
    environ |= {variable: str(files[believed])} if believed else {}
    address = service["environment"]["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]
    assert address.startswith("https://")
    done = subprocess.run([sys.executable, "-c", ASKING, address], capture_output=True, text=True, env=environ)
    assert told in done.stdout + done.stderr
    assert (done.returncode == 0) == (told == "healthy")


def test_the_key_is_seen_by_the_server_only(deployed: Deployed) -> None:
    services = deployed.components.services
    assert [name for name, one in services.items() if "airflow_tls_key" in one.get("secrets", ())] == [RUNNING[0]]
    assert deployed.certificate.with_name("server.key").stat().st_mode & 0o777 == 0o600
