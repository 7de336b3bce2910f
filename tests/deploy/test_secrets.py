"""Secrets are files, each service sees its own, and none shows in an environment, an argument or `docker inspect`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from brain.core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
WORKING = ("airflow-worker", "brain")  # what runs steps: it holds the keys and the passwords of the pipeline
AIRFLOW = (
    *("airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "airflow-worker"),
)
PIPELINES = {
    *("brain_source_url", "brain_warehouse_url", "brain_reader_url", "brain_mongo_url", "brain_kafka_url"),
    *("brain_signing_keys", "brain_encryption_keys"),
}
AIRFLOWS = {
    *("airflow_db_url", "airflow_fernet_key", "airflow_jwt_secret", "airflow_secret_key"),
    *("celery_broker_url", "celery_result_url"),
}
QUEUE = {"celery_broker_url", "celery_result_url"}
SECRETS_OF = {
    "postgres": {
        *("postgres_password", "market_owner_password", "brain_source_password", "brain_writer_password"),
        *("brain_feedback_password", "bi_reader_password", "airflow_db_password", "metabase_db_password"),
    },
    "mongo": {"mongo_root_password", "mongo_member_key"},
    "mongo-init": {"mongo_root_password", "mongo_brain_password"},
    "redis": {"redis_password"},
    "kafka": {"kafka_brain_password", "kafka_producer_password"},
    "metabase": {"metabase_db_password", "metabase_encryption_key"},
    "metabase-init": {"metabase_admin_password", "brain_reader_url"},
    "warehouse-init": PIPELINES,
    "airflow-init": {"airflow_db_url", "airflow_fernet_key", "airflow_secret_key", "airflow_admin_password"},
    "airflow-api-server": (AIRFLOWS - QUEUE) | {"brain_reader_url", "brain_feedback_url"},
    "airflow-scheduler": AIRFLOWS - {"airflow_secret_key"},
    "airflow-dag-processor": {"airflow_db_url", "airflow_fernet_key"},
    "airflow-triggerer": {"airflow_db_url", "airflow_fernet_key", "airflow_secret_key", "brain_kafka_url"},
    "airflow-worker": {"airflow_db_url", "airflow_secret_key"} | QUEUE | PIPELINES,
    "brain": PIPELINES | {"brain_demo_url"},
}


def test_each_service_holds_the_secrets_it_needs_and_no_other(services: dict[str, dict[str, Any]]) -> None:
    assert {name: set(service.get("secrets", ())) for name, service in services.items()} == SECRETS_OF


def test_secrets_are_the_files_that_make_env_writes(document: dict[str, Any], secrets: dict[str, str]) -> None:
    assert document["secrets"] == {name: {"file": f"./secrets/{name}"} for name in secrets}
    assert set().union(*SECRETS_OF.values()) == set(secrets)


def words_of(service: dict[str, Any]) -> str:
    """Everything that Docker shows of a service to who may ask for it, and what its processes begin with."""
    return json.dumps({key: value for key, value in service.items() if key != "secrets"})


def test_a_service_reads_every_secret_that_it_holds_and_no_other(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        mounts = [mount for mount in service.get("volumes", []) if isinstance(mount, str)]
        scripts = [mount.split(":")[0] for mount in mounts if mount.startswith("./deploy/")]
        text = words_of(service) + "".join((ROOT / script).read_text() for script in scripts)
        read = set(re.findall(r"/run/secrets}?/([a-z_]+)", text))
        held = set(service.get("secrets", ()))
        never_asked_for = (
            AIRFLOWS - held if name in (*AIRFLOW, "airflow-init") else set()
        )  # tests/deploy/test_airflow.py
        assert read - never_asked_for == held, name


def test_no_secret_is_shown_by_docker(services: dict[str, dict[str, Any]], secrets: dict[str, str]) -> None:
    """No value stands in the environment or in an argument, and no variable could bring one there."""
    secret = re.compile(r"PASS|SECRET|FERNET|KEYS?$|_URL$")
    plain = {"AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "AIRFLOW__API__BASE_URL", "BRAIN_LAKE_URL", "METABASE_URL"}
    for name, service in services.items():
        assert not [key for key, value in secrets.items() if value in words_of(service)], name
        variables = service.get("environment", {})
        files = {key for key in variables if key.endswith(("_FILE", "_CMD")) and "/run/secrets/" in variables[key]}
        assert {key for key in variables if secret.search(key)} - files <= plain, name


RECORDER = """#!{python}
import json, os, sys
found = [open(path).read() for path in sys.argv[1:] if os.path.exists(path)]
print(json.dumps({{"arguments": sys.argv, "files": found, "environment": dict(os.environ)}}))
"""


@pytest.fixture
def begun(placed: Callable[[str], dict[str, Any]], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the shell of a service as far as the program that it begins, which says what it was given."""

    def run(name: str, program: str, *, without: str = "") -> subprocess.CompletedProcess[str]:
        service, recorder = placed(name), tmp_path / Path(program).name
        recorder.write_text(RECORDER.format(python=sys.executable))
        recorder.chmod(0o755)
        if without:
            (tmp_path / f"secrets-of-{name}" / without).unlink()
        *command, script = service.get("entrypoint") or service["command"]
        script = script.replace("/tmp/redis.conf", f"{tmp_path}/redis.conf").replace(program, str(recorder))
        return subprocess.run([*command, script], capture_output=True, text=True, env={"PATH": os.environ["PATH"]})

    return run


