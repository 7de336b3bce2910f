"""What a person may choose in the trigger forms, with what the catalogue knows as suggestions."""

from __future__ import annotations

import logging
import os
from typing import Any

from airflow.sdk import Param

from brain.core.catalogue import load_catalogue
from brain.core.errors import BrainError
from brain.core.settings import find_catalogue, find_home
from brain.usecases import USE_CASES

log = logging.getLogger(__name__)


def known_names() -> tuple[list[str], list[str]]:
    """The units and the targets that the catalogue names; none where it cannot be read, or discovers more.

    A form with suggestions takes nothing else, so there are none where they would not be all.
    """
    try:
        catalogue = load_catalogue(find_catalogue(os.environ, find_home(os.environ)), USE_CASES)
    except BrainError as error:
        log.warning("no suggestions in the trigger forms: %s", error)
        return [], []
    if catalogue.source.discover:
        return [], []
    units = [unit for name, section in catalogue.sections.items() for unit in USE_CASES[name].units(section)]
    targets = {target for unit in units for target in unit.targets}
    return list(dict.fromkeys(unit.name for unit in units)), sorted(targets, key=lambda name: (len(name), name))


def units_param() -> Param:
    """Which units; empty means all."""
    return _names(known_names()[0], "GOLD", "Units", "Which assets and other units.")


def targets_param() -> Param:
    """Which targets; empty means all."""
    return _names(known_names()[1], "25", "Targets", "What is predicted of them, such as 25 for 25 days ahead.")


FORCE_PARAM = Param(
    False,
    type=["boolean", "null"],
    title="Search anew now",
    description="Search every model that is meant anew, also where its champion is fresh.",
)
DAY_PARAM = Param(
    None,
    type=["string", "null"],
    format="date",
    title="Publish again for a past day",
    description=(
        "Empty: for the moment of this run. A past day: what was known at its last extraction, by its champions;"
        " a newer publication stays in the tables, the history gains what it lacks."
    ),
)
FAILED_SHARE_PARAM = Param(
    0.0,
    type=["number", "null"],
    minimum=0,
    maximum=1,
    title="Tolerated share of failed units",
    description="The run fails when more than this share of the units failed; empty means none.",
    section="When units fail",
)


def _names(suggested: list[str], example: str, title: str, description: str) -> Param:
    """Any number of names: a list to pick from where there are suggestions, else a line each."""
    how = "Pick some" if suggested else f"One a line, such as {example}"
    schema: dict[str, Any] = {"type": ["array", "null"], "items": {"type": "string"}, "title": title}
    if suggested:
        schema["examples"] = suggested
    return Param(None, f"{description} {how}; none means all.", schema=schema)
