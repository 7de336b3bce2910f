"""Publishing again what is shown, where nothing is new: scoring would give the very rows that are there.

After a publication the lake keeps what the rows were made of, and a mark of the rows as they were written. Where a
later run is made of the same and the tables still have that mark, it publishes those rows for its moment:
`published_at`, histories, ledgers and derived tables come out as if every model had been evaluated again.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any

from brain.core.errors import BrainError, LakeError, Transient
from brain.core.moment import Moment
from brain.quality.result import Finding, GateResult
from brain.usecases.protocol import SHARED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brain.usecases.protocol import Run
    from brain.warehouse.publish import Publication

log = logging.getLogger(__name__)


def scored_from(run: Run) -> str | None:
    """A hash of all that decides what scoring gives; None where that cannot be told, or where the run is a past one."""
    try:
        return None if run.is_past else run.use_case.scored_from(run)
    except Transient:
        raise
    except BrainError as error:  # scoring says what is wrong, of the unit that it concerns
        log.info("%s is scored: %s", run.use_case.name, error)
        return None


def publish_again(run: Run, made_from: str | None) -> Publication | None:
    """Publish what is shown for the run's moment; None where it has to be scored.

    Args:
        made_from: What `scored_from` gives.
    """
    from brain.quality.gate import keep_result
    from brain.warehouse.publish import publish_shown

    note = None if made_from is None else _note(run)
    if note is None or note["made_from"] != made_from:
        return None
    case, url = run.use_case, run.settings.warehouse_url
    publication = publish_shown(
        url, case.name, case.tables, case.derived(run.section), run.moment, case.ledgers, note["mark"]
    )
    if publication is None:
        log.warning("%s: the published rows are not those that were written; all is scored again", case.name)
        return None
    result = GateResult(note["subject"], note["rows"], tuple(note["rules"]), _findings(note["findings"]))
    keep_result(run.lake, case.name, run.moment, result)
    for finding in result.findings:
        log.warning("%s: %s", finding.rule, finding.message)
    told = f"{case.name}: nothing new since {datetime.fromisoformat(note['scored_for']):%Y-%m-%d %H:%M} UTC"
    log.info("%s; %s", told, publication.line())
    _keep(run, {**note, "moment": run.moment.at.isoformat()})
    run.progress.report("publish", told)
    return publication


def remember(run: Run, made_from: str | None, publication: Publication, result: GateResult) -> None:
    """Keep what a publication was made of; not where that has changed since, or where a row says more than its value.

    Args:
        made_from: As it was before scoring.
        result: What the gate said of the rows.
    """
    if made_from is None or not publication.mark or scored_from(run) != made_from:
        return
    at = run.moment.at.isoformat()
    _keep(run, {**result.to_json(), "made_from": made_from, "mark": publication.mark, "scored_for": at, "moment": at})


def _keep(run: Run, note: dict[str, Any]) -> None:
    try:
        run.staging.write_signed(_path(run, run.moment), json.dumps(note).encode())
    except BrainError as error:  # the next run scores
        log.warning("what %s was made of is not kept: %s", run.use_case.name, error)


def _note(run: Run) -> dict[str, Any] | None:
    """What is known of the newest publication, if the run's moment is not before it."""
    from brain.warehouse.fence import newest_published

    newest = newest_published(run.settings.warehouse_url, run.use_case.name, run.use_case.tables)
    if newest is None or run.moment.at < newest:
        return None
    try:
        note: dict[str, Any] = json.loads(run.staging.read_signed(_path(run, Moment(newest))))
    except FileNotFoundError:
        return None
    except LakeError as error:
        log.warning("%s is scored: %s", run.use_case.name, error)
        return None
    return note if datetime.fromisoformat(note["moment"]) == newest else None


def _findings(told: Sequence[dict[str, Any]]) -> tuple[Finding, ...]:
    return tuple(Finding(**{**one, "examples": tuple(one["examples"])}) for one in told)


def _path(run: Run, moment: Moment) -> str:
    """A note goes with what all chunks of its day share."""
    return f"{SHARED}/{moment.day:%Y%m%d}/published.{run.use_case.name}.json"
