"""What a new row costs a model: a refit with and without what is kept of the day before, and not refitting every day.

Part one refits the models of some real series on every one of a few next days, from nothing and with what the day
before kept, and compares every number. Part two asks what is lost in skill where a model is refitted every 5 or every
20 rows only: at places spread over the history, what the oldest model that such a rule serves (4 or 19 rows old) says
of a row, against what one refitted on that row says, scored by what came true.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.bounds import at_least, between, exactly
from benchmarks.market.unseen import named
from benchmarks.report import Report
from brain.core.keys import Sha256
from brain.core.moment import Moment
from brain.learning.candidate import Candidate, ChampionSummary, DataReference
from brain.learning.kept import KeptForecasts, from_bytes, to_bytes
from brain.learning.probability import log_loss
from brain.usecases.direction.catalogue import AssetSpec
from brain.usecases.direction.dataset import prepare
from brain.usecases.direction.names import horizon_of, target_name
from brain.usecases.direction.trainer import History, train_asset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

SERIES = ("DAX", "CHF", "BMW")
HORIZONS, QUICK_HORIZONS = (1, 5, 20), (1, 5)
ROWS, QUICK_ROWS = 3000, 700
DAYS, QUICK_DAYS = 3, 1
LATER = 200  # rows after the search
PLACES, QUICK_PLACES = 6, 1
RULES = (5, 20)
START = datetime(2023, 1, 1, tzinfo=UTC)
HOLDS = {
    "models": at_least(2),
    "numbers_that_differ": exactly(0),
    "found_share": between(0.1, 1.0),
    "forecasts_scored": at_least(2),
    "moved_by_*": between(0.0, 0.05),
    "loss_added_*": between(-0.2, 0.2),  # a quick run scores two forecasts
}
TIMED = ("cpu_ms_*", "cpu_ratio", "kept_kb_per_model")

Champions = dict[int, ChampionSummary]


@dataclass(frozen=True)
class Asset:
    """A series with all its rows, and how it is trained."""

    frame: pd.DataFrame
    spec: AssetSpec

    @property
    def first(self) -> int:
        """How many of its rows are known when its models are searched."""
        return len(self.frame) - LATER

    def known(self, rows: int) -> pd.DataFrame:
        """Its table when it had so many rows."""
        frame = self.frame[:rows].copy()
        for horizon in self.spec.horizons:
            frame.loc[rows - horizon :, target_name(horizon)] = np.nan
        return frame

    def trained(self, rows: int, champions: Champions, kept: Mapping[int, KeptForecasts]) -> list[Candidate]:
        """Its models with so many rows: searched where there are no champions, else refitted."""
        at, data = Moment(START + timedelta(days=bool(champions))), DataReference(_hash(rows), date(2023, 1, 1), ("t",))
        results = train_asset(History(self.known(rows), data, kept=kept), self.spec, champions, moment=at)
        return [one for one in results if isinstance(one, Candidate)]


def run(quick: bool) -> Report:
    assets = [_asset(name, quick) for name in (SERIES[:1] if quick else SERIES)]
    champions = [_champions(asset, asset.first) for asset in assets]
    kept = [
        _next_days(asset, found, asset.first, QUICK_DAYS if quick else DAYS)
        for asset, found in zip(assets, champions, strict=True)
    ]
    slow, fast, found, asked, differing, size, models = np.sum(kept, axis=0)
    figures = {
        "models": int(models),
        "numbers_that_differ": int(differing),
        "found_share": round(float(found / asked), 3),
        "cpu_ms_from_nothing": round(float(slow / models * 1e3), 1),
        "cpu_ms_with_what_is_kept": round(float(fast / models * 1e3), 1),
        "cpu_ratio": round(float(slow / fast), 2),
        "kept_kb_per_model": round(float(size / models / 1e3), 1),
    }
    rows: list[tuple[object, ...]] = [
        ("refit from nothing, CPU ms a model", figures["cpu_ms_from_nothing"], ""),
        ("refit with what is kept, CPU ms a model", figures["cpu_ms_with_what_is_kept"], f"{figures['cpu_ratio']}x"),
        ("forecasts of folds found again", figures["found_share"], ""),
    ]
    ages = (0, *(every - 1 for every in RULES))
    said = _said([*zip(assets, champions, strict=True)], ages, QUICK_PLACES if quick else PLACES)
    for every in RULES:
        figures |= _compared(every, said[every - 1], said[0])
        added, error = figures[f"loss_added_{every}"], figures[f"loss_added_error_{every}"]
        rows.append((f"refit every {every} rows: log loss added at most", f"{added:+.3%}", f"± {error:.3%}"))
        rows.append(
            (f"refit every {every} rows: a probability is off by at most, mean", figures[f"moved_by_{every}"], "")
        )
    return Report(
        title=f"What a new row costs: {len(assets)} series, horizons {', '.join(map(str, assets[0].spec.horizons))}",
        columns=("what", "figure", "against"),
        rows=rows,
        figures=figures,
        notes=[
            "Refits from nothing and with what the day before kept are made in turn, each timed by itself; looking up, "
            "hashing and writing what is kept count as its time. numbers_that_differ compares metrics, blends and "
            "probabilities bit for bit.",
            "Log loss added is relative, of the oldest model that the rule serves, as if every model had skill: mean "
            "over cells and places, with its standard error over places.",
        ],
    )  # fmt: skip


def _asset(name: str, quick: bool) -> Asset:
    horizons = QUICK_HORIZONS if quick else HORIZONS
    (series,) = named([name])
    frame = series.frame().iloc[-(QUICK_ROWS if quick else ROWS) :].reset_index(drop=True)
    targets = [column for column in frame if str(column).startswith("RETURNS")]
    wanted = {target_name(horizon) for horizon in horizons}
    training = {"trials": 1, "min_rows": 300, "classifiers": ("boosting",)} if quick else {}
    spec = {"name": name, "table": name, "horizons": horizons, "training": training}
    return Asset(frame.drop(columns=[one for one in targets if one not in wanted]), AssetSpec.model_validate(spec))


def _champions(asset: Asset, rows: int) -> Champions:
    return {
        horizon_of(one.key.target): ChampionSummary(
            1, one.parameters, one.features, one.searched_at, one.trained_at, one.data.data_sha256
        )
        for one in asset.trained(rows, {}, {})
    }


def _next_days(asset: Asset, champions: Champions, rows: int, days: int) -> tuple[float, ...]:
    """CPU seconds from nothing and with what is kept, forecasts found and asked, numbers that differ, bytes, models."""
    content, told = b"", np.zeros(7)
    for day in range(1, days + 2):
        sides: dict[str, list[Any]] = {}
        for side in (("slow", "fast"), ("fast", "slow"))[day % 2]:
            start = time.process_time()
            known = from_bytes(content) or {} if content and side == "fast" else {}
            kept = {horizon: KeptForecasts(known.get(str(horizon), {})) for horizon in champions}
            found = asset.trained(rows + day, champions, kept if side == "fast" else {})
            if side == "fast":
                content_next = to_bytes({str(horizon): one.said for horizon, one in kept.items()})
                counts = sum(one.found for one in kept.values()), sum(len(one.said) for one in kept.values())
            sides[side] = [time.process_time() - start, list(map(_bits, found))]
        content = content_next
        differing = sum(one != other for one, other in zip(sides["slow"][1], sides["fast"][1], strict=True))
        if day > 1:  # on the first nothing is kept yet
            told += (sides["slow"][0], sides["fast"][0], *counts, 0, len(content), len(sides["fast"][1]))
        told[4] += differing
    return tuple(told)


def _bits(model: Candidate) -> object:
    return model.metrics, model.head.to_json(), model.pipeline.predict_proba(model.check_rows).tobytes()


def _said(
    assets: Sequence[tuple[Asset, Champions]], ages: Sequence[int], places: int
) -> dict[int, NDArray[np.float64]]:
    """By age, log losses and probabilities of models so many rows old, shape (places, series x horizons, 2)."""
    said: dict[int, list[list[tuple[float, float]]]] = {age: [] for age in ages}
    for place in range(places):
        for age in ages:
            said[age].append([])
        for asset, champions in assets:
            end = len(asset.frame) - max(asset.spec.horizons) - place * (asset.first // 2 // places)
            row = _row(asset, end)
            for age in ages:
                for model in asset.trained(end - age, champions, {}):
                    outcome = np.array([float(asset.frame[model.key.target].iloc[end - 1] >= 0)])
                    value = model.head.apply(model.pipeline.predict_proba(row), True)
                    said[age][-1].append((float(log_loss(outcome, value)[0]), float(value[0])))
    return {age: np.array(found) for age, found in said.items()}


def _row(asset: Asset, rows: int) -> NDArray[np.float64]:
    """Features of the newest of so many rows, shape (1, d)."""
    return prepare(asset.known(rows), asset.spec).X[-1:]


def _compared(every: int, old: NDArray[np.float64], new: NDArray[np.float64]) -> dict[str, float]:
    added = (old[:, :, 0] - new[:, :, 0]).mean(axis=1) / new[:, :, 0].mean()
    error = float(added.std(ddof=1) / np.sqrt(len(added))) if len(added) > 1 else 0.0
    return {
        "forecasts_scored": int(new[:, :, 0].size),
        f"moved_by_{every}": round(float(np.abs(old[:, :, 1] - new[:, :, 1]).mean()), 5),
        f"loss_added_{every}": round(float(added.mean()), 6),
        f"loss_added_error_{every}": round(error, 6),
    }


def _hash(rows: int) -> Sha256:
    return Sha256(f"{rows:064x}")
