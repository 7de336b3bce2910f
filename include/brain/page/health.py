"""How the pipeline is: the last runs of each step, what was refused and why, and what the numbers were worth."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from brain.core.errors import LakeError, StorageUnavailable
from brain.core.moment import Moment
from brain.extract.report import NOT_OK
from brain.lake.snapshot import folder_name
from brain.page.bars import arriving
from brain.page.reading import reading
from brain.quality.gate import results_folder
from brain.usecases.page import Grid
from brain.warehouse.alarms import ALARMS
from brain.warehouse.evaluation_runs import EVALUATION_RUNS
from brain.warehouse.extraction_runs import EXTRACTION_RUNS
from brain.warehouse.ledger import HINDCAST
from brain.warehouse.ledger_statements import ALL
from brain.warehouse.notices import EVENTS, NOTICES
from brain.warehouse.tables import PUBLISHED_AT, REASON, STALE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pydantic import SecretStr

    from brain.lake.lake import Lake
    from brain.page.reading import Reader, Record
    from brain.usecases.page import Page

SHOWN_RUNS, SHOWN_ROWS = 10, 200
LATELY = timedelta(days=14)  # for which a solved problem is shown
DRIFT = "feature_drift"
DRIFT_COLUMNS = ("use_case", "entity", "as_of", "feature", "statistic", "quantile", "drifted")


def health(url: SecretStr, use_case: str, page: Page) -> dict[str, Any]:
    """What the warehouse knows of the pipeline of one use case; a part is empty where its step has not run yet.

    Raises:
        BrainError: The warehouse does not answer, or its tables cannot be read.
    """
    with reading(url) as reader:
        return {
            "words": vars(page.words),
            "extractions": _extractions(reader, use_case),
            "refused": _refused(reader, use_case),
            "published": _published(reader, page),
            "unwell": _unwell(reader, page),
            "evaluations": _evaluations(reader, use_case),
            "progress": _progress(reader, page) if isinstance(page, Grid) else None,
            "claims": _claims(reader, page) if isinstance(page, Grid) else [],
            "alarms": _alarms(reader, use_case),
            "problems": _problems(reader, use_case),
            "bars": arriving(reader),
            **_drift(reader, use_case),
        }


def _extractions(reader: Reader, use_case: str) -> list[Record]:
    if not reader.has(EXTRACTION_RUNS.name):
        return []
    query = (
        "SELECT interval_end, count(*) AS units, sum(rows_new) AS rows_new, sum(corrected) AS corrected,"
        " sum(warnings) AS warnings, count(*) FILTER (WHERE verdict = ANY(%s)) AS refused, sum(seconds) AS seconds"
        " FROM extraction_runs WHERE use_case = %s GROUP BY interval_end ORDER BY interval_end DESC LIMIT %s"
    )
    return reader.records(query, [list(NOT_OK), use_case, SHOWN_RUNS])


def _refused(reader: Reader, use_case: str) -> list[Record]:
    """The units whose last extraction was refused or failed."""
    if not reader.has(EXTRACTION_RUNS.name):
        return []
    query = (
        "SELECT asset AS unit, interval_end, verdict, reason, watermark FROM"
        " (SELECT DISTINCT ON (asset) * FROM extraction_runs WHERE use_case = %s"
        "  ORDER BY asset, interval_end DESC) AS newest WHERE verdict = ANY(%s) ORDER BY asset LIMIT %s"
    )
    return reader.records(query, [use_case, list(NOT_OK), SHOWN_ROWS])


def _published(reader: Reader, page: Page) -> list[Record]:
    """The last publications that are known: what each added to the history, also the newest if it added nothing."""
    history = page.table.history_layout
    if history is None or not all(map(reader.has, (history.identifier, page.table.layout.identifier))):
        return []
    query = sql.SQL(
        "SELECT {at}, count({unit}) AS changed, count(DISTINCT {unit}) AS units"
        " FROM (SELECT {at}, {unit} FROM {history}"
        " UNION ALL SELECT max({at}), NULL FROM {table} HAVING max({at}) IS NOT NULL) AS known"
        " GROUP BY 1 ORDER BY 1 DESC LIMIT %s"
    ).format(
        at=sql.Identifier(PUBLISHED_AT),
        unit=sql.Identifier(page.unit),
        history=sql.Identifier(history.identifier),
        table=sql.Identifier(page.table.layout.identifier),
    )
    return reader.records(query, [SHOWN_RUNS])


def _unwell(reader: Reader, page: Page) -> list[Record]:
    """Cells without a value or with an old one, together where they are so for the same reason."""
    table = page.table
    if not reader.has(table.layout.identifier):
        return []
    query = sql.SQL(
        "SELECT {reason} AS reason, count(*) AS cells, count(*) FILTER (WHERE {value} IS NULL) AS failed,"
        " array_agg(DISTINCT {unit}) AS units FROM {table} WHERE {stale} OR {value} IS NULL"
        " GROUP BY 1 ORDER BY 2 DESC LIMIT %s"
    ).format(
        reason=sql.Identifier(REASON),
        value=sql.Identifier(table.value),
        unit=sql.Identifier(page.unit),
        table=sql.Identifier(table.layout.identifier),
        stale=sql.Identifier(STALE),
    )
    return reader.records(query, [SHOWN_ROWS])


def _evaluations(reader: Reader, use_case: str) -> list[Record]:
    if not reader.has(EVALUATION_RUNS.name):
        return []
    query = (
        "SELECT interval_end, ledger, due, resolved, pending, corrected, log_loss, base_log_loss, skill, alarms"
        " FROM evaluation_runs WHERE use_case = %s AND target = %s ORDER BY interval_end DESC LIMIT %s"
    )
    return reader.records(query, [use_case, ALL, SHOWN_RUNS])


def _progress(reader: Reader, page: Grid) -> list[Record]:
    """The scorecard over all units: where live skill stands, by target."""
    if not reader.has(page.progress.name):
        return []
    query = sql.SQL(
        "SELECT DISTINCT ON ({target}, {hindcast}) {target} AS target, {hindcast}, since,"
        " sum(resolved) OVER (PARTITION BY {target}, {hindcast}) AS resolved, skill_so_far"
        " FROM {view} ORDER BY {target}, {hindcast}, since DESC"
    ).format(
        target=sql.Identifier(page.target), hindcast=sql.Identifier(HINDCAST), view=sql.Identifier(page.progress.name)
    )
    return reader.records(query)


def _claims(reader: Reader, page: Grid) -> list[Record]:
    if not reader.has(page.claims.name):
        return []
    query = sql.SQL("SELECT {hindcast}, became, count(*) AS cells FROM {view} GROUP BY 1, 2 ORDER BY 1, 2")
    return reader.records(query.format(hindcast=sql.Identifier(HINDCAST), view=sql.Identifier(page.claims.name)))


def _alarms(reader: Reader, use_case: str) -> list[Record]:
    if not reader.has(ALARMS.name):
        return []
    query = (
        "SELECT raised_at, entity AS unit, target, kind, evidence, reason FROM model_alarms"
        " WHERE use_case = %s ORDER BY raised_at DESC, entity, target LIMIT %s"
    )
    return reader.records(query, [use_case, SHOWN_ROWS])


def _problems(reader: Reader, use_case: str) -> list[Record]:
    """What lasts of the problems that people were told of, and what was solved lately; alarms are apart."""
    if not reader.has(NOTICES.name):
        return []
    query = (
        "SELECT since, step, subject, kind, happened, to_do, link, solved_at FROM notices"
        " WHERE use_case IN (%s, '') AND NOT kind = ANY(%s)"
        " AND (solved_at IS NULL OR solved_at > (SELECT max(last_seen) FROM notices) - %s)"
        " ORDER BY solved_at IS NOT NULL, solved_at DESC, since DESC, subject LIMIT %s"
    )
    return reader.records(query, [use_case, list(EVENTS), LATELY, SHOWN_ROWS])


def _drift(reader: Reader, use_case: str) -> dict[str, list[Any] | None]:
    """The features whose newest rows differ from what was usual, and the units of which none could be judged.

    ``drift`` is None where the warehouse does not measure it.
    """
    columns = reader.rows(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped", [DRIFT]
    )
    if not {(name,) for name in DRIFT_COLUMNS} <= set(columns):
        return {"drift": None, "unmeasured": []}
    newest = (
        " FROM (SELECT DISTINCT ON (entity, feature) * FROM feature_drift WHERE use_case = %s"
        " ORDER BY entity, feature, as_of DESC) AS newest"
    )
    drifted = (
        f"SELECT entity AS unit, as_of, feature, statistic, quantile{newest}"
        " WHERE drifted ORDER BY quantile DESC NULLS LAST, entity, feature LIMIT %s"
    )
    unmeasured = f"SELECT entity{newest} GROUP BY entity HAVING count(quantile) = 0 ORDER BY entity"
    return {
        "drift": reader.records(drifted, [use_case, SHOWN_ROWS]),
        "unmeasured": [unit for (unit,) in reader.rows(unmeasured, [use_case])],
    }


def failed_expectations(lake: Lake, use_case: str, refused: Mapping[str, Any]) -> list[dict[str, str]]:
    """The rules that the gate found broken in a unit's refused extraction; empty where its result was not kept.

    Args:
        refused: With ``unit`` and ``interval_end``.
    """
    return _findings(lake, use_case, refused["unit"], refused["interval_end"], "fail")


def warned_of(lake: Lake, use_case: str, page: Page, published: Sequence[Record]) -> list[dict[str, str]]:
    """What the gate in front of the published table only warned of in the newest publication.

    Args:
        published: As `health` tells them, the newest first.
    """
    return _findings(lake, use_case, page.checked, published[0][PUBLISHED_AT], "warn") if published else []


def _findings(lake: Lake, use_case: str, subject: str, at: datetime, severity: str) -> list[dict[str, str]]:
    name = f"{results_folder(Moment(at))}/{folder_name(use_case)}.{folder_name(subject)}.json"
    try:
        found = json.loads(lake.storage.read(name))
        return [
            {"rule": str(one["rule"]), "message": str(one["message"])}
            for one in found["findings"]
            if one["severity"] == severity
        ]
    except (FileNotFoundError, LakeError, StorageUnavailable, ValueError, KeyError, TypeError):
        return []
