"""The verb `score` of anomalies: what is strange in the newest bars of each feed, by the detectors that there are."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brain.core.errors import BrainError, Transient, UnforeseenError
from brain.scoring.batch import champions_of, untrained
from brain.store.champions import Refused
from brain.usecases.anomalies.bars import read_bars
from brain.usecases.anomalies.feedback import read_feedback
from brain.usecases.anomalies.names import feedback_name, model_key
from brain.usecases.anomalies.published import read_published
from brain.usecases.anomalies.rows import anomaly_rows, score_rows, scorecard_rows, with_feedback
from brain.usecases.anomalies.tables import ANOMALIES, ANOMALY_FEEDS, ANOMALY_SCORES, DETECTOR_SCORECARD
from brain.usecases.anomalies.watching import Served, watch_all
from brain.usecases.anomalies.withdrawing import Before
from brain.warehouse.extraction_runs import failing_extractions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brain.core.moment import Moment
    from brain.store.stored_model import StoredModel
    from brain.usecases.anomalies.bars import Bars
    from brain.usecases.anomalies.catalogue import AnomaliesSection
    from brain.usecases.anomalies.watching import Watched
    from brain.usecases.protocol import Run

log = logging.getLogger(__name__)

TOLD = 5  # symbols that are not watched, by name
TABLES = (ANOMALY_FEEDS, ANOMALIES, ANOMALY_SCORES, DETECTOR_SCORECARD)
Frames = dict[str, pd.DataFrame]


def score_feeds(run: Run, units: Sequence[str]) -> Frames:
    """The rows of all tables; a feed that cannot be watched has its reason, and all that was published of it stays.

    Raises:
        Transient: A server or the lake cannot be reached: nothing is known about any row, so try again.
    """
    found = [_contained(run, unit) for unit in units]
    return {table.name: _together([one[table.name] for one in found]) for table in TABLES}


def _contained(run: Run, unit: str) -> Frames:
    try:
        return _scored(run, unit)
    except Transient:
        raise
    except Exception as error:  # whatever it is, the other feeds go on and the last good rows stay
        log.exception("watching %s", unit)
        known = error if isinstance(error, BrainError) else UnforeseenError.during("scoring", unit, error)
        failing = failing_extractions(run.settings.warehouse_url, run.use_case.name, run.moment)
        empty = {table.name: pd.DataFrame(columns=list(table.row_names)) for table in TABLES}
        row = {"feed": unit, "reason": failing.get(unit) or str(known)}
        names = list(ANOMALY_FEEDS.row_names)
        return {**empty, ANOMALY_FEEDS.name: pd.DataFrame([row]).reindex(columns=names)}


@dataclass(frozen=True)
class Looked:
    """What the detectors of a moment say of the bars that were known then.

    Args:
        since: Seconds since 1970 from which on bars were looked at.
        failed: Symbols that were not watched, and why.
    """

    bars: Bars
    models: list[StoredModel]
    watched: list[Watched]
    failed: dict[str, str]
    since: float

    @property
    def versions(self) -> dict[str, int]:
        """By detector."""
        return {model.key.target: model.version for model in self.models}


def look(run: Run, unit: str, moment: Moment, *, past: bool) -> Looked:
    """Look at the bars of a feed as they were known at `moment`.

    Args:
        past: By the champions of that moment.

    Raises:
        BrainError: No detector may be served, or no bar counts.
    """
    section: AnomaliesSection = run.section
    models = _models(run, unit, moment, past=past)
    served = [_served(model) for model in models]
    bars = read_bars(run.lake, section.feed(unit), moment, section.history_days)
    since = (moment.at - timedelta(days=section.watch_days)).timestamp()
    failed = dict(models[0].document["hyper_parameters"]["failed"])
    known = set(models[0].document["hyper_parameters"]["symbols"])
    failed |= {name: "new since the detectors were trained" for name in bars.series if name not in {*known, *failed}}
    series = [one for name, one in bars.series.items() if name not in failed]
    watched = list(watch_all(series, served, (since, bars.newest), section.merge_bars, failed))
    return Looked(bars, models, watched, failed, since)


def _scored(run: Run, unit: str) -> Frames:
    section: AnomaliesSection = run.section
    looked = look(run, unit, run.moment, past=run.is_past)
    bars, watched, merge = looked.bars, looked.watched, section.merge_bars
    feedback = read_feedback(run.lake, unit, run.moment)
    published = read_published(run.settings.warehouse_url, unit, run.moment)
    before = Before(run.lake, section.feed(unit), bars, section.history_days)
    anomalies = anomaly_rows(unit, watched, looked.versions, published, merge, before.known, run.moment)
    new = int((pd.to_datetime(anomalies["first_published"], utc=True) == pd.Timestamp(run.moment.at)).sum())
    failing = failing_extractions(run.settings.warehouse_url, run.use_case.name, run.moment)
    row = _feed_row(section, unit, looked)
    row |= {"anomalies": new, "feedback_ignored": "; ".join(feedback.ignored) or None}
    row["reason"] = failing.get(unit) or failing.get(feedback_name(unit))
    return {
        ANOMALY_FEEDS.name: pd.DataFrame([row], columns=list(ANOMALY_FEEDS.row_names)),
        ANOMALIES.name: with_feedback(anomalies, feedback),
        ANOMALY_SCORES.name: score_rows(unit, watched),
        DETECTOR_SCORECARD.name: scorecard_rows(unit, looked.models),
    }


def _models(run: Run, unit: str, moment: Moment, *, past: bool) -> list[StoredModel]:
    """The detectors of a feed that may be served.

    Raises:
        BrainError: There is none; of several reasons the first.
    """
    found, errors = {}, []
    for champion in champions_of(run.store, [unit], moment, past=past):
        if isinstance(champion, Refused):
            errors.append(champion.error)
            log.error("%s", champion.error)
        else:
            found[champion.key.target] = champion.model
    wanted = [found[name] for name in run.section.detectors if name in found]
    if not wanted:
        raise errors[0] if errors else untrained(model_key(unit, run.section.detectors[0]), moment)
    return wanted


def _served(model: StoredModel) -> Served:
    told = model.document["hyper_parameters"]
    places = {symbol: place for place, symbol in enumerate(told["symbols"])}
    thresholds = dict(zip(told["symbols"], told["thresholds"], strict=True))
    return Served(model.key.target, model.version, model.evaluator(), places, thresholds)


def _feed_row(section: AnomaliesSection, unit: str, looked: Looked) -> dict[str, Any]:
    bars, watched, failed = looked.bars, looked.watched, looked.failed
    lacking = [f"{name}: {why}" for name, why in list(failed.items())[:TOLD]]
    more = f"; {len(failed) - TOLD} more" if len(failed) > TOLD else ""
    return {
        "feed": unit,
        "as_of": datetime.fromtimestamp(bars.newest, UTC),
        "watched_from": datetime.fromtimestamp(looked.since, UTC),
        "symbols": len(watched),
        "bars": int(np.sum([len(one.known.series) - one.start - one.silent for one in watched])),
        "alerts_per_week": section.alerts_per_week,
        "not_watched": "; ".join(lacking) + more or None,
        "left_out": bars.told() or None,
        "feedback_table": section.feedback,
        "data_sha256": bars.snapshot.data_sha256,
    }


def _together(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    whole = [frame for frame in frames if len(frame)]
    return pd.concat(whole, ignore_index=True) if whole else frames[0]
