"""The verb `score` of direction: a row of `probability_details` for each asset and horizon, and why it is so."""

from __future__ import annotations

import logging
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from brain.core.errors import BrainError, ModelNotFound, ScoringError
from brain.core.keys import ModelKey
from brain.portable.heads import Blend
from brain.scoring.batch import Score, Unscored, Wanted, score_newest
from brain.store.browse import last_decisions
from brain.usecases.direction.names import SPACE, horizon_of, target_name
from brain.usecases.direction.reasons import probabilities_on_the_way, reasons_of
from brain.usecases.direction.tables import PROBABILITY_DETAILS, PROBABILITY_REASONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from brain.core.moment import Moment
    from brain.lake.lake import Lake
    from brain.store.models import ModelStore
    from brain.usecases.direction.catalogue import AssetSpec
    from brain.warehouse.tables import PublishedTable

log = logging.getLogger(__name__)


def score_tables(
    store: ModelStore,
    lake: Lake,
    assets: Sequence[AssetSpec],
    moment: Moment,
    *,
    past: bool = False,
    failing: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, pd.DataFrame]:
    """Every cell of `assets` once, by table: scored on the newest row known at `moment`, or with the reason why not.

    Args:
        past: Score with the champions of `moment`: see `score_newest`. Why these numbers are so is not told: no reader
            sees them but in the history.
        failing: By asset, why its last extraction failed: its cells are computed from older rows and say so.

    Raises:
        Transient: A server or the lake cannot be reached: nothing is known about any cell, so try again.
    """
    reasons: list[tuple[Any, ...]] = []
    cells = _cells(store, lake, assets, moment, failing, past=past, reasons=None if past else reasons)
    return {PROBABILITY_DETAILS.name: cells, PROBABILITY_REASONS.name: _frame(reasons, PROBABILITY_REASONS)}


def score_cells(
    store: ModelStore,
    lake: Lake,
    assets: Sequence[AssetSpec],
    moment: Moment,
    *,
    failing: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame:
    """The rows of `probability_details` alone, as `score_tables` gives them."""
    return _cells(store, lake, assets, moment, failing, past=False, reasons=None)


def _cells(
    store: ModelStore,
    lake: Lake,
    assets: Sequence[AssetSpec],
    moment: Moment,
    failing: Mapping[str, str],
    *,
    past: bool,
    reasons: list[tuple[Any, ...]] | None,
) -> pd.DataFrame:
    """The rows of `probability_details`; those of `probability_reasons` are added to `reasons`, if it is given.

    A model is forgotten as soon as its rows are made.
    """
    wanted = [Wanted(asset.name, tuple(map(target_name, asset.horizons))) for asset in assets]
    rows: list[dict[str, Any] | Unscored] = []
    for one in score_newest(store, lake, SPACE, wanted, moment, past=past, record=reasons is not None):
        if isinstance(one, Unscored):
            rows.append(one)
            continue
        rows.append(_row(one))
        if reasons is not None:
            reasons += _why(one)
    unscored = [row for row in rows if isinstance(row, Unscored)]
    untrained = {one.key.entity for one in unscored if isinstance(one.error, ModelNotFound)}
    causes = _why_untrained(store, sorted(untrained), moment)
    told = (_caused(row, causes, failing) if isinstance(row, Unscored) else row for row in rows)
    return _frame([{"reason": failing.get(row["asset"]), **row} for row in told], PROBABILITY_DETAILS)


def _frame(rows: Sequence[Any], table: PublishedTable) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows, columns=list(table.row_names))


def _why(found: Score) -> Iterator[tuple[Any, ...]]:
    """The rows of `probability_reasons`; none where there is no probability, or where it cannot be taken apart."""
    champion, key = found.champion, found.key
    if not 0 < found.value < 1:
        return
    try:
        reasons = reasons_of(champion.model, found.row, champion.has_skill, found.value, found.evaluator)
    except BrainError as error:  # the number is sound: it is published without
        log.warning("no reasons of %s: %s", key, error)
        return
    on_the_way = probabilities_on_the_way(reasons, found.value)
    horizon, version = horizon_of(key.target), champion.model.version
    for position, (reason, probability) in enumerate(zip(reasons, map(float, on_the_way), strict=True), 1):
        told = (reason.kind, reason.feature, reason.value, reason.words, reason.part, probability)
        yield (key.entity, horizon, position, *told, found.as_of, version)


def _why_untrained(store: ModelStore, assets: Sequence[str], moment: Moment) -> dict[ModelKey, str]:
    """Why training failed, for the models of `assets` whose last one by `moment` did."""
    if not assets:
        return {}
    return {
        ModelKey(store.use_case, one.entity, one.target): f"its training failed: {one.reason}"
        for one in last_decisions(store, assets)
        if one.action == "failed" and one.moment <= moment.at
    }


def _caused(found: Unscored, causes: Mapping[ModelKey, str], failing: Mapping[str, str]) -> dict[str, Any]:
    """A row without a probability, with the cause: why training failed, or why the asset was not extracted."""
    cause = causes.get(found.key) or failing.get(found.key.entity)
    return {**_cell(found.key), "reason": cause or str(found.error)}


def _row(found: Score) -> dict[str, Any]:
    try:
        return {**_cell(found.key), **_scored(found)}
    except ScoringError as error:
        return {**_cell(found.key), "reason": str(error)}


def _cell(key: ModelKey) -> dict[str, Any]:
    return {"asset": key.entity, "horizon": horizon_of(key.target)}


def _scored(found: Score) -> dict[str, Any]:
    model, head = found.champion.model, found.champion.model.head
    assert isinstance(head, Blend), f"{model.key} v{model.version} was not trained for direction"
    if not 0 <= found.value <= 1:
        raise ScoringError(
            f"{model.key} v{model.version}",
            found=f"the probability {found.value} for the row of {found.as_of}",
            expected="a number between 0 and 1",
            remedy="Look for missing or infinite values in that row; correct them at the source, or train anew.",
        )
    return {
        "as_of": found.as_of,
        "probability": found.value,
        "base_rate": head.base_rate,
        "skill": model.skill,
        "has_skill": found.champion.has_skill,
        "model_version": model.version,
        "trained_at": model.trained_at,
        "data_sha256": found.data_sha256,
        "left_out": _left_out(model.document["metrics"].get("leaks")),
    }


def _left_out(leaks: Mapping[str, str] | None) -> str | None:
    return "; ".join(f"{name}: {evidence}" for name, evidence in leaks.items()) if leaks else None
