"""Have an asset's features drifted since its models were searched? Measured before training, which answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brain.core.moment import Moment
from brain.learning.drift import measure
from brain.learning.drift_span import RATE, WINDOW
from brain.learning.policy import Alarm
from brain.usecases.direction.dataset import feature_columns, feature_values
from brain.usecases.direction.names import DATE, NAME, SPACE
from brain.warehouse.feature_drift import Measured, prepare, record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime

    import pandas as pd

    from brain.learning.candidate import ChampionSummary
    from brain.learning.drift import Drift
    from brain.usecases.direction.catalogue import AssetSpec
    from brain.usecases.protocol import Run

NAMED = 3  # features that a reason names


def drift_alarms(
    run: Run, spec: AssetSpec, frame: pd.DataFrame, champions: Mapping[int, ChampionSummary]
) -> dict[int, Alarm]:
    """By horizon, why its champion is to be searched anew; `feature_drift` keeps what a recorded run measured.

    Only rows that the last search of the champion did not know count: an alarm is of a span of rows, and searches a
    model once, however often it is looked at.

    Args:
        frame: The snapshot's rows, one row a day, ascending.
        champions: The champions in brief, by horizon; the features that they use are measured.
    """
    if run.is_recorded:
        run.once("the table of drift", lambda: prepare(run.settings.warehouse_url))
    used = {feature for champion in champions.values() for feature in champion.features}
    features = tuple(name for name in feature_columns(frame, spec.leave_out) if name in used)
    if not features:
        return {}
    drift, days = measure(feature_values(frame, list(features))), [day.date() for day in frame[DATE]]
    if run.is_recorded:
        record(run.settings.warehouse_url, Measured(NAME, spec.name, days[-1], features, drift), run.moment)
    if drift.since is None or not spec.training.search_on_drift:
        return {}
    reason = _reason(features, drift, days[drift.since])
    news = _searched_before(run, spec.name, days[drift.since], champions.values())
    return {
        horizon: Alarm(run.moment.at, reason, "drift")
        for horizon, champion in champions.items()
        if champion.searched_at in news
    }


def _searched_before(run: Run, asset: str, day: date, champions: Iterable[ChampionSummary]) -> set[datetime]:
    """The moments of searches that did not know the row of a day yet."""
    found: set[datetime] = set()
    for at in {champion.searched_at for champion in champions}:
        known = run.lake.as_of(SPACE, asset, Moment(at))
        if known is None or known.watermark < day:
            found.add(at)
    return found


def _reason(features: tuple[str, ...], drift: Drift, since: date) -> str:
    drifted = [name for name, is_off in zip(features, drift.drifted, strict=True) if is_off]
    more = f" and {len(drifted) - NAMED} more" if len(drifted) > NAMED else ""
    return (
        f"{', '.join(drifted[:NAMED])}{more}: the {WINDOW} rows up to {since} are farther from all before them than"
        f" {1 - RATE:.0%} of the {drift.spans} spans of the past"
    )
