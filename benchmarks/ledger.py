"""The ledger at the size of a fleet: scored, asked, watched."""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from psycopg2 import sql
from scipy.special import expit, logit
from scipy.stats import norm

from benchmarks.bounds import at_least, at_most, between, exactly
from benchmarks.fleet.servers import benchmark_servers, fresh
from benchmarks.report import Report, median_seconds
from brain.core.moment import Moment
from brain.learning.watch import Outcomes, Wealth, bet, grouped
from brain.usecases.direction.ledger import PROBABILITY_LEDGER
from brain.usecases.direction.views import VIEWS
from brain.warehouse import ledger_statements as statements
from brain.warehouse.connection import transaction
from brain.warehouse.evaluation import evaluate, layouts_of_ledgers
from brain.warehouse.filling import prepare
from brain.warehouse.partitions import make_parts, year
from brain.warehouse.read import ask
from brain.warehouse.upgrade import upgrade

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydantic import SecretStr

    from brain.warehouse.ledger import Ledger

HORIZONS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 20, 21, 25, 30, 40, 50, 63, 84, 105)
FIRST = date(2023, 1, 2)
RESOLVE_SECONDS, CARD_SECONDS = 60, 1
HOLDS = {
    "rows": at_least(1000),
    "resolved_share": exactly(1),
    "outcomes_that_differ": exactly(0),
    "score_largest_difference": at_most(1e-12),
    "raised_doubled": at_least(0.9),
    "raised_5_points_low": at_least(0.9),
    "raised_5_points_high": at_least(0.9),
    "raised_doubled_26": between(0, 1),
    "raised_5_points_*_26": between(0, 1),
    "false_alarms_*": at_most(0.05),
    "card_rows": at_least(100),
    "card_cells": at_least(100),
}
TIMED = ("*_seconds",)


def run(quick: bool) -> Report:
    """Fill, score and ask ledgers of two sizes, then feed the watch with what is right and what is wrong."""
    fleet = _Fleet(assets=20, days=20) if quick else _Fleet(assets=1000, days=50)
    large = _Fleet(assets=20, days=40) if quick else _Fleet(assets=1000, days=250)
    with ExitStack() as opened:
        variables = opened.enter_context(benchmark_servers())
        url = fresh(variables).warehouse_url
        resolved, plan = _resolve(url, fleet)
        card = _card(url, fleet, large)
    watched = _watch(feeds=60 if quick else 400)
    rows = [
        ("rows scored", resolved["rows"], ""),
        ("seconds to score them", resolved["resolve_seconds"], f"under {RESOLVE_SECONDS}"),
        ("seconds of it for the update itself", resolved["update_seconds"], ""),
        ("rows behind the scorecard", card["card_rows"], ""),
        ("seconds for model_scorecard", card["card_seconds"], f"under {CARD_SECONDS}"),
        ("seconds for best_and_worst_calls", card["calls_seconds"], ""),
        *((name.replace("_", " "), value, _target(name)) for name, value in watched.items()),
    ]
    return Report(
        title=f"The ledger: {resolved['rows']:,} rows scored at once, asked at {card['card_rows']:,}, watched",
        columns=("figure", "found", "target"),
        rows=rows,
        figures={**resolved, **card, **watched},
        notes=[
            f"{fleet.assets} assets x {len(HORIZONS)} horizons x {fleet.days} days, all scored by one run: outcomes"
            " copied in, one UPDATE, the sums by block, the bets and the reliability of every horizon. Prices are not"
            " read from the lake.",
            "`raised_*`: share of feeds that raise an alarm within 60 days, of 200 rows a day (or 26), with log-odds"
            " doubled or 5 points off. `false_alarms_*`: share of feeds that are right and raise one in 250 days; rows"
            " of a day hang together by the correlation in the name, outcomes overlap over the span.",
            *(f"plan: `{line}`" for line in plan),
        ],
    )


def _target(name: str) -> str:
    if name.endswith("_26"):
        return ""
    return "at most 0.05" if name.startswith("false") else "at least 0.9"


class _Fleet:
    """Random walks, and probabilities said of them."""

    def __init__(self, assets: int, days: int) -> None:
        self.assets, self.days = assets, days
        random = np.random.default_rng(assets)
        steps = random.normal(0.0003, 0.01, (assets, days + max(HORIZONS)))
        self.closes = 100 * np.exp(np.cumsum(steps, axis=1))
        self.names = [f"A{number:04d}" for number in range(assets)]

    def day(self, place: int) -> date:
        return FIRST + timedelta(days=int(place))

    def outcomes(self) -> pd.DataFrame:
        """Every outcome of every cell."""
        places = np.arange(self.days)
        days = np.datetime64(FIRST) + np.arange(self.days + max(HORIZONS))
        parts = []
        for horizon in HORIZONS:
            now, later = self.closes[:, : self.days], self.closes[:, horizon : horizon + self.days]
            parts.append(
                pd.DataFrame(
                    {
                        "asset": np.repeat(self.names, self.days),
                        "horizon": horizon,
                        "as_of": np.tile(days[places], self.assets).astype("datetime64[s]"),
                        "outcome": (later >= now).ravel().astype(np.int64),
                        "known_at": np.tile(days[places + horizon], self.assets).astype("datetime64[s]"),
                        "realised_return": (later / now - 1).ravel(),
                    }
                )
            )
        return pd.concat(parts, ignore_index=True)


