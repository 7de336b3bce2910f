"""Each step of the pipeline as one function of (workspace, assets, interval); DAGs, CLI and tests call these."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any

from brain.core.catalogue import Catalogue, load_catalogue
from brain.core.errors import BrainError, PublishError, SourceTableError, UnforeseenError
from brain.core.keys import ModelKey
from brain.core.progress import ProgressLog
from brain.usecases import USE_CASES
from brain.usecases.direction.catalogue import Assets, assets_of
from brain.usecases.direction.names import NAME, horizon_of, model_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from brain.core.moment import Moment
    from brain.core.settings import Settings
    from brain.extract.report import ExtractionReport
    from brain.lake.lake import Lake, Snapshot
    from brain.learning.candidate import TrainingResult
    from brain.source.open import Source
    from brain.store.models import ModelStore
    from brain.usecases.direction.catalogue import AssetSpec
    from brain.usecases.direction.peer_shares import PeerShares
    from brain.warehouse.publish import Publication


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Workspace:
    """Where a step works: the settings, and the catalogue with discovered tables."""

    settings: Settings
    catalogue: Catalogue

    @property
    def assets(self) -> Assets:
        return assets_of(self.catalogue)

    def progress(self, moment: Moment) -> ProgressLog:
        return ProgressLog.of(self.settings.home, moment)


@dataclass(frozen=True)
class UnitResult:
    """What a step did for one asset; tidying also tells of past runs.

    Args:
        ok: Whether the asset went through.
        reason: What was done, or why not, in a sentence.
        error: The error behind a failure, so that the caller can tell a passing one from a lasting one.
    """

    asset: str
    ok: bool
    reason: str
    error: BrainError | None = None


def open_workspace(settings: Settings) -> Workspace:
    """Load the catalogue and, where it asks for it, add the tables the source has.

    Raises:
        CatalogueError: The catalogue is wrong, or nothing was discovered.
    """
    catalogue = load_catalogue(settings.catalogue_path, USE_CASES)
    if catalogue.source.discover:
        from brain.source.open import open_source

        source = open_source(settings, catalogue.source.schema_name)
        try:
            catalogue = catalogue.with_section(NAME, assets_of(catalogue).with_tables(source.discover()))
        finally:
            source.close()
    return Workspace(settings, catalogue)


def extract(workspace: Workspace, names: Sequence[str], moment: Moment, *, full: bool = False) -> list[UnitResult]:
    """Bring the lake up to the interval's end; a failing asset keeps its previous snapshot.

    Champions trained on rows that turn out corrected are marked, and every extraction is recorded in `extraction_runs`.
    """
    from brain.lake.lake import Lake
    from brain.source.open import open_source
    from brain.warehouse.extraction_runs import record_runs

    progress = workspace.progress(moment)
    lake = Lake(workspace.settings.lake_url)
    source = open_source(workspace.settings, workspace.catalogue.source.schema_name)
    reports = []
    try:
        for name in names:
            reports.append(_extract_asset(source, lake, workspace.assets.asset(name), moment, full=full))
            progress.report("extract", name)
    finally:
        source.close()
    _mark_revised(workspace, reports, moment)
    record_runs(workspace.settings.warehouse_url, reports)
    return [UnitResult(report.asset, report.ok, report.line(), report.error) for report in reports]


def train(
    workspace: Workspace,
    names: Sequence[str],
    moment: Moment,
    *,
    horizons: Sequence[int] = (),
    force: bool = False,
) -> list[UnitResult]:
    """Search, refresh or skip the models of some assets, and make the candidates champions."""
    from brain.lake.lake import Lake
    from brain.store.models import ModelStore
    from brain.usecases.direction.peer_shares import up_counts

    lake, store = Lake(workspace.settings.lake_url), ModelStore.open(workspace.settings)
    chosen = workspace.assets.only(names, horizons)
    counts = up_counts(lake, workspace.assets.names, workspace.assets.horizons, moment.day)
    return [
        _train_asset(workspace, lake, store, spec, moment, counts.without(spec.name), force=force)
        for spec in chosen.assets
    ]


def judge(workspace: Workspace, moment: Moment) -> dict[str, Any]:
    """Decide over the whole grid which champions may claim skill, so that few of the claims are false."""
    from brain.learning.skill import control_fdr
    from brain.store.models import ModelStore
    from brain.store.verdicts import Verdict

    store = ModelStore.open(workspace.settings)
    grid = {model_key(asset.name, horizon) for asset in workspace.assets.assets for horizon in asset.horizons}
    judged = [claim for claim in store.claims(workspace.assets.names) if claim.key in grid]
    level = min((asset.training.false_discovery_rate for asset in workspace.assets.assets), default=0.05)
    proven = control_fdr({claim.key: claim.p_value for claim in judged}, level)
    recorded = store.record_verdicts(
        Verdict(claim.key, claim.version, proven[claim.key], claim.p_value, None, moment.at) for claim in judged
    )
    return {"models": len(judged), "with_skill": sum(proven.values()), "recorded": recorded}


def score(workspace: Workspace, names: Sequence[str], moment: Moment) -> list[UnitResult]:
    """Score the newest rows of some assets and stage the cells for `publish`."""
    from brain.lake.lake import Lake
    from brain.scoring.staged import stage
    from brain.store.models import ModelStore

    lake, store = Lake(workspace.settings.lake_url), ModelStore.open(workspace.settings)
    chosen = workspace.assets.only(names)
    cells = _score_cells(store, lake, chosen.assets, moment)
    stage(lake, moment, names, cells)
    progress = workspace.progress(moment)
    for name in names:
        progress.report("score", name)
    return [_scored(name, cells[cells["asset"] == name]) for name in names]


def publish(workspace: Workspace, chunks: Iterable[Sequence[str]], moment: Moment) -> Publication:
    """Publish what `score` staged for the chunks; a cell that was not scored keeps its last value, marked stale.

    Raises:
        PublishError: The staged cells fail the gate; nothing is published.
    """
    from brain.lake.lake import Lake
    from brain.quality.gate import keep_results
    from brain.scoring.staged import staged
    from brain.usecases.direction.published_check import check_probabilities
    from brain.warehouse.publish import publish as publish_cells

    lake = Lake(workspace.settings.lake_url)
    cells = _whole_grid(workspace.assets, staged(lake, moment, chunks))
    report = check_probabilities(cells, workspace.assets, moment)
    keep_results(lake, moment, report)
    for finding in report.findings:
        log.warning("%s: %s", finding.rule, finding.message)
    if not report.passed:
        raise PublishError(
            "Probabilities",
            found=report.reason,
            expected="cells that pass the quality gate",
            remedy="Nothing was published; the tables still show the last good numbers. Look at the models named.",
        )
    publication = publish_cells(workspace.settings.warehouse_url, workspace.assets, cells, moment.at)
    workspace.progress(moment).report("publish", "Probabilities")
    return publication


def document(workspace: Workspace, moment: Moment) -> str:
    """Render the quality gate's verdicts of an interval as pages in the lake; returns their address."""
    from brain.lake.lake import Lake
    from brain.quality.docs import build_data_docs

    return build_data_docs(Lake(workspace.settings.lake_url), moment)


