"""What people say of published anomalies: a table that they edit, read with the bars.

A row names an anomaly by the key it has in `anomalies`, and the verdict: `confirmed` or `dismissed`, or empty where
somebody took it back. The detectors' admission counts a confirmed one as a fault to be found, and an alert in a
dismissed one as two false alerts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from brain.usecases.anomalies.names import (
    CONFIRMED,
    DISMISSED,
    KEY,
    NOTE,
    SPACE,
    VERDICT,
    WITHDRAWN,
    feedback_name,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brain.core.moment import Moment
    from brain.lake.lake import Lake

    Span = tuple[float, float]


@dataclass(frozen=True)
class Feedback:
    """By anomaly, the verdict and the note of whoever looked at it.

    Args:
        ignored: Rows that make no sense, each with the reason.
    """

    verdicts: Mapping[str, str]
    notes: Mapping[str, str]
    ignored: tuple[str, ...] = ()


NONE = Feedback({}, {})


@dataclass(frozen=True)
class Judged:
    """By symbol, the times of anomalies that people have judged, with the kind of each."""

    real: Mapping[str, tuple[tuple[str, float, float], ...]]
    false: Mapping[str, tuple[Span, ...]]


def read_feedback(lake: Lake, feed: str, moment: Moment) -> Feedback:
    """What was known at `moment`; nothing where there is no such table.

    Raises:
        LakeError: A file is gone or altered.
    """
    snapshot = lake.as_of(SPACE, feedback_name(feed), moment)
    return NONE if snapshot is None else feedback_of(lake.read(snapshot))


def feedback_of(table: pd.DataFrame) -> Feedback:
    """The rows of the table as people have left them."""
    verdicts, notes, ignored = {}, {}, []
    rows: list[dict[str, Any]] = table.to_dict("records")  # type: ignore[assignment]
    for row in rows:
        anomaly, verdict, note = (_text(row[name]) for name in (KEY, VERDICT, NOTE))
        if not verdict:
            continue
        if verdict.lower() not in (CONFIRMED, DISMISSED):
            ignored.append(f"{anomaly}: the verdict {verdict!r} is neither {CONFIRMED} nor {DISMISSED}")
            continue
        verdicts[anomaly], notes[anomaly] = verdict.lower(), note
    return Feedback(verdicts, notes, tuple(ignored))


def judged(feedback: Feedback, published: pd.DataFrame) -> Judged:
    """The times of the published anomalies that people have judged; the bars of withdrawn ones are no more.

    Args:
        published: Rows of `anomalies`: anomaly, symbol, kind, started_at, ended_at, status.
    """
    real: dict[str, list[tuple[str, float, float]]] = {}
    false: dict[str, list[Span]] = {}
    for row in published[published["status"] != WITHDRAWN].itertuples():
        verdict = feedback.verdicts.get(str(row.anomaly))
        span = pd.Timestamp(row.started_at).timestamp(), pd.Timestamp(row.ended_at).timestamp()  # type: ignore[arg-type]
        if verdict == CONFIRMED:
            real.setdefault(str(row.symbol), []).append((str(row.kind), *span))
        elif verdict == DISMISSED:
            false.setdefault(str(row.symbol), []).append(span)
    return Judged({k: tuple(v) for k, v in real.items()}, {k: tuple(v) for k, v in false.items()})


def _text(value: object) -> str:
    return "" if value is None or value is pd.NA or value != value else str(value).strip()
