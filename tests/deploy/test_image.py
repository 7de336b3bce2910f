from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def _instructions(keyword: str) -> list[str]:
    joined = DOCKERFILE.replace("\\\n", " ")
    return re.findall(rf"^{keyword} (.+)$", joined, re.MULTILINE)


def _ignored() -> tuple[set[str], list[str]]:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    return {line[1:] for line in lines if line.startswith("!")}, lines


def _copied() -> list[str]:
    return [source for line in _instructions("COPY") if "--from" not in line for source in line.split()[:-1]]


def test_every_copied_path_exists_and_enters_the_build() -> None:
    allowed, lines = _ignored()
    assert lines[0] == "*"
    for source in _copied():
        assert (ROOT / source).exists(), source
        assert source in allowed, source
    assert allowed == set(_copied())


def test_the_image_does_not_run_as_root() -> None:
    assert _instructions("USER")[-1] not in {"root", "0"}


def test_the_python_is_one_that_the_package_supports() -> None:
    (version,) = [line.split("=")[1] for line in _instructions("ARG") if line.startswith("PYTHON=")]
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    low, high = (int(part) for part in re.findall(r"3\.(\d+)", wanted))
    assert low <= int(version.split(".")[1]) < high


def test_the_image_it_is_built_on_can_be_given_by_its_digest() -> None:
    assert _instructions("FROM") == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]
    before = DOCKERFILE.partition("FROM ")[0]
    assert "ARG PYTHON_IMAGE=python:${PYTHON}-slim-bookworm\n" in before


def test_the_extras_exist_and_leave_out_what_a_server_does_not_need() -> None:
    (extras,) = [line.split("=")[1].split(",") for line in _instructions("ARG") if line.startswith("EXTRAS=")]
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras) <= set(known)
    assert not {"dev", "demo", "embedded"} & set(extras)


def test_versions_come_from_the_lock() -> None:
    assert "--constraint requirements.txt" in DOCKERFILE
    assert re.search(r"^apache-airflow==3\.3\.2$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)


def test_numeric_libraries_use_one_thread() -> None:
    assert "OMP_NUM_THREADS=1" in DOCKERFILE


@pytest.mark.parametrize("variable", ["AIRFLOW__CORE__DAGS_FOLDER", "AIRFLOW__CORE__PLUGINS_FOLDER"])
def test_airflow_looks_where_the_image_puts_its_files(variable: str) -> None:
    (folder,) = re.findall(rf"{variable}=(\S+)", DOCKERFILE)
    (workdir,) = [line for line in _instructions("WORKDIR") if line != "/src"]
    targets = {f"{workdir}/{line.split()[-1]}" for line in _instructions("COPY")}
    assert folder in targets


def test_airflow_finds_a_configuration_and_writes_none() -> None:
    (home,) = re.findall(r"AIRFLOW_HOME=(\S+)", DOCKERFILE)
    assert any(f"touch {home}/airflow.cfg" in line for line in _instructions("RUN"))


def test_the_last_command_is_an_argument_list() -> None:
    assert json.loads(_instructions("CMD")[-1])[0] == "airflow"