def tidy(workspace: Workspace, moment: Moment) -> list[UnitResult]:
    """Delete what nobody needs any more: old snapshots of the lake, old model versions and what past runs left behind.

    What a champion was trained on, and every version behind a number published within the audit window, stays.
    """
    from brain.core.durations import day_before
    from brain.lake.lake import Lake
    from brain.lake.retention import tidy_asset, tidy_runs
    from brain.quality import docs, gate
    from brain.scoring import staged
    from brain.store.models import ModelStore
    from brain.usecases.direction import peer_shares as peers
    from brain.warehouse.read import referenced_versions

    lake, store = Lake(workspace.settings.lake_url), ModelStore.open(workspace.settings)
    outcomes = []
    for spec in workspace.assets.assets:
        audited = datetime.combine(day_before(moment.day, spec.retention.audit), time(), UTC)
        try:
            trained_on = {
                str(found.snapshot): found.trained_at for found in store.champion_summaries([spec.name]).values()
            }
            tidied = tidy_asset(lake, spec, moment, trained_on)
            removed = store.prune(
                keep=spec.retention.model_versions,
                referenced=referenced_versions(workspace.settings.warehouse_url, audited),
                entities=[spec.name],
            )
        except BrainError as error:
            outcomes.append(UnitResult(spec.name, False, str(error), error))
            continue
        told = f"{len(tidied.versions)} snapshots, {tidied.files} files and {len(removed)} model versions removed"
        outcomes.append(UnitResult(spec.name, True, told))
    folders = (gate.RESULTS, docs.FOLDER, peers.FOLDER, staged.FOLDER)
    days = max((spec.retention.snapshot_days for spec in workspace.assets.assets), default=0)
    past = tidy_runs(lake, folders, moment, days)
    return [*outcomes, UnitResult("past runs", True, f"{past} folders of scores, shares and verdicts removed")]


