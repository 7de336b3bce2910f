"""Score many past rows at once with the present champion: for charts and for finding out, not for proving skill.

The champion has seen most of these rows in training. What models knew at the time is in the published history.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from brain.core.errors import ModelNotFound, ScoringError
from brain.scoring.rows import read_rows
from brain.store.champions import Refused

if TYPE_CHECKING:
    import pandas as pd

    from brain.core.keys import ModelKey
    from brain.core.moment import Moment
    from brain.lake.lake import Lake
    from brain.store.models import ModelStore


def backcast(
    store: ModelStore, lake: Lake, space: str, key: ModelKey, moment: Moment, last: int | None = None
) -> pd.DataFrame:
    """What the champion of `key` says of the unit's newest `last` rows (all by default) known at `moment`.

    Returns:
        Ascending: ``as_of`` (datetime64), ``raw`` (the model's last output), ``value`` (what would be published). The
        newest row's value is bit-identical to the one that scoring publishes.

    Raises:
        ArtifactRejected: The champion failed verification.
        ModelNotFound: There is none.
        ScoringError: There is no snapshot by then, or no longer a column that the champion needs.
    """
    import pandas as pd

    snapshot = lake.as_of(space, key.entity, moment)
    if snapshot is None:
        raise ScoringError(
            key.entity,
            found=f"no snapshot by {moment.day}",
            expected="one in the lake",
            remedy=f"Run `brain extract {key.entity}` first.",
        )
    champion = next(store.champions([key.entity], [key.target]), None)
    if champion is None:
        raise ModelNotFound(str(key), found="no champion", expected="a trained model", remedy="Train it first.")
    if isinstance(champion, Refused):
        raise champion.error
    rows = read_rows(lake, snapshot, last)
    outputs = champion.model.evaluator().outputs(rows.matrix(champion.model))
    moments = rows.keys.astype("datetime64[us]")
    return pd.DataFrame({"as_of": moments[-len(outputs) :], "raw": outputs[:, -1], "value": champion.apply(outputs)})
