"""Runs FLAML on cells, as its documentation shows it. Started by an interpreter of its own, on one core.

python automatic_search_cell.py FOLDER SECONDS: of each NAME.npz in FOLDER with X, y and X_test it makes NAME.json.
"""

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    """Search for SECONDS a cell on folds in time order, and write the winner's probabilities for the test rows."""
    folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[os.getpid() % len(cores)]})
    warnings.filterwarnings("ignore")
    from flaml import AutoML  # type: ignore[import-not-found]

    for given in sorted(folder.glob("*.npz")):
        cell = np.load(given)
        given.with_suffix(".json").write_text(json.dumps(_said(AutoML(), cell, seconds)))


def _said(automl: Any, cell: Any, seconds: float) -> Any:
    try:
        automl.fit(
            cell["X"],
            cell["y"],
            task="classification",
            metric="log_loss",
            time_budget=seconds,
            split_type="time",
            n_jobs=1,
            seed=7,
            verbose=0,
        )
        return automl.predict_proba(cell["X_test"])[:, 1].tolist()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main()