def _extract_asset(source: Source, lake: Lake, spec: AssetSpec, moment: Moment, *, full: bool) -> ExtractionReport:
    from brain.extract.incremental import extract_asset
    from brain.extract.report import ExtractionReport
    from brain.quality.gate import asset_gate

    try:
        report = extract_asset(source, lake, spec, moment, asset_gate(lake, spec, moment), full=full)
    except Exception as error:  # one asset must not end its chunk; the report turns red and names it
        log.exception("extracting %s", spec.name)
        unforeseen = UnforeseenError.during("extraction", spec.name, error)
        report = ExtractionReport(spec.name, moment.at, "failed", reason=str(unforeseen), error=unforeseen)
    log.log(logging.INFO if report.ok else logging.ERROR, "%s", report.line())
    return report


def _score_cells(store: ModelStore, lake: Lake, specs: Sequence[AssetSpec], moment: Moment) -> pd.DataFrame:
    """The cells of some assets; an unforeseen error among them is traced to its asset and contained to it."""
    from brain.scoring.batch import CellFailure, ScoringResult, score_assets

    try:
        return score_assets(store, lake, specs, moment).cells()
    except BrainError:
        raise
    except Exception as error:
        if len(specs) == 1:
            log.exception("scoring %s", specs[0].name)
            unforeseen = UnforeseenError.during("scoring", specs[0].name, error)
            failures = [CellFailure(specs[0].name, horizon, unforeseen) for horizon in specs[0].horizons]
            return ScoringResult(failures=failures).cells()
    import pandas as pd

    return pd.concat([_score_cells(store, lake, [spec], moment) for spec in specs], ignore_index=True)


def _train_asset(
    workspace: Workspace,
    lake: Lake,
    store: ModelStore,
    spec: AssetSpec,
    moment: Moment,
    peers: PeerShares,
    *,
    force: bool,
) -> UnitResult:
    try:
        snapshot = lake.as_of(spec.name, moment.day)
        if snapshot is None:
            raise SourceTableError(
                spec.name,
                found="no snapshot in the lake",
                expected="rows that passed the quality gate",
                remedy="See what `extract_assets` says about it.",
            )
        outcomes = _train_models(
            lake, store, workspace.assets.asset(spec.name), spec.horizons, snapshot, moment, peers, force=force
        )
    except BrainError as error:
        log.error("%s", error)
        return UnitResult(spec.name, False, str(error), error)
    except Exception as error:  # one asset must not end its chunk; the report turns red and names it
        log.exception("training %s", spec.name)
        unforeseen = UnforeseenError.during("training", spec.name, error)
        return UnitResult(spec.name, False, str(unforeseen), unforeseen)
    log.info("%s: %s", outcomes.asset, outcomes.reason)
    progress = workspace.progress(moment)
    for horizon in spec.horizons:
        progress.report("train", f"{spec.name} {horizon}")
    return outcomes


