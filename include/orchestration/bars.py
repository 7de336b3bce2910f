"""What the tasks of `read_bars` do. Imported inside tasks only."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from brain.core.catalogue import load_catalogue
from brain.ingestion import read_bars
from brain.usecases import USE_CASES
from orchestration.connections import settings_of_task
from orchestration.tasks import current_moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

log = logging.getLogger(__name__)


def read_topics() -> list[list[dict[str, Any]]]:
    """Read what has come, for the moment of the running task; a line a topic that gave something or failed.

    Raises:
        Transient: The broker or the warehouse does not answer; what was written stays.
    """
    settings = settings_of_task()
    section = load_catalogue(settings.catalogue_path, USE_CASES).bars
    if section is None:
        log.info("The catalogue has no section `bars`: there is nothing to read.")
        return [[]]
    done = read_bars(settings, section, current_moment(), datetime.now(UTC))
    log.info("%s", done.line())
    told = [result for result in done.results if result.rows or not result.ok]
    for result in told:
        log.log(logging.INFO if result.ok else logging.ERROR, "%s: %s", result.unit, result.reason)
    changed = done.written.new + done.written.corrected
    lines = [
        {
            "use_case": "",
            "unit": result.unit,
            "ok": result.ok,
            "reason": result.reason,
            "quarantined": False,
            "rows": result.rows,
            "done": {},
        }
        for result in told
    ]
    return [lines, [{**_NOTHING, "rows": changed}]] if changed else [lines]


def changed_rows(results: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """What the event of the dataset says.

    Raises:
        AirflowSkipException: No row is new or corrected, so that nobody needs to be started.
    """
    changed = sum(result["rows"] for chunk in results for result in chunk if result["unit"] == _TABLE)
    if not changed:
        raise AirflowSkipException("No row is new or corrected.")
    topics = [result for chunk in results for result in chunk if result["unit"] != _TABLE]
    return {"rows": changed, "topics": len(topics), "failed_units": [one["unit"] for one in topics if not one["ok"]]}


_TABLE = "bars"
_NOTHING: dict[str, Any] = {
    "use_case": "",
    "unit": _TABLE,
    "ok": True,
    "reason": "",
    "quarantined": False,
    "done": {},
}
