"""The null and planted-signal benchmarks in a small form: no skill where there is none, found where there is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.grid.series import planted, planted_by, random_walk
from benchmarks.grid.train import Cell, Job, judged, known_at, train_job
from brain.learning.probability import log_loss
from brain.usecases.direction.catalogue import AssetSpec

pytestmark = pytest.mark.slow

HORIZONS = (1, 5, 20)
WALKS = 8
TRAINING = {"trials": 4, "classifiers": ["logistic", "boosting"]}


def _spec(name: str, horizons: tuple[int, ...]) -> AssetSpec:
    return AssetSpec.model_validate({"name": name, "table": name, "horizons": horizons, "training": TRAINING})


@pytest.fixture(scope="module")
def walks() -> list[Cell]:
    jobs = [Job(_spec(f"WALK{n}", HORIZONS), random_walk(1600, n, HORIZONS), 1000, 1600) for n in range(WALKS)]
    return judged([cell for job in jobs for cell in train_job(job)], level=0.1)


def test_random_walks_claim_no_skill(walks: list[Cell]) -> None:
    assert len(walks) == WALKS * len(HORIZONS)
    assert sum(cell.has_skill for cell in walks) <= 0.05 * len(walks)


def test_what_is_published_of_random_walks_costs_no_more_than_the_base_rate(walks: list[Cell]) -> None:
    published = np.mean([cell.loss(cell.published) / len(cell.rows) for cell in walks])
    base = np.mean([cell.loss(cell.base) / len(cell.rows) for cell in walks])
    assert published <= base * 1.005


def test_uncalibrated_models_of_random_walks_would_have_cost_more(walks: list[Cell]) -> None:
    assert sum(cell.loss(cell.uncalibrated) for cell in walks) > sum(cell.loss(cell.base) for cell in walks) * 1.002


@pytest.fixture(scope="module")
def signal() -> tuple[Cell, np.ndarray]:
    frame, chance = planted(13_000, 11, 0.5)
    cell = judged(train_job(Job(_spec("PLANTED", (1,)), frame, 3000, 13_000)), level=0.1)[0]
    return cell, chance[cell.rows]


def test_a_planted_signal_is_flagged(signal: tuple[Cell, np.ndarray]) -> None:
    assert signal[0].has_skill


def test_most_of_the_attainable_skill_is_recovered(signal: tuple[Cell, np.ndarray]) -> None:
    cell, truth = signal
    gain, attainable = (cell.loss(cell.base) - float(log_loss(cell.outcome, p).sum()) for p in (cell.published, truth))
    assert gain >= 0.8 * attainable


@pytest.mark.parametrize("dead", [0, 250])
def test_a_signal_that_has_died_is_disowned_within_250_rows(dead: int) -> None:
    """Of six series with a signal, trained when it holds and 250 rows after its end."""
    cells = []
    for seed in range(6):
        frame, _ = planted(2500, 20 + seed, 0.7)
        if dead:
            frame.loc[2500 - dead :, "signal"] = np.random.default_rng(seed).normal(size=dead)
        cells += judged(train_job(Job(_spec(f"DYING{seed}", (1,)), frame, 2500, 2500)), level=0.1)
    assert sum(cell.p_value < 0.01 for cell in cells) == 6
    assert sum(cell.has_skill for cell in cells) == (0 if dead else 6)


def test_a_cut_off_hides_every_return_that_reaches_beyond_it() -> None:
    known = known_at(random_walk(100, 0, (1, 20)), 60)
    assert len(known) == 60
    assert known["RETURNS1"].isna().sum() == 1
    assert known["RETURNS20"].isna().sum() == 20


@pytest.mark.parametrize("wild", [100.0, 1000.0])
def test_one_wild_row_takes_down_no_asset_and_no_figure(wild: float) -> None:
    """A feature of one row is far outside all others, and that row's outcome is another at 5 days than at 1."""
    frame, _ = planted_by("linear", 2500, 3, 1.0, horizons=(1, 5))
    middle = frame.iloc[1300:1900]
    row = middle.index[(middle["RETURNS1"] < 0) & (middle["RETURNS5"] > 0)][0]
    frame.loc[row, "feature_0"] = wild
    training = {"trials": 1, "classifiers": ["logistic"]}
    spec = AssetSpec.model_validate({"name": "WILD", "table": "wild", "horizons": (1, 5), "training": training})
    cells = train_job(Job(spec, frame, 2000, 2500))
    assert [cell.horizon for cell in cells] == [1, 5]
    for cell in cells:
        assert np.isfinite(cell.published).all()
        assert np.isfinite(cell.loss(cell.published))


def _leaking_together(rows: int) -> pd.DataFrame:
    """A random walk and two columns, neither of which knows the next return; their product is that return."""
    frame = random_walk(rows, 5, (1,))
    sign = np.random.default_rng(0).choice([-1.0, 1.0], size=rows)
    return frame.assign(coin=sign, tossed=sign * frame["Close"].pct_change().shift(-1).to_numpy())


@pytest.mark.parametrize(("plausible", "claims"), [(0.2, 0), (1.0, 1)])
def test_columns_that_know_the_future_only_together_claim_no_skill(plausible: float, claims: int) -> None:
    training = {"trials": 2, "classifiers": ["quadratic", "boosting"], "plausible_skill": plausible}
    spec = AssetSpec.model_validate({"name": "LEAK", "table": "leak", "horizons": (1,), "training": training})
    cells = judged(train_job(Job(spec, _leaking_together(1600), 1500, 1600)), level=0.1)
    assert sum(cell.has_skill for cell in cells) == claims
    assert [bool(cell.barred) for cell in cells] == [not claims]
