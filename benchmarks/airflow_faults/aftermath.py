"""What must hold when all runs have ended, whatever was done to them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from benchmarks.airflow_faults.market import ASSETS, HORIZON
from brain.core.moment import Moment
from brain.pipeline import run_all
from brain.replaying import last_published, replay_of
from brain.store.browse import verify_models
from brain.store.connection import database
from brain.warehouse.read import ask
from brain.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from benchmarks.airflow_faults.machine import Machine

EXTRACTED = "SELECT DISTINCT interval_end FROM extraction_runs ORDER BY 1"
PUBLISHED = "SELECT DISTINCT published_at FROM probability_history ORDER BY 1"
HISTORY = "SELECT t::text FROM probability_history t ORDER BY 1"
TOLD = "SELECT value FROM xcom WHERE dag_id = 'publish_probabilities' AND task_id = 'publish' AND key = 'return_value'"


def silent(extracted: Iterable[datetime], told: Collection[datetime]) -> list[datetime]:
    """The moments that were extracted and that no publication tells of."""
    return [moment for moment in extracted if moment not in told]


def silent_moments(machine: Machine) -> list[datetime]:
    """As `silent`, of a machine."""
    return silent((moment for (moment,) in machine.ask(EXTRACTED)), publications(machine))


def publications(machine: Machine) -> dict[datetime, str | None]:
    """Every moment that a publication tells of, and the newer one that was shown already where it came too late."""
    found: dict[datetime, str | None] = {}
    for (value,) in machine.ask_airflow(TOLD):
        told = (json.loads(value) if isinstance(value, str) else value)["direction"]
        found[datetime.fromisoformat(told["published_at"])] = told["behind"]
    return found


def champions_that_are_not_one(machine: Machine) -> list[str]:
    """Model keys with no champion or with several, and models or pointers that do not verify."""
    pointers = [(one["entity"], one["target"]) for one in database(machine.settings.mongo_url)["champions"].find()]
    told = [f"{asset}: {pointers}" for asset in ASSETS if [entity for entity, _ in pointers].count(asset) != 1]
    run = open_workspace(machine.settings).run("direction", Moment(machine.today))
    return told + [f"{one}" for one in verify_models(run.store) if one.problem]


def numbers_that_do_not_replay(machine: Machine) -> list[str]:
    """Published numbers, also of the history, that their model and data do not give again, bit for bit."""
    run = open_workspace(machine.settings).run("direction", Moment(machine.today))
    found = machine.ask("SELECT DISTINCT asset, as_of FROM probability_history")
    told = []
    for asset, as_of in found:
        row = last_published(run, asset, str(HORIZON), as_of)
        if row is None or not replay_of(run, row).identical:
            told.append(f"{asset} {as_of}")
    return told


def undisturbed_history(machine: Machine, moments: Iterable[datetime]) -> list[tuple[Any, ...]]:
    """What a machine without Airflow publishes for the same moments, one after the other, with nothing in its way."""
    for moment in moments:
        results = run_all(open_workspace(machine.untouched), Moment(moment), workers=1)
        assert all(result.ok for result in results), results
    return ask(machine.untouched.warehouse_url, HISTORY).rows


def history(machine: Machine) -> list[tuple[Any, ...]]:
    """Every line of the history as text."""
    return machine.ask(HISTORY)
