"""Whatever comes after a row, what was said before it stays the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.grid.series import random_walk
from brain.learning.design_matrix import DesignMatrix
from brain.learning.fitting import quiet_single_thread
from brain.usecases.direction.backtest import Backtest, backtest, pooled
from brain.usecases.direction.base_rate import BaseRates
from brain.usecases.direction.catalogue import AssetSpec
from brain.usecases.direction.cell import Cell, cut_cell
from brain.usecases.direction.dataset import AssetDataset, prepare
from brain.usecases.direction.peer_shares import PeerShares

HORIZONS = (1, 5, 21, 60)
SPEC = AssetSpec(name="WALK", table="walk", horizons=HORIZONS)
LINEAR: dict[str, Any] = {"classifier": "logistic", "penalty": "l2", "select": "none", "C": 0.1, "seed": 0}
RECIPES = [
    {**LINEAR, "scale": "standard"},
    {**LINEAR, "scale": "none"},
    {**LINEAR, "scale": "robust"},
    {"classifier": "forest", "select": "none", "trees": 5, "depth": 3, "leaf": 0.05, "features": "sqrt", "seed": 0},
]


@pytest.fixture(scope="module")
def known() -> AssetDataset:
    frame = random_walk(6000, 3, HORIZONS)
    frame.loc[:300, "momentum_60"] = np.nan
    frame.loc[2000:2100, "volatility_5"] = np.nan
    return prepare(frame, SPEC)


def otherwise(known: AssetDataset, cut: int) -> AssetDataset:
    """The same until row `cut`; then other features, and other outcomes of all labels that end after it."""
    draw = np.random.default_rng(0)
    X = known.X.copy()
    X[cut + 1 :] = 3 * draw.normal(size=X[cut + 1 :].shape) * np.nanstd(X, axis=0) + 1
    ends = np.arange(len(X))
    labels = {
        horizon: np.where((ends + horizon > cut) & ~np.isnan(label), draw.random(len(label)) < 0.9, label)
        for horizon, label in known.labels.items()
    }
    return replace(known, X=X, design=DesignMatrix.of(X), labels=labels)


def others(known: AssetDataset, cut: int, later: int) -> dict[int, np.ndarray]:
    """Of the labels of other assets that end in the year of `cut` or after it, `later` of 200 are ups."""
    this_year = int(str(known.dates[cut])[:4])
    by_year = {year: (later if year >= this_year else 100 + year % 7, 200) for year in range(1980, 2060)}
    return PeerShares(dict.fromkeys(HORIZONS, by_year)).by_row(HORIZONS, known.dates)


def cell_of(data: AssetDataset, peers: dict[int, np.ndarray], horizon: int) -> Cell:
    cell = cut_cell(data, horizon, SPEC.training, BaseRates.of(data.labels, peers))
    assert not cell.training.thin
    return cell


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe['classifier']} {recipe.get('scale', '')}")
@pytest.mark.parametrize("horizon", HORIZONS)
def test_what_was_said_before_a_row_owes_nothing_to_what_came_after(
    known: AssetDataset, horizon: int, recipe: dict[str, Any]
) -> None:
    folds = cell_of(known, {}, horizon).training.folds.evidence
    cut = int(folds[2].test[0])  # the row on which a fold's model, just fitted, first says something
    with quiet_single_thread():
        before = backtest(cell_of(known, others(known, cut, 120), horizon), recipe)
        after = backtest(cell_of(otherwise(known, cut), others(known, cut, 190), horizon), recipe)
    past = before.rows <= cut
    assert (before.rows == after.rows).all()
    for what in ("raw", "evidence", "base", "share", "blend"):
        assert getattr(after, what)[past] == pytest.approx(getattr(before, what)[past], abs=1e-6, nan_ok=True), what
        assert getattr(after, what)[-1] != pytest.approx(getattr(before, what)[-1], abs=1e-6), what


def test_what_other_horizons_show_counts_only_from_when_it_is_known(known: AssetDataset) -> None:
    """All horizons' labels change after the cut; the pooled blend before it does not."""
    cut = int(cell_of(known, {}, 21).training.folds.evidence[2].test[0])
    with quiet_single_thread():
        before, after = (pooled(*_own_and_others(data, RECIPES[0])) for data in (known, otherwise(known, cut)))
    past = before.rows <= cut
    assert after.blend[past] == pytest.approx(before.blend[past], abs=1e-6, nan_ok=True)
    assert after.blend[-1] != pytest.approx(before.blend[-1], abs=1e-6)
    with quiet_single_thread():
        alone = backtest(cell_of(known, {}, 21), RECIPES[0])
    assert not np.allclose(before.blend[past], alone.blend[past], equal_nan=True), "nothing was pooled"


def _own_and_others(data: AssetDataset, recipe: dict[str, Any]) -> tuple[Backtest, list[Backtest]]:
    own, *others = (backtest(cell_of(data, {}, horizon), recipe) for horizon in (21, 1, 5, 60))
    return own, others
