"""Features that know the future are left out with the evidence, honest ones are not: the benchmark `leak`, small."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from benchmarks.grid.series import planted, random_walk
from benchmarks.leak import run
from brain.core.keys import Sha256
from brain.core.moment import Moment
from brain.lake.columns import Column
from brain.lake.manifest import Revision, Version
from brain.learning.candidate import Candidate, DataReference
from brain.usecases.direction.catalogue import AssetSpec
from brain.usecases.direction.column_leaks import corrected, late, normalised
from brain.usecases.direction.dataset import prepare
from brain.usecases.direction.trainer import History, train_asset

Spec = Callable[..., AssetSpec]
pytestmark = pytest.mark.slow

NOW = Moment(datetime(2024, 1, 2, tzinfo=UTC))


@pytest.fixture
def frame() -> pd.DataFrame:
    return random_walk(900, 4, (1, 5))


@pytest.fixture(scope="module")
def figures() -> dict[str, float]:
    return run(quick=True).figures


@pytest.mark.parametrize("kind", ["exact", "shifted", "centred", "full-sample"])
@pytest.mark.parametrize("series", ["random walks", "demo"])
def test_every_copy_of_the_future_is_caught(figures: dict[str, float], kind: str, series: str) -> None:
    assert figures[f"{kind}, {series}"] == 1.0


@pytest.mark.parametrize("series", ["random walks", "demo", "planted signals"])
@pytest.mark.parametrize("kind", ["honest: the table's own", "honest: made up"])
def test_hardly_an_honest_feature_is_refused(figures: dict[str, float], kind: str, series: str) -> None:
    assert figures[f"{kind}, {series}"] <= 0.01


def test_the_evidence_says_what_it_equals_and_in_how_many_rows(frame: pd.DataFrame, spec: Spec) -> None:
    dataset = prepare(frame.assign(ahead=frame["RETURNS1"].ffill()), spec())
    assert dataset.dropped == {"ahead": f"knows the future: {dataset.leaks['ahead']}"}
    assert dataset.leaks["ahead"].startswith("it knows the change of Close 1 row(s) later (correlation +0.95")
    assert "ahead" not in dataset.features
    assert "momentum_1" in dataset.features


def test_the_owner_who_knows_better_is_believed(frame: pd.DataFrame, spec: Spec) -> None:
    trusting = spec().model_copy(update={"trust_features": ("ahead",)})
    assert "ahead" in prepare(frame.assign(ahead=frame["RETURNS1"].ffill()), trusting).features


def test_a_signal_of_four_percent_of_skill_is_honest(spec: Spec) -> None:
    for seed in range(5):
        assert prepare(planted(3000, seed, 0.5)[0], spec((1,))).leaks == {}


def test_a_feature_that_is_no_line_of_the_future_but_tells_it_is_caught(frame: pd.DataFrame, spec: Spec) -> None:
    size = np.random.default_rng(0).integers(0, 2, len(frame)) * 2 - 1
    change = frame["RETURNS1"].fillna(0.0)
    leaks = prepare(frame.assign(code=np.where(change >= 0, 3.0, 1.0) * size), spec()).leaks
    assert "of what there is to know of it" in leaks["code"]


def test_a_feature_that_is_filled_a_day_later_is_left_out(frame: pd.DataFrame, spec: Spec) -> None:
    slow = pd.Series(np.random.default_rng(1).normal(size=len(frame)))
    leaks = prepare(frame.assign(macro=slow.where(frame.index < len(frame) - 2)), spec()).leaks
    assert leaks == {
        "macro": "it is empty on the newest 2 row(s) and was never before: its values are known only later"
    }


def test_a_feature_with_gaps_may_end_with_one() -> None:
    monthly = np.where(np.arange(600) % 3 == 0, 1.0 + np.arange(600), np.nan)
    assert late(["monthly", "other"], np.column_stack([monthly[:-1], np.ones(599)])) == {}


def test_an_unfinished_newest_row_accuses_no_feature() -> None:
    values = np.random.default_rng(2).normal(size=(400, 3))
    values[-1] = np.nan
    assert late(["a", "b", "c"], values) == {}


def test_a_scale_of_all_rows_is_caught_and_one_of_earlier_rows_is_not() -> None:
    close = 100 + np.cumsum(np.random.default_rng(3).normal(size=500))
    whole, part = (close - close.mean()) / close.std(), (close - close[:400].mean()) / close[:400].std()
    assert list(normalised(["whole", "part"], np.column_stack([whole, part]), close)) == ["whole"]


def _version(number: int, columns: tuple[str, ...]) -> Version:
    day = date(2024, 1, number)
    return Version(
        number, day, 500, Sha256("0" * 64), (Column("Close"),), ("walk",), NOW, "corrected", (),
        Revision(day, day, 1, columns) if columns else None,
    )  # fmt: skip


def test_a_column_that_is_corrected_again_and_again_is_left_out(frame: pd.DataFrame, spec: Spec) -> None:
    every_day = [_version(day, ("momentum_1",)) for day in (1, 2, 3)]
    found = corrected([*every_day, _version(4, ()), _version(5, ("momentum_5",))], "Close")
    assert found == {"momentum_1": "its values were corrected after the fact in 3 of the last 5 extractions with news"}
    assert prepare(frame, spec(), found).leaks == found


def test_corrected_prices_accuse_no_feature() -> None:
    assert corrected([_version(day, ("Close", "momentum_1")) for day in (1, 2, 3, 4, 5)], "Close") == {}


def test_a_model_is_trained_without_the_leak_and_says_so(frame: pd.DataFrame, spec: Spec, data: DataReference) -> None:
    leaking = frame.assign(ahead=frame["RETURNS1"].ffill())
    (candidate,) = train_asset(History(leaking, data), spec((1,)), {}, moment=NOW)
    assert isinstance(candidate, Candidate)
    assert "ahead" not in candidate.features
    assert candidate.extra["dropped"]["ahead"].startswith("knows the future")
    assert list(candidate.metrics["leaks"]) == ["ahead"]


def test_an_asset_of_nothing_but_leaks_goes_on_with_its_base_rate(
    frame: pd.DataFrame, spec: Spec, data: DataReference
) -> None:
    leaking = frame[["Date", "Close", "RETURNS1", "RETURNS5"]].assign(ahead=frame["RETURNS1"].ffill())
    for candidate in train_asset(History(leaking, data), spec(), {}, moment=NOW):
        assert isinstance(candidate, Candidate)
        assert candidate.features == ("Close",)
        assert candidate.metrics["p_value"] == 1.0
        assert candidate.metrics["reason"].startswith("no feature is left: ahead: knows the future")


def test_returns_from_or_to_a_bad_tick_are_not_trained_on(frame: pd.DataFrame, spec: Spec) -> None:
    close = frame["Close"].where(frame.index != 300, frame["Close"] * 1.18)
    targets = {f"RETURNS{n}": close.shift(-n) / close - 1 for n in (1, 5)}
    dataset = prepare(frame.assign(Close=close, **targets), spec())
    assert dataset.bad_ticks == (str(frame["Date"][300].date()),)
    before = prepare(frame, spec())
    for horizon in (1, 5):
        missing = np.isnan(dataset.labels[horizon]) & ~np.isnan(before.labels[horizon])
        assert np.flatnonzero(missing).tolist() == [300 - horizon, 300]
    trusting = AssetSpec.model_validate({**spec().model_dump(), "quality": {"bad_ticks": "off"}})
    assert prepare(frame.assign(Close=close, **targets), trusting).bad_ticks == ()


def test_a_crash_that_lasts_is_no_bad_tick(frame: pd.DataFrame, spec: Spec) -> None:
    close = frame["Close"].where(frame.index < 300, frame["Close"] * 0.8)
    targets = {f"RETURNS{n}": close.shift(-n) / close - 1 for n in (1, 5)}
    assert prepare(frame.assign(Close=close, **targets), spec()).bad_ticks == ()
