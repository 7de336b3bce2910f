"""Our search against MLAutomator's procedure on the same cells: log loss on purged later rows, and CPU time."""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.grid.train import CERTAIN, Cell, Job, train_job
from benchmarks.report import Report
from benchmarks.rivals.environment import mlautomator_source, run_script
from brain.core.catalog import AssetSpec
from brain.demo.load import demo_frame
from brain.training.base_rate import log_loss
from brain.training.dataset import prepare

CELLS = (("VIX", 5),)
CUT = 0.75
TRIALS, QUICK_TRIALS = 5, 2
FOLDS = 10
ALGORITHMS = "01,02,03,05,06,07"  # all but bagged SVC, of which one trial takes minutes
QUICK_ALGORITHMS = "05,07"  # naive Bayes and neighbours: the two that take seconds


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
    trials, algorithms = (QUICK_TRIALS, QUICK_ALGORITHMS) if quick else (TRIALS, ALGORITHMS)
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
        title=f"Search: ours with the default budget, MLAutomator with {trials} trials an algorithm x {FOLDS} folds",
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
            f"MLAutomator's own default is 25 trials an algorithm; {trials} are run here, so its full procedure takes "
            f"{25 / trials:.0f} times as long. Its algorithms {algorithms}, which leaves out bagged SVC, the slowest.",
            "Its log loss 'claimed' is what its shuffled folds report. The blend is shown without the gate, which has "
            "no grid to judge here. Ours also counts calibration, the skill test and the final fit.",
        ],
    )


def _race(asset: str, horizon: int, trials: int, algorithms: str) -> Race:
    frame = demo_frame(asset)
    cut = round(len(frame) * CUT)
    spec = AssetSpec(name=asset, table=asset, horizons=(horizon,))
    start = time.process_time()
    cell = train_job(Job(spec, frame, cut, len(frame)))[0]
    seconds = time.process_time() - start
    later = cell.rows >= cut + horizon
    assert cell.calibration is not None
    theirs = _mlautomator(frame, spec, cut, cell.rows[later], trials, algorithms)

    def loss(probability: np.ndarray) -> float:
        return float(log_loss(cell.outcome[later], np.clip(probability, CERTAIN, 1 - CERTAIN)).mean())

    return Race(
        cell,
        loss(cell.calibration.blend(cell.raw[later])),
        loss(cell.raw[later]),
        loss(np.array(theirs["probability"])),
        loss(cell.base[later]),
        seconds,
        theirs["cpu_seconds"],
        theirs["claimed_log_loss"],
    )


def _mlautomator(frame: Any, spec: AssetSpec, cut: int, test: Any, trials: int, algorithms: str) -> dict[str, Any]:
    """Its procedure on the rows known at the cut-off; it takes no missing values, so rows with some are left out."""
    horizon = spec.horizons[0]
    dataset = prepare(frame, spec)
    known = np.arange(cut - horizon)
    known = known[~np.isnan(dataset.X[known]).any(axis=1)]
    with tempfile.TemporaryDirectory() as folder:
        given, wanted = Path(folder) / "cell.npz", Path(folder) / "answer.json"
        y = dataset.labels[horizon][known].astype(int)
        np.savez(given, X=dataset.X[known], y=y, X_test=np.nan_to_num(dataset.X[test]))
        run_script("mlautomator_cell.py", mlautomator_source(), given, wanted, trials, FOLDS, algorithms)
        answer: dict[str, Any] = json.loads(wanted.read_text())
        return answer
