"""Our search against MLAutomator's procedure on the same cells: log loss on purged later rows, and CPU time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.bounds import at_least, between
from benchmarks.grid.train import CERTAIN, Cell, Job, train_job
from benchmarks.report import Report
from benchmarks.rivals import mlautomator
from brain.demo.load import demo_frame
from brain.learning.probability import log_loss
from brain.usecases.direction.catalogue import AssetSpec

CELLS = (("VIX", 5), ("VIX", 20))
CUT = 0.75
TRIALS = 25
HOLDS = {"cells": at_least(1), "ours_log_loss": between(0.4, 0.75), "base_log_loss": between(0.4, 0.75)}
TIMED = ("time_ratio",)
RIVALS = ("theirs_log_loss", "cells_no_worse")


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

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        name = f"{self.cell.asset} at {self.cell.horizon}"
        rival = [(name, "MLAutomator", self.theirs, self.their_seconds, f"it claims {self.theirs_claimed:.4f}")]
        return [
            (name, "base rate", self.base, "", ""),
            *(rival if self.their_seconds else []),
            (name, "ours, uncalibrated", self.raw, self.our_seconds, ""),
            (name, "ours, calibrated blend", self.ours, self.our_seconds, ""),
        ]


def run(quick: bool) -> Report:
    """Each cell in turn: our training with the default budget, then theirs, but in the quick form."""
    races = [_race(asset, horizon, alone=quick) for asset, horizon in (CELLS[:1] if quick else CELLS)]
    figures = {
        "cells": len(races),
        "ours_log_loss": round(float(np.mean([race.ours for race in races])), 5),
        "base_log_loss": round(float(np.mean([race.base for race in races])), 5),
    }
    if not quick:
        figures["cells_no_worse"] = sum(race.ours <= race.theirs for race in races)
        figures["time_ratio"] = round(float(np.median([race.our_seconds / race.their_seconds for race in races])), 5)
        figures["theirs_log_loss"] = round(float(np.mean([race.theirs for race in races])), 5)
    return Report(
        title=f"Search: ours with the default budget, MLAutomator with {TRIALS} trials x {mlautomator.FOLDS} folds",
        columns=("cell", "who", "log loss on later rows", "CPU seconds", "remark"),
        rows=[row for race in races for row in race.rows],
        figures=figures,
        notes=[
            f"Trained on the first {CUT:.0%} of the rows, judged on the labelled rows after a gap of one horizon.",
            f"MLAutomator's own default is 25 trials an algorithm; {TRIALS} are run here, of "
            f"{mlautomator.listed(mlautomator.ALL)}. That leaves out bagged SVC, the slowest. One thread each.",
            "Its log loss 'claimed' is what its shuffled folds report. The blend is shown without the gate, which has "
            "no grid to judge here. Ours also counts calibration, the skill test and the final fit.",
        ],
    )


def _race(asset: str, horizon: int, *, alone: bool) -> Race:
    frame = demo_frame(asset)
    cut = round(len(frame) * CUT)
    spec = AssetSpec(name=asset, table=asset, horizons=(horizon,))
    start = time.process_time()
    cell = train_job(Job(spec, frame, cut, len(frame)))[0]
    seconds = time.process_time() - start
    later = cell.rows >= cut + horizon
    assert cell.head is not None
    if alone:
        theirs = mlautomator.Answer(cell.base[later], 0.0, 0.0)
    else:
        theirs = mlautomator.forecast(frame, horizon, cut, cell.rows[later], TRIALS, mlautomator.ALL)

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