SHELLS = {"redis": ("redis-server", ["redis_password"]), "metabase": ("/app/run_metabase.sh", SECRETS_OF["metabase"])}


@pytest.mark.parametrize("name", SHELLS)
def test_a_shell_hands_secrets_on_unseen(
    begun: Callable[..., subprocess.CompletedProcess[str]], secrets: dict[str, str], name: str
) -> None:
    program, read = SHELLS[name]
    done = begun(name, program)
    found = json.loads(done.stdout)
    assert not [secret for secret in secrets.values() if secret in json.dumps(found["arguments"])]
    if name == "redis":
        assert found["files"] == [f"requirepass {secrets['redis_password']}\nappendonly yes\n"]
    else:
        variables = {"metabase_db_password": "MB_DB_PASS", "metabase_encryption_key": "MB_ENCRYPTION_SECRET_KEY"}
        assert {key: found["environment"][variables[key]] for key in read} == {key: secrets[key] for key in read}


@pytest.mark.parametrize("name", SHELLS)
def test_a_shell_without_its_secret_ends(
    begun: Callable[..., subprocess.CompletedProcess[str]], name: str, tmp_path: Path
) -> None:
    program, read = SHELLS[name]
    missing = sorted(read)[0]
    done = begun(name, program, without=missing)
    assert done.returncode != 0
    assert missing in done.stderr
    assert done.stdout == ""


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["", "\n"])
def test_airflow_reads_its_secrets_from_files(
    placed: Callable[[str], dict[str, Any]], secrets: dict[str, str], tmp_path: Path, ending: str
) -> None:
    """By the server's configuration and by that of a task; an editor's last newline is no part of the value."""
    environment = placed("airflow-scheduler")["environment"]
    options = [name.lower().removesuffix("_cmd").split("__")[1:] for name in environment if name.endswith("_CMD")]
    assert len(options) == len(AIRFLOWS)
    for secret in AIRFLOWS:
        (tmp_path / "secrets-of-airflow-scheduler" / secret).write_text(secrets[secret] + ending)
    program = f"""
import json
from airflow.configuration import conf
from airflow.sdk.configuration import conf as of_tasks
print(json.dumps([[c.get(section, option) for section, option in {options!r}] for c in (conf, of_tasks)]))
"""
    given = {**os.environ, **environment, "AIRFLOW_HOME": str(tmp_path / "airflow")}
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, env=given)
    read, of_tasks = json.loads(done.stdout.splitlines()[-1])
    assert read == of_tasks
    assert dict(zip(map("/".join, options), read, strict=True)) == {
        "api_auth/jwt_secret": secrets["airflow_jwt_secret"],
        "api/secret_key": secrets["airflow_secret_key"],
        "celery/broker_url": secrets["celery_broker_url"],
        "celery/result_backend": secrets["celery_result_url"],
        "core/fernet_key": secrets["airflow_fernet_key"],
        "database/sql_alchemy_conn": secrets["airflow_db_url"],
    }


def test_no_secret_enters_the_repository_or_the_image() -> None:
    assert {".env", "/secrets/"} <= set((ROOT / ".gitignore").read_text().split())
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert ignored[0] == "*"
    assert not [line for line in ignored if line.startswith(("!.env", "!secrets"))]


@pytest.mark.parametrize("name", WORKING)
def test_brain_reads_its_variables_and_its_files(
    placed: Callable[[str], dict[str, Any]], secrets: dict[str, str], name: str, tmp_path: Path
) -> None:
    environment = placed(name)["environment"]
    given = {key.removesuffix("_FILE") for key in environment if key.startswith("BRAIN_")}
    fields = Settings.model_fields.values()
    read = {field.alias for field in fields if field.alias}
    required = {field.alias for field in fields if field.alias and field.is_required()}
    tools = {"BRAIN_PUBLISHED_WITHIN_HOURS", *(["BRAIN_DEMO_URL"] if name == "brain" else [])}
    assert given - tools <= read
    assert required <= given
    settings = Settings.load({**environment, "BRAIN_HOME": str(tmp_path)})
    assert settings.mongo_url.get_secret_value() == secrets["brain_mongo_url"]
    assert [key.get_secret_value() for key in settings.signing_keys] == [secrets["brain_signing_keys"]]


def test_the_deployed_urls_name_the_driver_that_we_use(secrets: dict[str, str]) -> None:
    urls = {name: value for name, value in secrets.items() if "postgresql" in value}
    assert len(urls) == 7
    assert all(value.removeprefix("db+").startswith("postgresql+psycopg2://") for value in urls.values())


def test_without_its_secrets_it_does_not_start(interpolate: Callable[..., Any]) -> None:
    """Nor does it with a file missing: Docker makes no folder of what a secret names."""
    with pytest.raises(LookupError, match=re.escape("SECRETS_FOLDER is not set: run python deploy/make_env.py first")):
        interpolate({})
