"""The Airflow Assets that chain the DAGs. Our prose calls them datasets: an *asset* is a thing with a price.

A moment is a partition of a dataset: docs/decisions/a-run-for-every-moment.md says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset as Dataset
from airflow.sdk import PartitionedAssetTimetable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brain.core.moment import Moment

SNAPSHOTS = Dataset(name="snapshots", uri="brain://lake/snapshots", group="brain")
CHAMPIONS = Dataset(name="champions", uri="brain://models/champions", group="brain")
BARS = Dataset(name="bars", uri="brain://warehouse/bars", group="brain")
PROBABILITIES = Dataset(name="probabilities", uri="brain://warehouse/probabilities", group="brain")


def every_moment_of(dataset: Dataset) -> PartitionedAssetTimetable:
    """A schedule with a run of its own for every moment that is announced, also where several wait."""
    return PartitionedAssetTimetable(assets=dataset)


def hand_on(outlet_events: Any, dataset: Dataset, moment: Moment, extra: Mapping[str, Any]) -> None:
    """Say in a running task that `dataset` was updated for `moment`, which the run downstream takes over.

    Args:
        outlet_events: What Airflow hands a task of that name.
        extra: What the event says of the update, for people: plain JSON.
    """
    event = outlet_events[dataset]
    event.add_partitions(moment.at.isoformat())
    event.extra = {"moment": moment.at.isoformat(), **extra}
