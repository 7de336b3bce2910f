"""The Airflow Assets that chain the DAGs. Our prose calls them datasets: an *asset* is a thing with a price."""

from __future__ import annotations

from airflow.sdk import Asset as Dataset

SNAPSHOTS = Dataset(name="snapshots", uri="brain://lake/snapshots", group="brain")
CHAMPIONS = Dataset(name="champions", uri="brain://models/champions", group="brain")
PROBABILITIES = Dataset(name="probabilities", uri="brain://warehouse/probabilities", group="brain")