def _train_models(
    lake: Lake,
    store: ModelStore,
    spec: AssetSpec,
    horizons: Sequence[int],
    snapshot: Snapshot,
    moment: Moment,
    peers: PeerShares,
    *,
    force: bool,
) -> UnitResult:
    from brain.learning.candidate import Candidate, DataReference, Decision, Failed, Skipped
    from brain.learning.policy import lost_skill
    from brain.store.champions import Refused
    from brain.usecases.direction.trainer import History, train_asset

    champions = {horizon_of(key.target): found for key, found in store.champion_summaries([spec.name]).items()}
    data = DataReference(snapshot.sha256, snapshot.watermark, snapshot.source_tables)
    history = History(lake.read(snapshot), data, peers)
    outcomes = train_asset(history, spec, champions, moment=moment, horizons=horizons, force=force)
    candidates = [outcome for outcome in outcomes if isinstance(outcome, Candidate)]
    saved = store.save(candidates)
    lost = {
        found.key: lost_skill(champions.get(horizon_of(found.key.target)), found.decision, found.metrics)
        for found in candidates
    }
    store.mark_degraded({key: reason for key, reason in lost.items() if reason})
    refused = {outcome.key: str(outcome.error) for outcome in saved if isinstance(outcome, Refused)}
    failed = {outcome.key: f"{outcome.reason}. {outcome.remedy}" for outcome in outcomes if isinstance(outcome, Failed)}
    decisions = {outcome.key: outcome.decision for outcome in outcomes if isinstance(outcome, Candidate | Skipped)}
    decisions |= {key: Decision("skip", f"failed: {reason}") for key, reason in (refused | failed).items()}
    store.record_decisions(moment, decisions)
    return _trained(spec.name, outcomes, refused | failed)


def _trained(name: str, outcomes: Sequence[TrainingResult], failures: dict[ModelKey, str]) -> UnitResult:
    from collections import Counter

    from brain.learning.candidate import Failed

    done = Counter(o.decision.action for o in outcomes if not isinstance(o, Failed) and o.key not in failures)
    told = ", ".join(f"{count} {action}" for action, count in done.items()) or "no model"
    if failures:
        told += "; " + "; ".join(f"{key.target}: {reason}" for key, reason in failures.items())
    return UnitResult(name, not failures, told)


def _scored(name: str, cells: pd.DataFrame) -> UnitResult:
    failed = cells[cells["probability"].isna()]
    told = f"{len(cells) - len(failed)} of {len(cells)} cells scored"
    if len(failed):
        told += "; " + "; ".join(
            f"{h}: {reason}" for h, reason in zip(failed["horizon"], failed["reason"], strict=True)
        )
    return UnitResult(name, failed.empty, told)


def _whole_grid(catalogue: Assets, scored: pd.DataFrame) -> pd.DataFrame:
    """One line for each cell of the catalogue; those whose chunk was not scored say so."""
    import pandas as pd

    from brain.scoring.batch import CELL_COLUMNS

    grid = pd.DataFrame(
        [(asset.name, horizon) for asset in catalogue.assets for horizon in asset.horizons],
        columns=["asset", "horizon"],
    )
    if scored.empty:
        scored = pd.DataFrame(columns=list(CELL_COLUMNS))
    cells = grid.merge(scored, on=["asset", "horizon"], how="left", indicator=True)
    cells.loc[cells["_merge"] == "left_only", "reason"] = "its chunk was not scored in this run"
    return cells.drop(columns="_merge")


def _mark_revised(workspace: Workspace, reports: Sequence[ExtractionReport], moment: Moment) -> None:
    """Note on the champions of corrected assets that their training rows have changed since."""
    corrected = [report for report in reports if report.verdict == "corrected" and report.corrected_dates]
    if not corrected:
        return
    from brain.store.models import ModelStore

    store = ModelStore.open(workspace.settings)
    for report in corrected:
        store.mark_revised(report.asset, report.line(), moment.at)
