"""Anomalies on the Brain page: what each symbol reads, its anomalies as marks, and the detectors that watch it."""

from __future__ import annotations

from brain.usecases.anomalies.names import CONFIRMED, DISMISSED, GOING_ON, KEY, NOTE, SAID_AT, SAID_BY, VERDICT
from brain.usecases.anomalies.tables import ANOMALIES, ANOMALY_FEEDS, ANOMALY_SCORES, DETECTOR_SCORECARD
from brain.usecases.page import Answer, Band, Feedback, Makers, Marks, Timelines, Words

PAGE = Timelines(
    title="Anomalies",
    words=Words("feed", "table", member="symbol", item="anomaly"),
    table=ANOMALY_FEEDS,
    checked=ANOMALIES.name,
    unit="feed",
    as_of="as_of",
    lacking=("not_watched", "left_out", "feedback_ignored"),
    points=ANOMALY_SCORES,
    member="symbol",
    at="at",
    lines=(("seen", "value"),),
    band=Band("usual", "usual_low", "usual_high"),
    marks=Marks(
        table=ANOMALIES,
        key="anomaly",
        start="started_at",
        end="ended_at",
        kind="kind",
        told="told",
        degree="severity",
        degrees=("low", "medium", "high"),
        status="status",
        open=GOING_ON,
        verdict="feedback",
        note="note",
        found=("detector", "model_version", "noticed_by", "score", "first_published"),
        feedback=Feedback(
            table="feedback_table",
            mark=KEY,
            verdict=VERDICT,
            note=NOTE,
            by=SAID_BY,
            at=SAID_AT,
            answers=(
                Answer(CONFIRMED, "Confirm", "It was real: detectors are measured on it from now on."),
                Answer(DISMISSED, "Dismiss", "A false alert: thresholds count it twice when they are next made."),
            ),
            dag="find_anomalies",
        ),
    ),
    makers=Makers(
        table=DETECTOR_SCORECARD,
        word="detector",
        name="detector",
        claim="admitted",
        why="verdict",
        about="about",
        figures=("gain", "alone", "together", "threshold", "faults", "alerts_per_week", "model_version"),
    ),
)
