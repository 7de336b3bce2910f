"""Features that know the future: how many are caught before training, and how many honest ones are refused?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from time import process_time
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks.bounds import at_least, at_most, exactly
from benchmarks.grid import leaks
from benchmarks.grid.series import planted, random_walk
from benchmarks.report import Report
from brain.core.keys import Sha256
from brain.core.moment import Moment
from brain.demo.load import demo_frame
from brain.demo.prices import ASSETS
from brain.learning.candidate import DataReference
from brain.usecases.direction.catalogue import HORIZONS, AssetSpec
from brain.usecases.direction.dataset import feature_columns, feature_values
from brain.usecases.direction.leakage import leaking_features
from brain.usecases.direction.trainer import History, train_asset

if TYPE_CHECKING:
    from collections.abc import Mapping

SPEC = AssetSpec(name="LEAKY", table="leaky")
WALKS, QUICK_WALKS = 20, 2
WALK_ROWS = (1000, 2000, 3000)
QUICK_ROWS = 2000
QUICK_ASSETS = ("SP500", "VIX")
HOLDS = {
    "exact, *": exactly(1),
    "shifted, *": exactly(1),
    "centred, *": exactly(1),
    "full-sample, *": at_least(0.9),
    "hard, *": at_least(0.5),
    "honest: *": at_most(0.02),
}
TIMED = ("share_of_training",)
KINDS = {
    "exact": leaks.exact,
    "shifted": leaks.early,
    "centred": leaks.centred,
    "full-sample": leaks.scaled,
    "hard": leaks.hard,
}


@dataclass
class Count:
    """How many columns of one kind there were, and which were left out."""

    columns: int = 0
    found: int = 0


def run(quick: bool) -> Report:
    """Share of the columns that know the future that are left out, by kind, and of honest ones."""
    walks = QUICK_WALKS if quick else WALKS
    demo = {name: demo_frame(name).tail(QUICK_ROWS) for name in QUICK_ASSETS} if quick else {}
    demo = demo or {name: demo_frame(name) for name in ASSETS}
    walked = {f"WALK{n}": random_walk(WALK_ROWS[n % 3], n, HORIZONS) for n in range(walks)}
    signals = {f"PLANTED{n}": planted(3000, n, (0.3, 0.5, 1.0)[n % 3])[0] for n in range(max(3, walks))}
    counts: dict[tuple[str, str], Count] = {}
    for where, frames in (("random walks", walked), ("demo", demo)):
        for frame in frames.values():
            for kind, make in KINDS.items():
                _count(counts, (kind, where), frame, leaks.filled(make(frame)))
    for where, frames in (("random walks", walked), ("demo", demo), ("planted signals", signals)):
        for number, frame in enumerate(frames.values()):
            _count(counts, ("honest: the table's own", where), frame, {n: frame[n] for n in feature_columns(frame)})
            _count(counts, ("honest: made up", where), frame, leaks.honest(frame, number))
    rows = [(kind, where, one.columns, f"{one.found / one.columns:.1%}") for (kind, where), one in counts.items()]
    figures = {f"{kind}, {where}": round(one.found / one.columns, 4) for (kind, where), one in counts.items()}
    if not quick:
        figures["share_of_training"] = round(_share_of_training(demo["SP500"]), 4)
    return Report(
        title=f"Leaks: {len(walked)} random walks of {WALK_ROWS[0]} to {WALK_ROWS[-1]} rows, {len(demo)} demo tables",
        columns=("kind", "series", "columns", "left out of training"),
        rows=list(rows),
        figures=figures,
        notes=[
            "Newest rows are filled, so that a column is not found by being empty there.",
            "Exact: returns over every horizon, their logarithm, sign and label, the future price and its distance.",
            f"Shifted: the table's features {', '.join(map(str, leaks.EARLY))} rows early, but for those known anyway "
            f"({', '.join(leaks.KNOWN_ANYWAY)}).",
            f"Centred: averages over {', '.join(map(str, leaks.WIDTHS))} rows, and the gap of Close to them.",
            "Hard: centred z-scores, positions and volatilities over up to 101 rows, copies with up to twice as much "
            f"noise as signal, {', '.join(leaks.SMOOTHED_TWICE)} some rows early. Some are missed.",
            *([] if quick else [f"Looking takes {figures['share_of_training']:.1%} of the time that training does."]),
        ],
    )


def _count(
    counts: dict[tuple[str, str], Count], place: tuple[str, str], frame: pd.DataFrame, columns: Mapping[str, pd.Series]
) -> None:
    left_out = leaking_features(frame, list(columns), np.column_stack(list(columns.values())), SPEC)
    count = counts.setdefault(place, Count())
    count.columns += len(columns)
    count.found += len(left_out)


def _share_of_training(frame: pd.DataFrame) -> float:
    """CPU time of the look at one asset's features over that of its whole training."""
    names = feature_columns(frame)
    start = process_time()
    leaking_features(frame, names, feature_values(frame, names), SPEC)
    looked = process_time() - start
    data = DataReference(Sha256("0" * 64), frame["Date"].iloc[-1].date(), ("leaky",))
    start = process_time()
    train_asset(History(frame, data), SPEC, {}, moment=Moment(datetime(2026, 1, 1, tzinfo=UTC)))
    return looked / (process_time() - start)