def _fill(url: SecretStr, fleet: _Fleet, *, skip: int = 0) -> int:
    """Rows as publications leave them, made by the server; how many."""
    ledger = PROBABILITY_LEDGER
    with transaction(url) as connection, connection.cursor() as cursor:
        prepare(cursor, ledger)
        make_parts(cursor, ledger.layout, map(year, range(FIRST.year, fleet.day(fleet.days).year + 1)))
        cursor.execute(
            "INSERT INTO probability_ledger (asset, horizon, as_of, probability, base_rate, model_version, has_skill,"
            " published_at, hindcast) SELECT 'A' || lpad(asset::text, 4, '0'), horizon, %(first)s::date + day,"
            " 0.55 + 0.2 * sin(asset * 7919 + horizon * 104729 + day * 1299709), 0.55, 1, asset %% 7 = 0,"
            " %(first)s::timestamptz + make_interval(days => day), false"
            " FROM generate_series(0, %(assets)s - 1) AS asset,"
            " unnest(%(horizons)s) AS horizon, generate_series(%(skip)s, %(days)s - 1) AS day",
            {
                "first": FIRST,
                "assets": fleet.assets,
                "horizons": list(HORIZONS),
                "skip": skip,
                "days": fleet.days,
            },
        )
        return int(cursor.rowcount)


def _moment(fleet: _Fleet) -> Moment:
    return Moment(datetime.combine(fleet.day(fleet.days + max(HORIZONS)), datetime.min.time(), UTC))


def _resolve(url: SecretStr, fleet: _Fleet) -> tuple[dict[str, Any], list[str]]:
    upgrade(url, "direction", layouts_of_ledgers([PROBABILITY_LEDGER]))
    rows = _fill(url, fleet)

    def outcomes(_: Ledger, __: pd.DataFrame) -> pd.DataFrame:
        return found

    found = fleet.outcomes()
    plan, update = _plan(url, fleet, found)
    start = time.perf_counter()
    (evaluation,) = evaluate(url, "direction", [PROBABILITY_LEDGER], outcomes, _moment(fleet), views=VIEWS)
    seconds = time.perf_counter() - start
    figures = {
        "rows": rows,
        "resolved_share": evaluation.total.resolved / rows,
        "resolve_seconds": seconds,
        "update_seconds": update,
        **_differences(url, found),
    }
    return figures, plan


def _plan(url: SecretStr, fleet: _Fleet, found: pd.DataFrame) -> tuple[list[str], float]:
    """What PostgreSQL does for the update, and its seconds; taken back afterwards."""
    import pyarrow as pa

    from brain.warehouse.bulk import copy_in
    from brain.warehouse.statements import create_temporary

    ledger = PROBABILITY_LEDGER
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute(create_temporary(statements.found_layout(ledger)))
        copy_in(cursor, statements.copy_found(ledger), pa.Table.from_pandas(found, preserve_index=False))
        cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(statements.FOUND)))
        cursor.execute(statements.create_touched(ledger))
        explained = sql.SQL("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, BUFFERS OFF) {}").format(
            statements.resolve(ledger)
        )
        values = {"moment": _moment(fleet).at, "corrected": "", "lost": ""}
        cursor.execute(explained, values)
        lines = [str(line) for (line,) in cursor.fetchall()]
        connection.rollback()
    seconds = next(float(line.split()[-2]) / 1000 for line in lines if line.strip().startswith("Execution Time"))
    return [line.rstrip() for line in lines if "never executed" not in line][:14], seconds


def _differences(url: SecretStr, found: pd.DataFrame) -> dict[str, float]:
    """A sample of the ledger against the same in NumPy."""
    query = (
        "SELECT asset, horizon, as_of, probability, outcome, log_loss, brier FROM probability_ledger"
        " WHERE outcome IS NOT NULL ORDER BY md5(asset || horizon || as_of) LIMIT 5000"
    )
    answer = ask(url, query)
    rows = pd.DataFrame(answer.rows, columns=list(answer.columns))
    known = found.assign(as_of=found["as_of"].dt.date).set_index(["asset", "horizon", "as_of"])["outcome"]
    true = known.loc[pd.MultiIndex.from_frame(rows[["asset", "horizon", "as_of"]])].to_numpy()
    said = rows["probability"].to_numpy()
    loss, brier = -np.log(np.where(true == 1, said, 1 - said)), (said - true) ** 2
    worst = max(np.abs(loss - rows["log_loss"]).max(), np.abs(brier - rows["brier"]).max())
    return {
        "outcomes_that_differ": int((true != rows["outcome"]).sum()),
        "score_largest_difference": float(worst),
    }


