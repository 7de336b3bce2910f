"""Score many dates at once with the present champions: for charts and for finding out, not for proving skill.

The champions have seen most of these dates in training. What the models knew at the time is in the published history.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brain.core.errors import ScoringError
from brain.scoring.rows import read_rows
from brain.store.champions import Refused
from brain.usecases.direction.inputs import SPACE
from brain.usecases.direction.names import horizon_of, target_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brain.core.moment import Moment
    from brain.lake.lake import Lake
    from brain.store.models import ModelStore
    from brain.usecases.direction.catalogue import AssetSpec


def score_history(
    store: ModelStore, lake: Lake, spec: AssetSpec, moment: Moment, last: int | None = None
) -> pd.DataFrame:
    """Probabilities of one asset for its newest `last` rows (all by default), known in `moment`.

    Returns:
        Long form, ascending by horizon and date: ``horizon``, ``as_of`` (datetime64), ``raw``, ``probability``. The
        newest date's numbers are, bit for bit, those that scoring publishes.

    Raises:
        ArtifactRejected: A champion failed verification.
        ScoringError: The asset has no snapshot by then, or no longer a column that a champion needs.
    """
    snapshot = lake.as_of(SPACE, spec.name, moment.day)
    if snapshot is None:
        raise ScoringError(
            spec.name,
            found=f"no snapshot by {moment.day}",
            expected="one in the lake",
            remedy="Extract the asset first.",
        )
    rows = read_rows(lake, snapshot, last)
    parts = []
    for champion in store.champions([spec.name], [target_name(horizon) for horizon in spec.horizons]):
        if isinstance(champion, Refused):
            raise champion.error
        raw = champion.model.evaluator().probability(rows.matrix(champion.model))
        parts.append(_part(horizon_of(champion.key.target), rows.dates, raw, champion.calibration.apply(raw)))
    empty = np.array([])
    return pd.concat(parts or [_part(0, empty.astype("datetime64[D]"), empty, empty)], ignore_index=True).sort_values(
        ["horizon", "as_of"], ignore_index=True
    )


def _part(
    horizon: int, dates: NDArray[np.datetime64], raw: NDArray[np.float64], published: NDArray[np.float64]
) -> pd.DataFrame:
    moments = dates.astype("datetime64[s]")
    return pd.DataFrame({"horizon": horizon, "as_of": moments, "raw": raw, "probability": published})
