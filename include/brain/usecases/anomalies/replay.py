"""What a detector published, recomputed bit for bit from its stored document and the snapshot, or what has changed.

Scores of a bar are those of the newest run. An anomaly has its score from the run that `scored_at` names; where that is
the run that found it, its start, its reason and its numbers come out again, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brain.core.errors import BrainError, Transient, UnknownTable
from brain.core.moment import Moment
from brain.scoring.replay import TableReplay
from brain.usecases.anomalies.rows import anomaly_rows, score_rows
from brain.usecases.anomalies.scoring import look
from brain.usecases.anomalies.tables import ANOMALIES, ANOMALY_FEEDS, ANOMALY_SCORES
from brain.warehouse.read import ask

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from brain.core.keys import ModelKey
    from brain.usecases.anomalies.scoring import Looked
    from brain.usecases.protocol import Run

NAMED = 3
NUMBERS = ("value", "usual_low", "usual_high", "score")  # of a bar, compared by their bits
FOUND = ("started_at", "kind", "expected", "seen", "told", "noticed_by", "model_version")  # of an anomaly, when found
_SCORES = f"SELECT * FROM {ANOMALY_SCORES.name} WHERE feed = %s AND detector = %s ORDER BY symbol, at"  # noqa: S608
_FOUND = f"SELECT * FROM {ANOMALIES.name} WHERE feed = %s AND detector = %s ORDER BY anomaly"  # noqa: S608 - names
_BARS = (
    f"SELECT data_sha256 FROM {ANOMALY_FEEDS.history.name} WHERE feed = %s AND published_at = %s"  # noqa: S608
    if ANOMALY_FEEDS.history
    else ""
)


@dataclass
class _Again:
    """Looks at the bars of a feed once more, a moment at a time."""

    run: Run
    feed: str

    def __post_init__(self) -> None:
        self._looked: dict[datetime, Looked | str] = {}

    def at(self, when: datetime) -> Looked | str:
        """As the run of that moment did; a sentence where that is not possible any more."""
        if when not in self._looked:
            self._looked[when] = self._look(when)
        return self._looked[when]

    def _look(self, when: datetime) -> Looked | str:
        try:
            found = look(self.run, self.feed, Moment(when), past=True)
        except Transient:
            raise
        except BrainError as error:
            return f"{when:%Y-%m-%d %H:%M} UTC: {error}"
        published = ask(self.run.settings.warehouse_url, _BARS, (self.feed, when)).rows
        if published and published[0][0] != found.bars.snapshot.data_sha256:
            return f"the bars of {when:%Y-%m-%d %H:%M} UTC are not those of {published[0][0][:12]}… any more"
        return found


def replay_detector(run: Run, key: ModelKey) -> TableReplay:
    """Recompute the scores and the anomalies that a detector gave.

    Raises:
        Transient: A server or the lake cannot be reached just now.
    """
    again = _Again(run, key.entity)
    try:
        scores, found = (_rows(run, query, key) for query in (_SCORES, _FOUND))
    except UnknownTable:
        return TableReplay(0)
    obstacles = [*_other_scores(again, key, scores), *_other_anomalies(again, found, run.section.merge_bars)]
    return TableReplay(len(scores) + len(found), tuple(dict.fromkeys(obstacles)))


def _rows(run: Run, query: str, key: ModelKey) -> pd.DataFrame:
    told = ask(run.settings.warehouse_url, query, (key.entity, key.target))
    return pd.DataFrame(told.rows, columns=list(told.columns), dtype=object)


def _other_scores(again: _Again, key: ModelKey, shown: pd.DataFrame) -> Iterator[str]:
    for published_at, made in shown.groupby("published_at"):
        looked = again.at(published_at)  # type: ignore[arg-type]
        if isinstance(looked, str):
            yield looked
            continue
        scores = score_rows(key.entity, looked.watched)
        asked = made[["symbol", "at"]].astype({"at": scores["at"].dtype})
        rows = asked.merge(scores, how="left", on=["symbol", "at"])
        other = _differ(made, rows, NUMBERS) | (rows["detector"].to_numpy() != key.target)
        if other.any():
            told = made[other].head(NAMED)
            named = ", ".join(f"{row.symbol} {row.at:%Y-%m-%d %H:%M}" for row in told.itertuples())
            version = looked.versions.get(key.target)
            yield f"{int(other.sum())} bars have another score by version {version}: {named}"


def _other_anomalies(again: _Again, shown: pd.DataFrame, merge: int) -> Iterator[str]:
    rows: list[dict[str, Any]] = shown.to_dict("records")  # type: ignore[assignment]
    for row in rows:
        scored_at = row.get("scored_at") or row["first_published"]  # a release before this one did not say
        looked = again.at(scored_at)
        if isinstance(looked, str):
            yield looked
            continue
        began, ended = row["started_at"].timestamp(), row["ended_at"].timestamp()
        scores = [
            episode.score
            for one in looked.watched
            if one.known.series.symbol == row["symbol"]
            for episode in one.episodes
            if one.known.series.at[episode.first] <= ended and one.known.series.at[episode.last] >= began
        ]
        if np.float64(row["score"]).tobytes() not in [np.float64(score).tobytes() for score in scores]:
            yield f"{row['anomaly']} has another score by the detectors of {scored_at:%Y-%m-%d %H:%M} UTC"
        elif scored_at == row["first_published"] and (told := _told_otherwise(again.feed, looked, row, merge)):
            yield f"{row['anomaly']} has another {told}"


def _told_otherwise(feed: str, looked: Looked, row: dict[str, Any], merge: int) -> str:
    """What is different in the row as the run that found it would write it; empty if nothing is."""
    nothing = pd.DataFrame(columns=list(ANOMALIES.row_names))
    moment = Moment(row["first_published"])
    made = anomaly_rows(feed, looked.watched, looked.versions, nothing, merge, lambda _: None, moment)
    same = made[made["anomaly"] == row["anomaly"]]
    if same.empty:
        return "start"
    now = same.iloc[0]
    return ", ".join(name for name in FOUND if not _same(row[name], now[name]))


def _same(then: Any, now: Any) -> bool:
    if pd.isna(then) or pd.isna(now):
        return bool(pd.isna(then) and pd.isna(now))
    return bool(np.float64(then).tobytes() == np.float64(now).tobytes() if isinstance(then, float) else then == now)


def _differ(shown: pd.DataFrame, here: pd.DataFrame, names: Sequence[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Rows in which one of the numbers has other bits."""
    other = np.zeros(len(shown), bool)
    for name in names:
        then, now = (one[name].to_numpy(np.float64, na_value=np.nan) for one in (shown, here))
        other |= then.view(np.int64) != now.view(np.int64)
    return other
