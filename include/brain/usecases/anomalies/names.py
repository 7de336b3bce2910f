"""What anomalies calls its models, its parts and its source tables."""

from __future__ import annotations

from brain.core.keys import ModelKey

NAME = "anomalies"
SPACE = "anomalies"
FEEDBACK = "feedback"
KEY, VERDICT, NOTE = "anomaly", "verdict", "note"  # columns of the table that people edit
SAID_BY, SAID_AT = "said_by", "said_at"  # and those that it may have
CONFIRMED, DISMISSED = "confirmed", "dismissed"
DETECTORS = (  # by name only: Airflow reads the catalogue without NumPy
    *("robust_z", "jump", "stuck", "burst", "drift", "gap", "volume"),
    *("spectral_residual", "isolation_forest", "lstm"),
)
GOING_ON, OVER, WITHDRAWN = "going on", "over", "withdrawn"


def model_key(feed: str, detector: str) -> ModelKey:
    """One model a feed and detector, with a threshold for each symbol."""
    return ModelKey(NAME, feed, detector)


def feedback_name(feed: str) -> str:
    """What the snapshots of the table that people edit are called."""
    return f"{feed} {FEEDBACK}"
