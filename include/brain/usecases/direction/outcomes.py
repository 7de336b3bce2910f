"""The verb `outcomes` of direction: whether Close was not lower so many rows later, counted in the asset's own rows."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from brain.core.errors import LakeError, SourceTableError
from brain.usecases.direction.ledger import PROBABILITY_LEDGER, REALISED_RETURN
from brain.usecases.direction.names import CLOSE, DATE, SPACE
from brain.warehouse.ledger import KNOWN_AT, OUTCOME

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from brain.lake.snapshot import Snapshot
    from brain.usecases.protocol import Run

    Days = NDArray[np.datetime64]
    Values = NDArray[np.float64]
    _Known = tuple[Days, NDArray[np.int64], Days, Values]

log = logging.getLogger(__name__)

_NONE = (np.array([], "datetime64[D]"), np.array([], np.int64), np.array([], "datetime64[D]"), np.array([]))
COMMON_ROWS = 60  # by which a source that nobody extracts any more is compared with the last snapshot
SAME_CLOSE = 1e-9  # relative: more than a float loses on its way through a text, less than any correction
_DISAGREES = (
    "its source table says otherwise of the days before, so that newer closes may be of another scale; its rows stay"
    " open until it is in the catalogue again, and extracted, or its table says the same again"
)
_NO_CLOSES = (np.array([], "datetime64[D]"), np.array([], np.float64))
COLUMNS = (*PROBABILITY_LEDGER.key, OUTCOME, KNOWN_AT, REALISED_RETURN)


def outcomes(run: Run, since: pd.DataFrame) -> pd.DataFrame:
    """Every outcome known at the run's moment, of each asset and horizon from the row before `since` on.

    A day without a usable Close has none, nor has the one that it would decide. An asset whose files in the lake are
    damaged has none, either: a later run scores it.

    Args:
        since: asset, horizon and as_of.

    Returns:
        The columns `COLUMNS`; ``as_of`` and ``known_at`` are dates.
    """
    cells: list[tuple[str, int]] = []
    known: list[_Known] = []
    for asset, rows in since.groupby("asset"):
        days, closes = _closes(run, str(asset))
        for horizon, first in zip(rows["horizon"], rows["as_of"], strict=True):
            at = max(int(np.searchsorted(days, np.datetime64(first))) - 1, 0)
            cells.append((str(asset), int(horizon)))
            known.append(_known(int(horizon), days[at:], closes[at:]))
    return _frame(cells, known)


def _frame(cells: Sequence[tuple[str, int]], known: Sequence[_Known]) -> pd.DataFrame:
    """All cells in one frame: thousands of small ones would take most of the time."""
    import pandas as pd

    counts = [len(days) for days, *_ in known]
    assets, horizons = np.array([asset for asset, _ in cells], object), np.array([h for _, h in cells], np.int64)
    days, outcome, later, realised = (np.concatenate(parts) for parts in zip(_NONE, *known, strict=True))
    return pd.DataFrame(
        {
            "asset": pd.Series(np.repeat(assets, counts), dtype="str"),
            "horizon": np.repeat(horizons, counts),
            "as_of": days.astype("datetime64[s]"),
            OUTCOME: outcome,
            KNOWN_AT: later.astype("datetime64[s]"),
            REALISED_RETURN: realised,
        },
        columns=list(COLUMNS),
    )


def _known(horizon: int, days: Days, closes: Values) -> _Known:
    """Of each row whose outcome is known: its day, the outcome, the day of the row by which, and the return."""
    now, later = closes[:-horizon], closes[horizon:]
    with np.errstate(divide="ignore", invalid="ignore"):
        realised = later / now - 1
    usable = np.isfinite(realised) & (now > 0)
    outcome = (later >= now)[usable].astype(np.int64)
    return days[:-horizon][usable], outcome, days[horizon:][usable], realised[usable]


def _closes(run: Run, asset: str) -> tuple[Days, Values]:
    """Days and Close of an asset as known at the run's moment: none where its files are damaged."""
    try:
        return _read(run, asset)
    except LakeError as error:
        log.error("what came true of %s stays open, and nothing else waits for it: %s", asset, error)
        return _NO_CLOSES


def _read(run: Run, asset: str) -> tuple[Days, Values]:
    """The same; of an asset that has left the catalogue up to date, too."""
    snapshot = run.lake.as_of(SPACE, asset, run.moment)
    if snapshot is None or CLOSE not in snapshot.columns:
        return _NO_CLOSES
    rows = run.lake.read(snapshot, [CLOSE])
    days, closes = rows[DATE].to_numpy().astype("datetime64[D]"), rows[CLOSE].to_numpy()
    if asset in run.section.names:
        return days, closes
    newer_days, newer = _newer(run, asset, snapshot, days[-COMMON_ROWS:], closes[-COMMON_ROWS:])
    return np.concatenate([days, newer_days]), np.concatenate([closes, newer])


def _newer(run: Run, asset: str, snapshot: Snapshot, days: Days, closes: Values) -> tuple[Days, Values]:
    """What the source has of an asset after its last snapshot: nobody extracts one that has left the catalogue.

    Args:
        days: The last ones of the snapshot: the source has to say the same of them, or its scale may be another one.
    """
    from brain.source.connect import open_source

    known, first = "what came true of %s is known up to %s only: %s", days[0].item()
    source = open_source(run.settings, run.source.schema_name)
    try:
        read = source.read(snapshot.source_tables[0], DATE, [CLOSE], since=first, until=run.moment.day)
        batches = [(batch.keys.astype("datetime64[D]"), batch.values[0]) for batch in read]
    except SourceTableError as error:
        log.warning(known, asset, snapshot.watermark, error)
        return _NO_CLOSES
    finally:
        source.close()
    found, values = _each_once(batches)
    if not _agree(days, closes, found, values):
        log.warning(known, asset, snapshot.watermark, _DISAGREES)
        return _NO_CLOSES
    newer = found > np.datetime64(snapshot.watermark)
    return found[newer], values[newer]


def _each_once(batches: Sequence[tuple[Days, Values]]) -> tuple[Days, Values]:
    """The rows of batches, each day once: nobody has checked them."""
    days = np.concatenate([_NO_CLOSES[0], *(keys for keys, _ in batches)])
    values = np.concatenate([_NO_CLOSES[1], *(closes for _, closes in batches)])
    days, first = np.unique(days, return_index=True)
    return days, values[first]


def _agree(days: Days, closes: Values, found: Days, values: Values) -> bool:
    """Whether both have days in common, and the same Close on all of them."""
    _, here, there = np.intersect1d(days, found, return_indices=True)
    return len(here) > 0 and bool(np.allclose(closes[here], values[there], rtol=SAME_CLOSE, atol=0, equal_nan=True))