def _card(url: SecretStr, fleet: _Fleet, large: _Fleet) -> dict[str, Any]:
    """The scorecard over the larger ledger: its sums are what a run leaves, here made at once."""
    _fill(url, large, skip=fleet.days) if large.assets == fleet.assets else None
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE probability_ledger SET outcome = extract(doy FROM as_of)::integer %% 2, known_at = as_of + horizon,"
            " log_loss = 0.69 + 0.1 * (probability - 0.55), base_log_loss = 0.69, brier = 0.25, base_brier = 0.25,"
            " resolved_at = %s WHERE outcome IS NULL",
            (_moment(fleet).at,),
        )
        for statement in statements.take_back(PROBABILITY_LEDGER)[2:6]:
            cursor.execute(statement, {})
        cursor.execute("ANALYZE probability_ledger_blocks")
    ((rows,),) = ask(url, "SELECT count(*) FROM probability_ledger WHERE outcome IS NOT NULL").rows
    ((cells,),) = ask(url, "SELECT count(*) FROM model_scorecard").rows
    return {
        "card_rows": int(rows),
        "card_cells": int(cells),
        "card_seconds": median_seconds(lambda: ask(url, "SELECT * FROM model_scorecard")),
        "calls_seconds": median_seconds(lambda: ask(url, "SELECT * FROM best_and_worst_calls")),
    }


def _watch(feeds: int) -> dict[str, float]:
    raised = {
        f"raised_{name}{suffix}": _share(feeds, rows, 60, wrong=name)
        for suffix, rows in (("", 200), ("_26", 26))
        for name in ("doubled", "5_points_low", "5_points_high")
    }
    right = {
        f"false_alarms_{name}": _share(feeds, rows, 250, span=span, together=together)
        for name, (rows, span, together) in {
            "independent": (26, 1, 0.0),
            "correlated_0.3": (26, 1, 0.3),
            "span_5": (26, 5, 0.3),
            "span_20": (26, 20, 0.3),
            "one_model": (1, 1, 0.0),
        }.items()
    }
    return {**raised, **right}


def _share(feeds: int, rows: int, days: int, *, wrong: str = "", span: int = 1, together: float = 0.0) -> float:
    """The share of feeds that raise an alarm, in batches that fit the memory."""
    size = max(1, min(feeds, 2_000_000 // (rows * (days + span))))
    parts = [min(size, feeds - start) for start in range(0, feeds, size)]
    found = [_raised(part, rows, days, wrong, span, together, seed) for seed, part in enumerate(parts)]
    return float(np.concatenate(found).mean())


def _raised(feeds: int, rows: int, days: int, wrong: str, span: int, together: float, seed: int) -> NDArray[np.bool_]:
    random = np.random.default_rng([seed, rows, days, span, len(wrong)])
    steps = math.sqrt(together) * random.normal(size=(feeds, 1, days + span))
    steps = steps + math.sqrt(1 - together) * random.normal(size=(feeds, rows, days + span))
    sums = np.concatenate([np.zeros((feeds, rows, 1)), np.cumsum(steps, axis=2)], axis=2)
    reached = norm.cdf((sums[:, :, span:] - sums[:, :, :-span]) / math.sqrt(span))
    level, wealth, raised = random.normal(0.1, 0.3, (feeds, rows)), Wealth.fresh(feeds), np.zeros(feeds, bool)
    for day in range(days):
        truth = expit(level + random.normal(0, 0.1, (feeds, rows)))
        said = {
            "doubled": expit(2 * logit(truth)),
            "5_points_low": np.maximum(truth - 0.05, 0.01),
            "5_points_high": np.minimum(truth + 0.05, 0.99),
        }.get(wrong, truth)
        made = np.datetime64(FIRST, "us") + day * np.timedelta64(1, "D")
        given = Outcomes(
            np.repeat(np.arange(feeds), rows),
            np.full(feeds * rows, made),
            np.full(feeds * rows, made + span * np.timedelta64(1, "D")),
            said.ravel(),
            said.ravel(),
            (reached[:, :, day] < truth).astype(float).ravel(),
        )
        for alarm in bet(wealth, grouped(given, around_base=False)):
            raised[alarm.feed] = True
    return raised
