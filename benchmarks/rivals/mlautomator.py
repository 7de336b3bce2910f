"""MLAutomator's procedure on one asset and horizon, from the features and labels our training gets."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.rivals.environment import mlautomator_source, run_script
from brain.usecases.direction.catalogue import AssetSpec
from brain.usecases.direction.dataset import prepare

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

FOLDS = 10
NAMES = {
    "01": "gradient boosting",
    "02": "SGD",
    "03": "random forest",
    "05": "naive Bayes",
    "06": "logistic regression",
    "07": "neighbours",
}
ALL = tuple(NAMES)  # but bagged SVC, of which one trial takes minutes


@dataclass(frozen=True)
class Answer:
    """Its forecast of some rows.

    Args:
        probability: Of up, shape (test rows,).
        cpu_seconds: Of search and final fit, on one core.
        claimed: The log loss its own shuffled folds report.
    """

    probability: NDArray[np.float64]
    cpu_seconds: float
    claimed: float


def forecast(
    frame: pd.DataFrame, horizon: int, cut: int, test: NDArray[np.intp], trials: int, algorithms: tuple[str, ...]
) -> Answer:
    """Its winner's forecast of the rows at `test`, fitted to the rows whose label is known after `cut` rows.

    It takes no missing values: training rows with some are left out, and 0 stands in for them in test rows.
    """
    dataset = prepare(frame, AssetSpec(name="CELL", table="cell", horizons=(horizon,)))
    known = np.arange(cut - horizon)
    known = known[~np.isnan(dataset.X[known]).any(axis=1) & ~np.isnan(dataset.labels[horizon][known])]
    with tempfile.TemporaryDirectory() as folder:
        given, wanted = Path(folder) / "cell.npz", Path(folder) / "answer.json"
        y = dataset.labels[horizon][known].astype(int)
        np.savez(given, X=dataset.X[known], y=y, X_test=np.nan_to_num(dataset.X[test]))
        run_script("mlautomator_cell.py", mlautomator_source(), given, wanted, trials, FOLDS, ",".join(algorithms))
        said = json.loads(wanted.read_text())
    return Answer(np.array(said["probability"]), said["cpu_seconds"], said["claimed_log_loss"])


def listed(algorithms: tuple[str, ...]) -> str:
    """Names of its algorithms, to be read."""
    return ", ".join(NAMES[number] for number in algorithms)
