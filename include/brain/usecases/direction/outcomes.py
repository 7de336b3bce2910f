"""The verb `outcomes` of direction: whether Close was not lower, for every published number whose day has come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brain.usecases.direction.names import DATE, SPACE, target_name
from brain.usecases.direction.tables import PROBABILITY_DETAILS

if TYPE_CHECKING:
    import pandas as pd

    from brain.usecases.protocol import Run

SHOWN = ("asset", "horizon", "as_of", "published_at", "probability", "base_rate")


def outcomes(run: Run) -> pd.DataFrame:
    """Every number in the history that can be scored by the run's moment.

    Returns:
        A row each: `SHOWN`, and ``outcome``, 1 where Close was not lower after so many rows, else 0.
    """
    import pandas as pd

    from brain.warehouse.read import history_of

    history = history_of(run.settings.warehouse_url, PROBABILITY_DETAILS)[list(SHOWN)]
    known = [_known(run, str(asset), sorted(set(rows["horizon"]))) for asset, rows in history.groupby("asset")]
    found = pd.concat(known) if known else pd.DataFrame(columns=["asset", "horizon", "as_of", "outcome"])
    return history.merge(found, on=["asset", "horizon", "as_of"])


def _known(run: Run, asset: str, horizons: list[int]) -> pd.DataFrame:
    """What is known of an asset's returns: asset, horizon, as_of and outcome."""
    import pandas as pd

    snapshot = run.lake.as_of(SPACE, asset, run.moment)
    targets = {target_name(horizon): horizon for horizon in horizons}
    columns = [name for name in targets if snapshot and name in snapshot.columns]
    if snapshot is None or not columns:
        return pd.DataFrame(columns=["asset", "horizon", "as_of", "outcome"])
    returns = run.lake.read(snapshot, columns).melt(DATE, var_name="target", value_name="return").dropna()
    return pd.DataFrame(
        {
            "asset": asset,
            "horizon": returns["target"].map(targets).astype(np.int64),
            "as_of": returns[DATE].dt.date,
            "outcome": (returns["return"] >= 0).astype(np.int64),
        }
    )
