"""Rows of the published tables, of what was found about symbols."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brain.usecases.anomalies.detectors import DETECTORS
from brain.usecases.anomalies.detectors.rule import Rule
from brain.usecases.anomalies.episodes import severity
from brain.usecases.anomalies.names import GOING_ON, OVER, WITHDRAWN
from brain.usecases.anomalies.tables import ANOMALIES, ANOMALY_SCORES, DETECTOR_SCORECARD
from brain.usecases.anomalies.telling import tell
from brain.usecases.anomalies.together import together
from brain.usecases.anomalies.withdrawing import withdraw

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from brain.core.moment import Moment
    from brain.store.stored_model import StoredModel
    from brain.usecases.anomalies.episodes import Episode
    from brain.usecases.anomalies.feedback import Feedback
    from brain.usecases.anomalies.telling import Told
    from brain.usecases.anomalies.watching import Watched
    from brain.usecases.anomalies.withdrawing import Known

SIZES = 3.0  # usual changes that the band for plotting is wide
NOTHING_ADDED = "adds nothing here"


def anomaly_rows(
    feed: str,
    watched: Iterable[Watched],
    versions: Mapping[str, int],
    published: pd.DataFrame,
    merge: int,
    known_at: Known,
    moment: Moment,
) -> pd.DataFrame:
    """The published anomalies, those that go on with their new end, and the new ones.

    A published one keeps its key, kind and reason; only its end, its score and its status may change.

    Args:
        known_at: What was known of the bars at a moment: `Before.known`.
    """
    rows: list[dict[str, Any]] = published.to_dict("records")  # type: ignore[assignment]
    for row in rows:
        row["status"] = WITHDRAWN if row["status"] == WITHDRAWN else OVER
    looked = {one.known.series.symbol: one for one in watched}
    found_again: set[str] = set()
    by_symbol: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_symbol.setdefault(row["symbol"], []).append(row)
    new = []
    for one in looked.values():
        series = one.known.series
        near = merge * series.step
        for episode in one.episodes:
            told = tell(one.known, episode)
            ended = float(series.at[episode.last])
            status = GOING_ON if len(series) - 1 - episode.last < merge else OVER
            touched = _touched(by_symbol.get(series.symbol, ()), told.started, ended, near)
            if touched:
                known = touched[0]
                known["ended_at"] = max(known["ended_at"], _time(ended))
                if episode.score > known["score"]:
                    known["score"], known["scored_at"] = episode.score, moment.at
                known["severity"], known["status"], known["withdrawn"] = severity(known["score"]), status, None
                found_again.update(row["anomaly"] for row in touched)  # in all of them something strange is left
                continue
            new.append(_new(feed, series.symbol, episode, told, ended, status, versions, moment))
    withdraw((row for row in rows if row["anomaly"] not in found_again), looked, known_at)
    found = pd.DataFrame([*rows, *new], columns=list(ANOMALIES.row_names))
    return found.drop_duplicates("anomaly", keep="first").reset_index(drop=True)


def _new(
    feed: str,
    symbol: str,
    episode: Episode,
    told: Told,
    ended: float,
    status: str,
    versions: Mapping[str, int],
    moment: Moment,
) -> dict[str, Any]:
    started = _time(told.started)
    return {
        "anomaly": f"{feed} {symbol} {started:%Y-%m-%d %H:%M:%S}",
        "feed": feed,
        "symbol": symbol,
        "started_at": started,
        "ended_at": _time(ended),
        "kind": DETECTORS[episode.detector].kind,
        "score": episode.score,
        "severity": severity(episode.score),
        "expected": told.expected,
        "seen": told.seen,
        "told": told.words,
        "detector": episode.detector,
        "noticed_by": ", ".join(episode.noticed_by),
        "model_version": versions[episode.detector],
        "status": status,
        "withdrawn": None,
        "feedback": None,
        "note": None,
        "first_published": moment.at,
        "scored_at": moment.at,
    }


def with_feedback(anomalies: pd.DataFrame, feedback: Feedback) -> pd.DataFrame:
    """The rows with what people say of them now."""
    verdicts = [feedback.verdicts.get(name) for name in anomalies["anomaly"]]
    notes = [feedback.notes.get(name) or None for name in anomalies["anomaly"]]
    return anomalies.assign(feedback=pd.Series(verdicts, dtype=object), note=pd.Series(notes, dtype=object))


def score_rows(feed: str, watched: Iterable[Watched]) -> pd.DataFrame:
    """A row a symbol and bar that was looked at."""
    parts = [_scores(feed, one) for one in watched]
    names = list(ANOMALY_SCORES.row_names)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=names)


def scorecard_rows(feed: str, models: Iterable[StoredModel]) -> pd.DataFrame:
    """A row a symbol and detector, of what training has measured."""
    rows = []
    for model in models:
        name, told = model.key.target, model.document["hyper_parameters"]
        standings = model.document["metrics"]["symbols"]
        for symbol, threshold in zip(told["symbols"], told["thresholds"], strict=True):
            found = standings[symbol]
            admitted = bool(found["admitted"])
            rows.append(
                {
                    "feed": feed,
                    "symbol": symbol,
                    "detector": name,
                    "admitted": admitted,
                    "verdict": _verdict(name, found),
                    "alone": found["alone"],
                    "gain": found["gain"],
                    "together": found["together"],
                    "threshold": threshold if admitted else None,
                    "faults": found["faults"],
                    "alerts_per_week": found["later_rate"],
                    "about": DETECTORS[name].about,
                    "model_version": model.version,
                    "measured_at": model.trained_at,
                }
            )
    return pd.DataFrame(rows, columns=list(DETECTOR_SCORECARD.row_names))


def _verdict(name: str, found: Mapping[str, Any]) -> str:
    alone, gain = f"{found['alone']:.0%} alone", found["gain"]
    if found["admitted"]:
        beside = "" if isinstance(DETECTORS[name], Rule) else " that no rule in its place finds"
        return f"admitted: it adds {gain:.0%} of the faults{beside} ({alone})"
    if not found["faults"]:
        return "not measured: too few bars to plant faults"
    return f"{NOTHING_ADDED}: the others find {'as many' if gain <= 0 else f'all but {gain:.1%}'} without it ({alone})"


def _touched(known: Iterable[dict[str, Any]], first: float, last: float, near: float) -> list[dict[str, Any]]:
    """The published anomalies that a stretch is near to, the earliest first; a withdrawn one has to be in it."""
    touching = []
    for row in known:
        apart = timedelta(seconds=0 if row["status"] == WITHDRAWN else near)
        if row["started_at"] - apart <= _time(last) and row["ended_at"] + apart >= _time(first):
            touching.append(row)
    return sorted(touching, key=lambda row: row["started_at"])


def _scores(feed: str, one: Watched) -> pd.DataFrame:
    series, part = one.known.series, slice(one.start, len(one.known.series) - one.silent)
    at, value, size = series.at[part], series.value[part], one.known.moves.size[part]
    before = series.value[np.maximum(np.arange(part.start, part.stop) - 1, 0)]
    logs = bool((series.value > 0).all())
    low, high = (before * np.exp(sign * SIZES * size) if logs else before + sign * SIZES * size for sign in (-1, 1))
    names = list(one.scores)
    table = np.stack([one.scores[name][: len(at)] for name in names] or [np.zeros(len(at))])
    who = np.array([*names, None], dtype=object)[table.argmax(axis=0)]
    return pd.DataFrame(
        {
            "feed": feed,
            "symbol": series.symbol,
            "at": pd.to_datetime((at * 1e6).round().astype(np.int64), unit="us", utc=True),
            "value": value,
            "usual_low": low,
            "usual_high": high,
            "score": together({name: found[: len(at)] for name, found in one.scores.items()}, len(at)),
            "detector": who,
        }
    )


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
