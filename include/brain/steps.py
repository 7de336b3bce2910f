"""Each step of the pipeline as one function of a run and its units; DAGs, command line and tests call these."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, time
from functools import partial
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from brain.again import remember
from brain.core.durations import day_before
from brain.core.errors import (
    BrainError,
    LakeError,
    PublishError,
    StorageUnavailable,
    Transient,
    UnforeseenError,
)
from brain.results import UnitResult, extracted, records, scored, trained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pandas as pd

    from brain.core.moment import Moment
    from brain.extract.report import ExtractionReport
    from brain.learning.candidate import TrainingResult
    from brain.quality.result import GateResult
    from brain.scoring.blocks import Rows
    from brain.store.champions import Refused
    from brain.store.writing import Saved
    from brain.usecases.protocol import Run, Unit
    from brain.warehouse.evaluation import Evaluation
    from brain.warehouse.publish import Publication
    from brain.warehouse.tables import PublishedTable
    from brain.workspace import Workspace

log = logging.getLogger(__name__)
ResultT = TypeVar("ResultT")


def each(runs: Iterable[Run], do: Callable[[Run], ResultT]) -> dict[str, ResultT]:
    """What `do` gives for each run, by use case; the first error is raised once every run has had its turn."""
    done, errors = {}, []
    for run in runs:
        try:
            done[run.use_case.name] = do(run)
        except BrainError as error:
            log.error("%s: %s", run.use_case.name, error)
            errors.append(error)
    if errors:
        raise errors[0]
    return done


def extract(run: Run, names: Sequence[str], *, full: bool = False) -> list[UnitResult]:
    """Bring the lake up to the run's moment; a unit that fails keeps its previous snapshots.

    Champions trained on rows that turn out corrected are marked, and every extraction is recorded in `extraction_runs`.

    Args:
        full: Read whole tables again.
    """
    from brain.extract.chunk import Asked, extract_tables
    from brain.source.connect import Sources
    from brain.usecases.published import try_to_make_ready
    from brain.warehouse.extraction_runs import record_runs

    run.settings.models_signer.require_signing()
    try_to_make_ready(run)
    sources = Sources(run.settings, run.source.schema_name)
    inputs = {name: run.use_case.inputs(run, name) for name in names}
    asked = [
        Asked(partial(sources.of, given.table.database), given.table, given.check)
        for name in names
        for given in inputs[name]
    ]
    reports: list[ExtractionReport] = []
    results = []
    try:
        extraction = extract_tables(asked, run.lake, run.moment, full=full)
        for name in names:
            found = list(islice(extraction, len(inputs[name])))
            for report in found:
                log.log(logging.INFO if report.ok else logging.ERROR, "%s", report.line())
            _mark_corrected(run, name, found)
            results.append(extracted(name, found))
            reports += found
            run.progress.report("extract", _item(run, name))
    finally:
        sources.close()
    run.lake.keep_counters()
    record_runs(run.settings.warehouse_url, reports)
    return results


def train(run: Run, names: Sequence[str], targets: Sequence[str] = (), *, force: bool = False) -> list[UnitResult]:
    """Search, refresh or skip the models of some units, and make the candidates champions.

    Args:
        targets: Train only these; all where none is given.
        force: Search every model anew.
    """
    run.settings.models_signer.require_signing()
    skipped = {} if force or targets else {result.unit: result for result in skip_untouched(run, names)}
    results = []
    for name in names:
        start = monotonic()
        results.append(skipped.get(name) or _train(run, name, targets, force=force).took(monotonic() - start))
    run.counters.keep()
    return results


def skip_untouched(run: Run, names: Sequence[str]) -> list[UnitResult]:
    """What `train` says of units none of whose models needs training; that all failed, where no model can be read."""
    try:
        untouched = run.use_case.untouched(run, names)
        run.store.save([result for results in untouched.values() for result in results], run.moment)
    except BrainError as error:
        log.error("%s", error)
        return [UnitResult(name, False, str(error), error) for name in names]
    return [_trained(run, name, results) for name, results in untouched.items()]


def judge(run: Run) -> Mapping[str, Any]:
    """Decide over all champions of the use case which may claim skill, so that few of the claims are false."""
    run.settings.models_signer.require_signing()
    judged = run.use_case.judge(run)
    run.counters.keep()
    return judged


def score(run: Run, names: Sequence[str]) -> list[UnitResult]:
    """Score the newest rows of some units and stage the rows for `publish`."""
    from brain.scoring.staged import stage

    run.settings.rows_signer.require_signing()
    rows = _score(run, names)
    stage(run.staging, run.moment, run.use_case.name, names, rows)
    run.counters.keep()
    for name in names:
        run.progress.report("score", _item(run, name))
    return [scored(run, name, rows) for name in names]


def publish(run: Run, chunks: Iterable[Sequence[str]], made_from: str | None = None) -> Publication:
    """Publish what `score` staged of `made_from` (see `brain.again`) for the chunks, all tables in one transaction.

    Raises:
        PublishError: The staged rows fail the gate; nothing is published.
    """
    from brain.quality.gate import keep_result
    from brain.warehouse.publish import TableRows
    from brain.warehouse.publish import publish as publish_tables

    case, (rows, result) = run.use_case, checked(run, chunks)
    keep_result(run.lake, case.name, run.moment, result)
    for finding in result.findings:
        log.warning("%s: %s", finding.rule, finding.message)
    if not result.passed:
        raise PublishError(
            result.subject,
            found=result.reason,
            expected="rows that pass the quality gate",
            remedy="Nothing was published; the tables still show the last good numbers. Look at the models named.",
        )
    given, url, name = [TableRows(one, rows[one.name]) for one in case.tables], run.settings.warehouse_url, case.name
    publication = publish_tables(url, name, given, case.derived(run.section), run.moment, case.ledgers)
    if publication.behind is not None:
        told = "%s: %s was published already, so %s is only added to the history"
        log.warning(told, name, publication.behind, publication.published_at)
    log.info("%s: %s%s", name, publication.line(), _stale_units(run) if publication.stale else "")
    remember(run, made_from, publication, result)
    if publication.gone:
        from brain.extract.report import shorten

        log.warning("%s: the rows of %s were removed: not in the catalogue any more", name, shorten(publication.gone))
    run.progress.report("publish", name)
    return publication


def checked(run: Run, chunks: Iterable[Sequence[str]]) -> tuple[dict[str, Rows], GateResult]:
    """By table, the rows that `score` staged for the chunks, completed; and what the gate says of them."""
    from brain.scoring.staged import staged
    from brain.warehouse.grid import complete, tell_refused

    found = staged(run.staging, run.moment, run.use_case.name, chunks)
    expected = run.use_case.rows(run.section)
    rows = {one.name: complete(one, found.rows.get(one.name), expected[one.name]) for one in run.use_case.tables}
    for unit, error in found.refused.items():
        log.error("the staged rows of %s are left out: %s", unit, error)
    tell_refused(rows.values(), found.refused, lambda row: run.use_case.model_key(row).entity)
    return rows, run.use_case.rules(run, rows)


def _stale_units(run: Run) -> str:
    from brain.warehouse.read import stale_models

    shown = [table for table in run.use_case.tables if table.model and table.marks_stale]
    rows = (row for table in shown for row in stale_models(run.settings.warehouse_url, table))
    units = sorted({run.use_case.model_key(row).entity for row in rows})
    return f"; stale: {', '.join(units)}" if units else ""


def evaluate(run: Run, *, full: bool = False) -> list[Evaluation]:
    """Score the published numbers that have come true by the run's moment, and say how good they were.

    Args:
        full: Look at every number again, not only at open ones and at those whose data was corrected.
    """
    from brain.warehouse.evaluation import evaluate as evaluate_ledgers

    url, name, ledgers = run.settings.warehouse_url, run.use_case.name, run.use_case.ledgers
    units = {given.table.name: unit.name for unit in run.units for given in run.use_case.inputs(run, unit.name)}
    outcomes, views = partial(run.use_case.outcomes, run), run.use_case.views
    found = evaluate_ledgers(url, name, ledgers, outcomes, run.moment, units, full=full, views=views)
    for one in found:
        log.info("%s", one.line())
    run.progress.report("evaluate", name)
    return found


def document(run: Run) -> str:
    """Render the quality gate's results of a moment as pages in the lake; returns their address, or why there are none.

    They are for people to read: where they cannot be written, a warning is logged and the run goes on.
    """
    from brain.quality.docs import build_data_docs

    try:
        return build_data_docs(run.lake, run.moment)
    except (LakeError, StorageUnavailable) as error:
        log.warning("no pages of the quality gate: %s", error)
        return f"none ({error})"


def tidy(workspace: Workspace, moment: Moment) -> list[UnitResult]:
    """Delete what nobody needs any more: old snapshots and model versions, and what past runs left in the lake.

    What a champion was trained on, and every version behind a number published within the audit window, stays.
    """
    from brain.core.progress import forget_runs
    from brain.lake.lake import Lake
    from brain.lake.retention import tidy_runs, tidy_unfinished

    runs = workspace.runs(moment)
    results = [_tidy(run, unit) for run in runs for unit in run.units]
    for run in runs:
        run.lake.keep_counters()
    days = max((unit.retention.snapshot_days for run in runs for unit in run.units), default=0)
    lake = Lake(workspace.settings.lake_url)
    past, unfinished = tidy_runs(lake, run_folders(), moment, days), tidy_unfinished(lake, moment)
    logs = forget_runs(workspace.settings.home, day_before(moment.day, f"{days}d") if days else moment.day)
    told = f"{past} folders of scores, shares and results, {unfinished} files of killed writers and {logs} logs removed"
    return [*results, UnitResult("past runs", True, told)]


def run_folders() -> tuple[str, ...]:
    """Lake folders that hold a folder for each run or day."""
    from brain.quality import docs, gate
    from brain.scoring import staged
    from brain.usecases.protocol import SHARED

    return gate.RESULTS, docs.FOLDER, staged.FOLDER, SHARED, "usual_shares"  # the last by releases before 0.2


def _item(run: Run, name: str) -> str:
    """How progress names a unit: use cases may have units of the same name."""
    return f"{run.use_case.name} {name}"


def _mark_corrected(run: Run, name: str, reports: Sequence[ExtractionReport]) -> None:
    """Note on the champions of a unit that rows they were trained on have changed since."""
    corrected = [report for report in reports if report.status == "corrected"]
    if corrected:
        told = "; ".join(report.correction() for report in corrected)
        run.store.mark_revised(name, told, run.moment.at, "; ".join(report.line() for report in corrected))


def _train(run: Run, name: str, targets: Sequence[str], *, force: bool) -> UnitResult:
    try:
        results = run.use_case.train(run, name, targets, force=force)
        saved = run.store.save(results, run.moment)
    except BrainError as error:
        log.error("%s", error)
        return UnitResult(name, False, str(error), error)
    except Exception as error:  # one unit must not end its chunk; the report turns red and names it
        log.exception("training %s", name)
        unforeseen = UnforeseenError.during("training", name, error)
        return UnitResult(name, False, str(unforeseen), unforeseen)
    return _trained(run, name, results, saved)


def _trained(
    run: Run, name: str, results: Sequence[TrainingResult], saved: Sequence[Saved | Refused] = ()
) -> UnitResult:
    told = trained(name, results, saved)
    log.info("%s: %s", told.unit, told.reason)
    for result in results:
        run.progress.report("train", f"{_item(run, name)} {result.key.target}")
    return told


def _score(run: Run, names: Sequence[str]) -> Mapping[str, Rows]:
    """By table, the rows of some units; an error is traced to its unit and contained to it.

    Raises:
        Transient: A server or the lake cannot be reached: nothing is known about any row, so try again.
    """
    try:
        return run.use_case.score(run, names)
    except Transient:
        raise
    except Exception as error:
        if len(names) == 1:
            log.exception("scoring %s", names[0])
            known = error if isinstance(error, BrainError) else UnforeseenError.during("scoring", names[0], error)
            return _unscored(run, names[0], known)
    from brain.scoring.blocks import together

    alone = [_score(run, [name]) for name in names]
    return {table.name: together([rows[table.name] for rows in alone]) for table in run.use_case.tables}


def _unscored(run: Run, name: str, error: BrainError) -> dict[str, pd.DataFrame]:
    """The rows that a unit is to have, or where only scoring tells had last: without a value, and with the reason."""
    import pandas as pd

    from brain.warehouse.tables import REASON

    expected = run.use_case.rows(run.section)
    rows = {}
    for table in run.use_case.tables:
        columns = list(dict.fromkeys((*table.row_names, REASON)))
        keys = expected[table.name]
        told = _last_shown(run, table, name) if keys is None else records(keys) if table.model else []
        own = [row for row in told if table.model is None or run.use_case.model_key(row).entity == name]
        rows[table.name] = pd.DataFrame(own, columns=columns).assign(**{REASON: str(error)})
    return rows


def _last_shown(run: Run, table: PublishedTable, name: str) -> list[dict[str, Any]]:
    """The keys of the rows that a table shows and would lose without them; of all units where it does not tell whose.

    One that follows another table keeps its rows by itself.
    """
    from brain.warehouse.read import shown_keys

    if table.unscored == "drop":
        return []
    if table.model is None and len(run.units) > 1:
        raise PublishError(
            table.name,
            found=f"{name} without rows, in a table that does not tell which unit a row is of",
            expected="columns of the model's key, or one unit",
            remedy="Nothing was staged. Score again; the tables still show the last good rows.",
        )
    return shown_keys(run.settings.warehouse_url, table)


def _tidy(run: Run, unit: Unit) -> UnitResult:
    from brain.lake.retention import tidy_table
    from brain.warehouse.read import referenced_versions

    audited = datetime.combine(day_before(run.moment.day, unit.retention.audit), time(), UTC)
    try:
        champions = run.store.champion_summaries([unit.name]).values()
        known = [one for found in champions for one in (found, found.newer) if one is not None]
        trained_on = {str(one.data_sha256): one.trained_at for one in known}
        inputs = run.use_case.inputs(run, unit.name)
        tidied = [tidy_table(run.lake, given.table, run.moment, trained_on) for given in inputs]
        rows = referenced_versions(run.settings.warehouse_url, run.use_case.tables, audited)
        removed = [] if rows is None else run.store.prune(
            keep=unit.retention.model_versions,
            referenced={(run.use_case.model_key(row), version) for row, version in rows},
            entities=[unit.name],
        )  # fmt: skip
    except BrainError as error:
        return UnitResult(unit.name, False, str(error), error)
    except Exception as error:  # one unit must not keep the others from being tidied; the report names it
        log.exception("tidying %s", unit.name)
        unforeseen = UnforeseenError.during("tidying", unit.name, error)
        return UnitResult(unit.name, False, str(unforeseen), unforeseen)
    versions, files = sum(len(one.versions) for one in tidied), sum(one.files for one in tidied)
    told = f"{versions} snapshots, {files} files and {len(removed)} model versions removed"
    kept = "; all model versions stay until the first publication" if rows is None else ""
    return UnitResult(unit.name, True, told + kept)
