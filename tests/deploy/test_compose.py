from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
ONE_SHOT = {"airflow-init", "mongo-init", "metabase-init", "warehouse-init", "brain"}
WORKING = ("airflow-worker", "brain")  # what runs steps
AIRFLOW = {
    "airflow-api-server": "api-server",
    "airflow-scheduler": "scheduler",
    "airflow-dag-processor": "dag-processor",
    "airflow-triggerer": "triggerer",
    "airflow-worker": "celery worker",
}
IMAGES = {
    "postgres": "postgres:18",
    "mongo": "mongo:8.0",
    "redis": "redis:8",
    "kafka": "apache/kafka:4.1.0",
    "metabase": "metabase/metabase:v0.58.x",
    **dict.fromkeys([*AIRFLOW, *ONE_SHOT], "brain:latest"),
}

Services = dict[str, dict[str, Any]]


@pytest.mark.slow
def test_the_files_are_valid_compose() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    files = [str(ROOT / "docker-compose.yaml"), str(ROOT / "deploy" / "airflow-tls.yaml")]
    done = subprocess.run([*command, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_schema_check_can_fail(tmp_path: Path) -> None:
    broken = tmp_path / "docker-compose.yaml"
    broken.write_text("services: {web: {image: nginx, restarts: always}}")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    assert subprocess.run([*command, str(broken)], capture_output=True).returncode == 1


def test_every_service_has_its_image(services: Services) -> None:
    assert {name: service["image"] for name, service in services.items()} == IMAGES


def test_every_airflow_component_runs(services: Services) -> None:
    commands = {name: " ".join(services[name]["command"]) for name in AIRFLOW}
    preloaded = {"airflow-worker"}  # from which its tasks are forked
    starts = {name: "python -m local.preloaded" if name in preloaded else "airflow" for name in AIRFLOW}
    assert all(commands[name].startswith(f"{starts[name]} {command}") for name, command in AIRFLOW.items())


def source_of(mount: str | dict[str, Any]) -> str:
    return mount.split(":")[0] if isinstance(mount, str) else str(mount["source"])


def test_a_catalogue_that_is_not_there_stops_the_start(services: Services) -> None:
    """Docker makes a missing file of the short form an empty folder, and every task would fail on it."""
    for name in (*AIRFLOW, "brain"):
        environment = services[name if name in WORKING else "brain"]["environment"]
        (mount,) = [mount for mount in services[name]["volumes"] if "catalogue" in str(mount)]
        assert mount["target"] == environment["BRAIN_CATALOGUE"]
        assert mount["read_only"]
        assert mount["bind"] == {"create_host_path": False}


def test_references_point_at_something(document: dict[str, Any]) -> None:
    for name, service in document["services"].items():
        assert set(service.get("depends_on", {})) <= set(document["services"]), name
        assert set(service["networks"]) <= set(document["networks"]), name
        assert set(service.get("secrets", ())) <= set(document["secrets"]), name
        for mount in service.get("volumes", []):
            source = source_of(mount)
            if source.startswith("."):
                assert (ROOT / source).is_file(), f"{name} mounts {source}"
            else:
                assert source in document["volumes"], f"{name} mounts {source}"


def test_every_named_volume_is_used(document: dict[str, Any]) -> None:
    used = {source_of(mount) for s in document["services"].values() for mount in s.get("volumes", [])}
    assert set(document["volumes"]) <= used


def test_a_dependency_has_what_it_is_waited_for(services: Services) -> None:
    for name, service in services.items():
        for needed, terms in service.get("depends_on", {}).items():
            if terms["condition"] == "service_healthy":
                assert "healthcheck" in services[needed], f"{name} waits for the health of {needed}"
            else:
                assert needed in ONE_SHOT, f"{name} waits for the end of {needed}"


def test_what_keeps_running_has_a_health_check_and_a_restart_policy(services: Services) -> None:
    for name in set(services) - ONE_SHOT:
        assert services[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}, name
        assert services[name]["restart"] == "unless-stopped", name


def test_every_service_has_limits(services: Services) -> None:
    for name, service in services.items():
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}, name
        assert "no-new-privileges:true" in service["security_opt"], name


def test_nothing_is_bound_beyond_the_loopback_by_default(services: Services) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert set(published) == {"postgres", "airflow-api-server", "metabase", "kafka"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert all(service.get("network_mode") != "host" for service in services.values())


def test_the_model_store_and_the_queue_have_no_way_out(document: dict[str, Any]) -> None:
    assert document["networks"]["backend"]["internal"] is True
    for name in ("mongo", "redis"):
        assert document["services"][name]["networks"] == ["backend"]


def test_the_example_names_every_variable_and_no_other(compose_text: str, example: dict[str, str]) -> None:
    named = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", compose_text))
    assert named == set(example)


def test_defaults_in_the_example_are_the_real_ones(compose_text: str, example: dict[str, str]) -> None:
    defaults = dict(re.findall(r"\$\{([A-Z_]+):-([^${}]+)\}", compose_text))
    shown = {name: value for name, value in example.items() if name in defaults}
    urls = {"BRAIN_LAKE_URL"}  # the example shows an object store; the default is a volume
    assert {n: v for n, v in shown.items() if n not in urls} == {n: v for n, v in defaults.items() if n not in urls}


@pytest.fixture(scope="module")
def airflow_options() -> dict[str, list[str]]:
    """Options by section, as Airflow and its providers describe them; imports what the compose file names."""
    program = """
import json
from airflow.configuration import retrieve_configuration_description
from airflow.providers.celery.executors.celery_executor import CeleryExecutor, app
from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager
described = retrieve_configuration_description(include_providers=True)
print(json.dumps({section: list(content["options"]) for section, content in described.items()}))
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    options: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return options


def test_airflow_variables_are_options_that_airflow_has(
    services: Services, airflow_options: dict[str, list[str]]
) -> None:
    environment = services["airflow-worker"]["environment"]
    for name in (name for name in environment if name.startswith("AIRFLOW__")):
        _, section, option = name.lower().removesuffix("_cmd").split("__")
        assert option in airflow_options[section], name


def test_airflow_uses_the_parts_that_were_imported(services: Services) -> None:
    environment = services["airflow-worker"]["environment"]
    assert environment["AIRFLOW__CORE__AUTH_MANAGER"] == (
        "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
    )
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    check = " ".join(services["airflow-worker"]["healthcheck"]["test"])
    assert "airflow.providers.celery.executors.celery_executor.app" in check


def test_components_share_their_settings(services: Services) -> None:
    environments = [
        {key: value for key, value in services[name]["environment"].items() if not key.startswith("BRAIN_")}
        for name in AIRFLOW
    ]
    assert all(environment == environments[0] for environment in environments)


def test_an_image_may_be_given_by_its_digest(interpolate: Callable[..., Any]) -> None:
    digests = {
        f"{name.upper()}_IMAGE": f"{name}@sha256:{'0' * 64}"
        for name in ("postgres", "mongo", "redis", "kafka", "metabase")
    }
    services = interpolate({"SECRETS_FOLDER": "./secrets", **digests})["services"]
    given = {services[name]["image"] for name in ("postgres", "mongo", "redis", "kafka", "metabase")}
    assert given == set(digests.values())


def test_what_runs_without_rights_of_its_own_gets_none(services: Services) -> None:
    """The images of PostgreSQL, MongoDB and Metabase begin as root and give their rights up themselves."""
    by_themselves = {"postgres", "mongo", "metabase"}
    assert {name for name, service in services.items() if service.get("cap_drop") != ["ALL"]} == by_themselves
    for name in services.keys() - by_themselves:
        assert services[name]["read_only"], name
        assert services[name]["tmpfs"] == ["/tmp"], name


def test_metabase_gets_its_administrator_from_us(services: Services) -> None:
    assert services["metabase-init"]["depends_on"] == {"metabase": {"condition": "service_healthy"}}
    assert "ports" not in services["metabase-init"]
    assert services["metabase"]["ports"][0].startswith("127.0.0.1:")


def test_the_documents_name_every_service(services: Services) -> None:
    text = (ROOT / "docs" / "deployment.md").read_text()
    assert [name for name in services if f"`{name}`" not in text] == []


def test_the_documents_say_what_the_limits_sum_to(services: Services) -> None:
    limits = [services[name]["deploy"]["resources"]["limits"] for name in services.keys() - ONE_SHOT]
    cores = sum(float(_usual(one["cpus"])) for one in limits)
    megabytes = sum(
        float(_usual(one["memory"])[:-1]) * {"m": 1, "g": 1024}[one["memory"].rstrip("}")[-1]] for one in limits
    )
    said = f"keep running sum to {cores:.0f} cores and {megabytes / 1024:.0f} GB;"
    assert said in (ROOT / "docs" / "deployment.md").read_text()


def _usual(value: str) -> str:
    """A value where no variable is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def test_the_merge_keys_are_understood(compose_text: str) -> None:
    plain = yaml.safe_load(compose_text)["services"]["airflow-scheduler"]
    assert plain["cap_drop"] == ["ALL"]
    assert plain["healthcheck"]["interval"] == "30s"
