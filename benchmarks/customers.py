"""Lists for customers: how good they are on public data, beside what is simpler and beside other programs."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from typing import Any

import numpy as np

from benchmarks.bounds import at_least
from benchmarks.report import Report
from benchmarks.shops.accuracy import LISTS, films, groceries, implicit_split, matrix, split, time_split
from brain.usecases.recommendations.measures import Measured
from brain.usecases.recommendations.names import EASE, FOR_YOU, NEW_FOR_YOU, POPULARITY

SEEDS = range(5)
HOLDS = {
    "films_*_ndcg": at_least(0.15),
    "films_*_map": at_least(0.03),
    "films_*_gain": at_least(0.02),
    "groceries_*": at_least(0.03),
}
TIMED = ()
RIVALS = ("implicit_*",)


def run(quick: bool) -> Report:
    """The quick form takes one seed and a small shop."""
    figures: dict[str, Any] = {}
    table = [*_films(figures, quick), *_groceries(figures, quick)]
    return Report(
        title="Lists for customers",
        columns=("what", "method", "nDCG@10", "MAP@10", "precision@10"),
        rows=table,
        figures=figures,
        notes=[
            "Random split: three quarters of each person's items train, k = 10, what she has seen is not listed;"
            " penalty and dropout are chosen by a split of the training part. Public table of Recommenders (ML-100k):"
            " BiVAE 0.475 and 0.146, SAR 0.382 and 0.111.",
            "Time split of films: each person's later quarter. Groceries: what the last 28 days bring to who bought"
            " before; numbers are chosen on the 28 days before, only the 20,000 items popular by then can be named.",
        ],
    )


def _films(figures: dict[str, Any], quick: bool) -> list[tuple[Any, ...]]:
    ratings = films()
    whole, when = matrix(ratings, 600 if quick else 10_000)
    seeds = SEEDS[:1] if quick else SEEDS
    kinds = {"random": [split(whole, None, seed) for seed in seeds], "time": [split(whole, when, 0)]}
    rows: list[tuple[Any, ...]] = []
    for kind, found in kinds.items():
        means = {method: _means([one[method] for one in found]) for method in (EASE, POPULARITY)}
        what = f"{ratings.source}, {kind} split, {len(found)} seeds"
        rows += [(what, method, *values) for method, values in means.items()]
        figures[f"films_{kind}_ndcg"], figures[f"films_{kind}_map"] = means[EASE][0], means[EASE][1]
        figures[f"films_{kind}_gain"] = means[EASE][0] - means[POPULARITY][0]
    als = [] if quick else [one for seed in seeds if (one := implicit_split(whole, seed))]
    if als:
        rows.append((f"{ratings.source}, random split", "ALS of implicit", *_means(als)))
        figures["implicit_ndcg"] = _means(als)[0]
    return rows


def _means(found: list[Measured]) -> tuple[float, float, float]:
    parts = [[float(part.mean()) for part in (one.ndcg, one.average_precision, one.precision)] for one in found]
    ndcg, average, precision = np.mean(parts, axis=0)
    return float(ndcg), float(average), float(precision)


def _groceries(figures: dict[str, Any], quick: bool) -> list[tuple[Any, ...]]:
    ratings = None if quick else groceries()
    rows = []
    if ratings is not None:
        for name in (FOR_YOU, NEW_FOR_YOU):
            for method, one in time_split(ratings, name, LISTS[name], 20_000).items():
                rows.append(_row(f"{ratings.source}, {name}", method, one))
                figures[f"groceries_{name}_{method.replace(' ', '_')}"] = float(one.precision.mean())
    return rows


def _row(what: str, method: str, one: Any) -> tuple[Any, ...]:
    return what, method, *(float(part.mean()) for part in (one.ndcg, one.average_precision, one.precision))
