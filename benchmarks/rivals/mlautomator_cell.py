"""Runs MLAutomator's published procedure on one cell. Started by the rivals' own interpreter, on one core.

python mlautomator_cell.py SOURCE INPUT.npz OUTPUT.json ITERATIONS FOLDS ALGORITHMS
"""

import contextlib
import json
import os
import random
import sys
import time
import warnings

import numpy as np


def main() -> None:
    """Search, fit the winner on all training rows, and write its probabilities for the test rows."""
    source, given, wanted, iterations, folds, algorithms = sys.argv[1:]
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[os.getpid() % len(cores)]})  # its n_jobs=-1 then means one
    sys.path.insert(0, source)
    warnings.filterwarnings("ignore")
    from mlautomator.mlautomator import MLAutomator  # type: ignore[import-not-found]

    random.seed(7)
    np.random.seed(7)
    cell = np.load(given)
    start, cpu = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(sys.stderr):
        automator = MLAutomator(
            cell["X"],
            cell["y"],
            score_metric="neg_log_loss",
            iterations=int(iterations),
            num_cv_folds=int(folds),
            specific_algos=None if algorithms == "all" else algorithms.split(","),
        )
        automator.find_best_algorithm()
        automator.fit_best_pipeline()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    said = automator.best_pipeline.predict_proba(cell["X_test"])[:, 1]
    answer = {
        "probability": said.tolist(),
        "seconds": seconds,
        "cpu_seconds": cpu,
        "claimed_log_loss": float(automator.best),
        "algorithm": automator.best_algo,
        "trials": automator.count,
    }
    with open(wanted, "w", encoding="utf-8") as file:  # noqa: PTH123 - nothing beyond what the rivals' environment has
        json.dump(answer, file)


if __name__ == "__main__":
    main()
