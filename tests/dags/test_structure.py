"""The DAG files load quickly, only wire, and are chained as the README says."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DAGS = Path(__file__).parents[2] / "dags"
CATALOGUE = DAGS.parent / "catalogue.yaml"
HEAVY = ("pandas", "numpy", "sklearn", "great_expectations", "lightgbm", "pymongo", "sqlalchemy.dialects")

# Loaded in a process of its own: Airflow configures itself at import, for good.
DESCRIBE = """
import json, sys
from types import SimpleNamespace
from airflow.dag_processing.dagbag import DagBag
from airflow.task.priority_strategy import validate_and_load_priority_weight_strategy as strategy
before = set(sys.modules)  # Airflow itself is not ours to keep light
bag = DagBag(dag_folder=sys.argv[1])
print(json.dumps({
    "errors": bag.import_errors,
    "loaded": sorted(set(sys.modules) - before),
    "dags": {
        dag.dag_id: {
            "doc": dag.doc_md or "", "tags": sorted(dag.tags), "description": dag.description or "",
            "params": {name: dag.params.get_param(name).schema for name in dag.params}, "links": dag.owner_links,
            "timeout": dag.dagrun_timeout.total_seconds(),
            "deadlines": [one.interval.total_seconds() for one in dag.deadline or ()],
            "catchup": dag.catchup, "active": dag.max_active_runs, "schedule": getattr(dag.timetable, "expression", ""),
            "waits_for": [
                one.name for one in getattr(dag.timetable.asset_condition, "objects", [dag.timetable.asset_condition])
            ] if dag.timetable.asset_condition else [],
            "timetable": type(dag.timetable).__name__,
            "tasks": {
                task.task_id: {
                    "outlets": [outlet.name for outlet in task.outlets], "rule": str(task.trigger_rule.value),
                    "after": sorted(task.upstream_task_ids),
                    "mapped": type(task).__name__, "retries": task.retries,
                    "policy": type(task.retry_policy).__name__,
                    "answered": getattr(getattr(task, "response_timeout", None), "total_seconds", lambda: None)(),
                    "label": str(task.map_index_template or ""), "doc": task.doc_md or "",
                    "tells": bool(task.has_on_failure_callback),
                    "priority": strategy(task.weight_rule).get_weight(SimpleNamespace(task=task)),
                } for task in dag.tasks
            },
        } for dag in bag.dags.values()
    },
}), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return described(DAGS, CATALOGUE, tmp_path_factory.mktemp("airflow"))


def described(dags: Path, catalogue: Path, airflow_home: Path) -> dict[str, Any]:
    environ = {
        **os.environ,
        "AIRFLOW_HOME": str(airflow_home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__API__BASE_URL": "https://airflow.example/team/",
        "BRAIN_CATALOGUE": str(catalogue),
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "-c", DESCRIBE, str(dags)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    told: dict[str, Any] = json.loads(done.stderr.strip().splitlines()[-1])
    return told


def test_every_dag_file_loads(bag: dict[str, Any]) -> None:
    assert bag["errors"] == {}
    assert sorted(bag["dags"]) == [
        *("approve_models", "evaluate_probabilities", "extract_assets", "find_anomalies", "publish_probabilities"),
        *("read_bars", "recommend_to_customers", "segment_customers", "tell_people", "tidy_storage"),
        "train_models",
        "watch_publication",
    ]
    assert sorted(path.stem for path in DAGS.glob("*.py")) == sorted(bag["dags"])


def test_nothing_heavy_is_imported_at_parse_time(bag: dict[str, Any]) -> None:
    assert [name for name in bag["loaded"] if name.startswith(HEAVY)] == []


def test_the_dags_are_chained_by_datasets(bag: dict[str, Any]) -> None:
    made = {
        name: [outlet for task in dag["tasks"].values() for outlet in task["outlets"]]
        for name, dag in bag["dags"].items()
    }
    assert made == {
        "extract_assets": ["snapshots"],
        "train_models": ["champions"],
        "publish_probabilities": ["probabilities"],
        "recommend_to_customers": ["recommendations"],
        "segment_customers": ["segments"],
        "read_bars": ["bars"],
        "find_anomalies": ["anomalies"],
        "evaluate_probabilities": [],
        "tidy_storage": [],
        "watch_publication": [],
        "tell_people": [],
        "approve_models": ["champions"],
    }
    assert bag["dags"]["approve_models"]["waits_for"] == ["champions"]
    assert bag["dags"]["extract_assets"]["schedule"] == "0 6 * * *"
    assert bag["dags"]["train_models"]["waits_for"] == ["snapshots"]
    assert bag["dags"]["publish_probabilities"]["waits_for"] == ["champions"]
    assert bag["dags"]["evaluate_probabilities"]["waits_for"] == ["probabilities"]
    assert bag["dags"]["recommend_to_customers"]["waits_for"] == ["orders"]
    assert bag["dags"]["segment_customers"]["waits_for"] == ["orders"]
    assert bag["dags"]["find_anomalies"]["waits_for"] == ["bars"]


def test_bars_are_read_when_a_bell_rings_and_never_where_none_are_named(bag: dict[str, Any], tmp_path: Path) -> None:
    assert (bag["dags"]["read_bars"]["timetable"], bag["dags"]["read_bars"]["waits_for"]) == ("NullTimetable", [])
    catalogue = tmp_path / "catalogue.yaml"
    catalogue.write_text("bars: {}")
    told = described(DAGS / "read_bars.py", catalogue, tmp_path / "airflow")
    assert told["errors"] == {}
    assert told["dags"]["read_bars"]["timetable"] == "AssetOrTimeSchedule"
    assert told["dags"]["read_bars"]["waits_for"] == ["topics"]


def test_a_dataset_starts_a_run_for_every_moment(bag: dict[str, Any]) -> None:
    started = {name: dag["timetable"] for name, dag in bag["dags"].items() if dag["waits_for"]}
    assert started == dict.fromkeys(
        (
            *("train_models", "publish_probabilities", "evaluate_probabilities", "approve_models"),
            *("recommend_to_customers", "segment_customers", "find_anomalies"),
        ),
        "PartitionedAssetTimetable",
    )


def test_every_dag_is_documented_tagged_and_never_catches_up(bag: dict[str, Any]) -> None:
    for name, dag in bag["dags"].items():
        assert len(dag["doc"]) > 200, name
        assert "\n    " not in dag["doc"], f"{name}: indented text shows as code in the UI"
        assert "brain" in dag["tags"]
        assert 30 < len(dag["description"]) < 120, f"{name}: it is one line in the list of DAGs"
        assert dag["links"] == {"brain": "https://airflow.example/team/plugin/brain"}
        assert dag["timeout"] < 24 * 3600, f"{name}: a run that hangs would keep tomorrow's from starting"
        for key, task in dag["tasks"].items():
            assert len(task["doc"]) > 40, f"{name}.{key}"
            assert "\n    " not in task["doc"], f"{name}.{key}: indented text shows as code in the UI"
            assert task["tells"], f"{name}.{key}"
        assert (dag["catchup"], dag["active"]) == (False, 1)


def test_the_forms_offer_what_a_person_may_choose(bag: dict[str, Any]) -> None:
    assert sorted(bag["dags"]["extract_assets"]["params"]) == ["tolerated_share", "units"]
    assert sorted(bag["dags"]["train_models"]["params"]) == ["force", "targets", "tolerated_share", "units"]
    assert sorted(bag["dags"]["publish_probabilities"]["params"]) == ["day", "tolerated_share"]


def test_the_forms_suggest_what_the_catalogue_names_and_require_nothing(bag: dict[str, Any]) -> None:
    """Airflow's form marks a parameter as required unless its type takes null."""
    for dag in bag["dags"].values():
        for schema in dag["params"].values():
            assert "null" in schema["type"]
    form = bag["dags"]["train_models"]["params"]
    assert form["units"]["examples"][:2] == ["GOLD", "SILVER"]
    assert form["targets"]["examples"][:3] == ["RETURNS1", "RETURNS2", "RETURNS3"]


def test_the_day_has_a_deadline(bag: dict[str, Any]) -> None:
    assert {name: dag["deadlines"] for name, dag in bag["dags"].items() if dag["deadlines"]} == {
        "watch_publication": [4 * 3600.0]
    }


def test_work_is_mapped_over_named_chunks_and_retried_by_error_class(bag: dict[str, Any]) -> None:
    mapped = {
        name: [key for key, task in dag["tasks"].items() if "Mapped" in task["mapped"]]
        for name, dag in bag["dags"].items()
    }
    assert mapped == {
        "extract_assets": ["extract"],
        "train_models": ["train"],
        "publish_probabilities": ["score"],
        "recommend_to_customers": ["extract", "train", "score"],
        "segment_customers": ["extract", "train", "score"],
        "read_bars": [],
        "find_anomalies": ["extract", "train", "score"],
        "evaluate_probabilities": [],
        "tidy_storage": [],
        "watch_publication": [],
        "tell_people": [],
        "approve_models": [],
    }
    for dag in bag["dags"].values():
        for key, task in dag["tasks"].items():
            assert task["policy"] == "ExceptionRetryPolicy"
            assert task["retries"] == (0 if key == "report" else 3)
            assert task["label"] == ("{{ chunk_name }}" if "Mapped" in task["mapped"] else "")


def test_a_failed_chunk_stops_neither_the_next_dag_nor_the_report(bag: dict[str, Any]) -> None:
    for name, dag in bag["dags"].items():
        if name in ("watch_publication", "approve_models", "tell_people", "read_bars"):  # these work on no units
            continue
        assert dag["tasks"]["report"]["rule"] == dag["tasks"]["tell"]["rule"] == "all_done"
        assert set(dag["tasks"]["tell"]["after"]) == set(dag["tasks"]) - {"report", "tell"}
        outlets = [task for task in dag["tasks"].values() if task["outlets"]]
        assert all(task["rule"] == "all_done_min_one_success" for task in outlets)


def test_nothing_is_served_before_a_person_has_answered_and_the_run_ends_before_tomorrows(bag: dict[str, Any]) -> None:
    dag = bag["dags"]["approve_models"]
    after = {key: task["after"] for key, task in dag["tasks"].items()}
    assert after == {
        "find": [],
        "tell": ["find"],
        "ask": ["find"],
        "answer": ["ask", "find"],
        "judge": ["answer"],
        "report": ["answer"],
    }
    assert {task["rule"] for task in dag["tasks"].values()} == {"all_success"}
    assert dag["tasks"]["ask"]["answered"] == 20 * 3600 < dag["timeout"] < 24 * 3600


def test_people_are_told_before_any_other_task_of_any_dag_gets_a_slot(bag: dict[str, Any]) -> None:
    waiting = [(key, task["priority"]) for dag in bag["dags"].values() for key, task in dag["tasks"].items()]
    told = [priority for key, priority in waiting if key == "tell"]
    assert len(told) >= 4
    assert min(told) > max(priority for key, priority in waiting if key != "tell")


def test_nothing_is_announced_or_published_after_a_failed_plan(bag: dict[str, Any]) -> None:
    """`plan` is among what such a task waits for, and the only one that succeeds where every chunk failed."""
    for dag in bag["dags"].values():
        for task in dag["tasks"].values():
            if task["rule"] == "all_done_min_one_success":
                chunked = [name for name in task["after"] if "Mapped" in dag["tasks"][name]["mapped"]]
                assert (len(chunked), sorted(set(task["after"]) - set(chunked))) == (1, ["plan"])


def test_dag_files_only_wire() -> None:
    """No class, no loop, no comprehension: what a DAG file does beyond wiring belongs below include/."""
    forbidden = (ast.ClassDef, ast.For, ast.While, ast.comprehension, ast.Try)
    for path in DAGS.glob("*.py"):
        strange = [type(node).__name__ for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, forbidden)]
        assert strange == [], path.name
