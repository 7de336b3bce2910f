"""What the tasks do: open the workspace, call the step, tell what happened. Imported inside tasks only."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import get_current_context

from brain import steps
from brain.core.errors import Transient
from orchestration.connections import settings_of_task
from orchestration.tasks import chunk_label, chunks, current_moment

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger(__name__)

# About how many chunks, and the most assets in one: docs/decisions/chunks-not-tasks.md says why.
EXTRACT_CHUNKS = (2, 50)
TRAIN_CHUNKS = (6, 10)
SCORE_CHUNKS = (1, 250)


def plan_extraction(assets: Sequence[str]) -> list[list[str]]:
    """Chunks of assets to extract."""
    workspace = _workspace()
    chosen = workspace.assets.only(assets)
    workspace.progress(current_moment()).expect("extract", len(chosen.assets))
    return chunks(chosen.names, *EXTRACT_CHUNKS)


def plan_training(assets: Sequence[str], horizons: Sequence[int]) -> list[list[str]]:
    """Chunks of assets to train."""
    workspace = _workspace()
    chosen = workspace.assets.only(assets, horizons)
    workspace.progress(current_moment()).expect("train", sum(len(asset.horizons) for asset in chosen.assets))
    return chunks(chosen.names, *TRAIN_CHUNKS)


def plan_scoring() -> list[list[str]]:
    """Chunks of assets to score: always all, because the published table shows all."""
    workspace = _workspace()
    progress = workspace.progress(current_moment())
    progress.expect("score", len(workspace.assets.assets))
    progress.expect("publish", 1)
    return chunks(workspace.assets.names, *SCORE_CHUNKS)


def extract_chunk(names: list[str]) -> list[dict[str, Any]]:
    """Extract some assets; every outcome is told before a transient failure asks for a retry."""
    _name_chunk(names)
    return _tell(steps.extract(_workspace(), names, current_moment()))


def document_quality() -> str:
    """Render the quality gate's verdicts; returns the address of the pages."""
    address = steps.document(_workspace(), current_moment())
    log.info("Data Docs: %s", address)
    return address


def tidy_up() -> list[dict[str, Any]]:
    """Delete what nobody needs any more."""
    return _tell(steps.tidy(_workspace(), current_moment()))


def train_chunk(names: list[str], horizons: list[int], force: bool) -> list[dict[str, Any]]:
    """Train some assets' models."""
    _name_chunk(names)
    return _tell(steps.train(_workspace(), names, current_moment(), horizons=horizons, force=force))


def judge_grid() -> dict[str, Any]:
    """Decide over the whole grid which models have skill."""
    return steps.judge(_workspace(), current_moment())


def score_chunk(names: list[str]) -> list[dict[str, Any]]:
    """Score some assets' newest rows."""
    _name_chunk(names)
    return _tell(steps.score(_workspace(), names, current_moment()))


def publish_scores(planned: list[list[str]]) -> dict[str, Any]:
    """Publish what the chunks scored."""
    publication = asdict(steps.publish(_workspace(), planned, current_moment()))
    return {name: str(value) if name == "published_at" else value for name, value in publication.items()}


def _workspace() -> steps.Workspace:
    return steps.open_workspace(settings_of_task())


def _name_chunk(names: Sequence[str]) -> None:
    cast("dict[str, Any]", get_current_context())["chunk_name"] = chunk_label(names)


def _tell(outcomes: Sequence[steps.UnitResult]) -> list[dict[str, Any]]:
    """The outcomes as plain values for the report; a transient failure among them is raised afterwards."""
    told = [{"asset": outcome.asset, "ok": outcome.ok, "reason": outcome.reason} for outcome in outcomes]
    passing = next((outcome.error for outcome in outcomes if isinstance(outcome.error, Transient)), None)
    if passing is not None:
        get_current_context()["ti"].xcom_push(key="return_value", value=told)
        raise passing
    return told
