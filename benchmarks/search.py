"""Our search against MLAutomator's procedure on the same cells: log loss on purged later rows, and CPU time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.grid.train import CERTAIN, Cell, Job, train_job
from benchmarks.report import Report
from benchmarks.rivals import mlautomator
from brain.demo.load import demo_frame
from brain.learning.probability import log_loss
from brain.usecases.direction.catalogue import AssetSpec

CELLS = (("VIX", 5), ("VIX", 20))
CUT = 0.75
TRIALS, QUICK_TRIALS = 25, 2
QUICK_ALGORITHMS = ("05", "07")  # the two that take seconds


@dataclass(frozen=True)
class Race:
    """One cell run by both sides."""

    cell: Cell
    ours: float
    raw: float
    theirs: float
    base: float
    our_seconds: float
    their_seconds: float
    theirs_claimed: float


def run(quick: bool) -> Report:
    """Each cell in turn: our training with the default budget, then theirs."""
    trials, algorithms = (QUICK_TRIALS, QUICK_ALGORITHMS) if quick else (TRIALS, mlautomator.ALL)
    races = [_race(asset, horizon, trials, algorithms) for asset, horizon in (CELLS[:1] if quick else CELLS)]
    rows: list[tuple[Any, ...]] = []
    for race in races:
        name = f"{race.cell.asset} at {race.cell.horizon}"
        rows += [
            (name, "base rate", race.base, "", ""),
            (name, "MLAutomator", race.theirs, race.their_seconds, f"it claims {race.theirs_claimed:.4f}"),
            (name, "ours, uncalibrated", race.raw, race.our_seconds, ""),
            (name, "ours, calibrated blend", race.ours, race.our_seconds, ""),
        ]
    ratios = [race.our_seconds / race.their_seconds for race in races]
    return Report(
        title=f"Search: ours with the default budget, MLAutomator with {trials} trials x {mlautomator.FOLDS} folds",
        columns=("cell", "who", "log loss on later rows", "CPU seconds", "remark"),
        rows=rows,
        figures={
            "cells_no_worse": sum(race.ours <= race.theirs for race in races),
            "cells": len(races),
            "time_ratio": round(float(np.median(ratios)), 5),
            "ours_log_loss": round(float(np.mean([race.ours for race in races])), 5),
            "theirs_log_loss": round(float(np.mean([race.theirs for race in races])), 5),
        },
        notes=[
            f"Trained on the first {CUT:.0%} of the rows, judged on the labelled rows after a gap of one horizon.",
            f"MLAutomator's own default is 25 trials an algorithm; {trials} are run here, of "
            f"{mlautomator.listed(algorithms)}. That leaves out bagged SVC, the slowest. One thread of one core each.",
            "Its log loss 'claimed' is what its shuffled folds report. The blend is shown without the gate, which has "
            "no grid to judge here. Ours also counts calibration, the skill test and the final fit.",
        ],
    )


def _race(asset: str, horizon: int, trials: int, algorithms: tuple[str, ...]) -> Race:
    frame = demo_frame(asset)
    cut = round(len(frame) * CUT)
    spec = AssetSpec(name=asset, table=asset, horizons=(horizon,))
    start = time.process_time()
    cell = train_job(Job(spec, frame, cut, len(frame)))[0]
    seconds = time.process_time() - start
    later = cell.rows >= cut + horizon
    assert cell.head is not None
    theirs = mlautomator.forecast(frame, horizon, cut, cell.rows[later], trials, algorithms)

    def loss(probability: np.ndarray) -> float:
        return float(log_loss(cell.outcome[later], np.clip(probability, CERTAIN, 1 - CERTAIN)).mean())

    return Race(
        cell,
        loss(cell.head.blend(cell.raw[later])),
        loss(cell.raw[later]),
        loss(theirs.probability),
        loss(cell.base[later]),
        seconds,
        theirs.cpu_seconds,
        theirs.claimed,
    )
