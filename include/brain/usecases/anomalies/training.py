"""The verb `train` of anomalies: detectors of a feed, fitted and admitted together, so that they share one budget."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.learning.candidate import Candidate, DataReference, Decision, Failed, Skipped, TrainingWindow
from brain.portable.heads import Identity
from brain.usecases.anomalies.bars import read_bars
from brain.usecases.anomalies.detectors import DETECTORS
from brain.usecases.anomalies.feedback import judged, read_feedback
from brain.usecases.anomalies.graph import NEVER, SYMBOL, detector_model
from brain.usecases.anomalies.learning import Wanted, learn
from brain.usecases.anomalies.names import model_key
from brain.usecases.anomalies.published import read_published

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brain.learning.candidate import ChampionSummary, TrainingResult
    from brain.usecases.anomalies.bars import Bars
    from brain.usecases.anomalies.catalogue import AnomaliesSection
    from brain.usecases.anomalies.learning import Learned
    from brain.usecases.protocol import Run

CHECK_ROWS = 256
NONE_TRAINED = "No symbol of the feed has enough bars. Wait for more, raise history_days, or lower min_bars."


def train_feed(run: Run, unit: str, targets: Sequence[str], *, force: bool) -> Sequence[TrainingResult]:
    """A result for each detector: all are made anew together where one of them is due.

    Raises:
        ScoringError: No bar of the feed counts.
    """
    section: AnomaliesSection = run.section
    names = [name for name in section.detectors if not targets or name in targets]
    known = run.store.champion_summaries([unit])
    decisions = {name: _decide(known.get(model_key(unit, name)), section, run, force=force) for name in names}
    if all(decision.action == "skip" for decision in decisions.values()):
        return [Skipped(model_key(unit, name), decisions[name]) for name in names]
    bars = read_bars(run.lake, section.feed(unit), run.moment, section.history_days)
    until = (run.moment.at - timedelta(days=section.watch_days)).timestamp()
    past = {name: one.between(-np.inf, until) for name, one in bars.series.items()}
    published = read_published(run.settings.warehouse_url, unit, run.moment)
    wanted = Wanted(section.detectors, section.alerts_per_week, section.merge_bars, section.min_bars)
    learned = learn(past, wanted, judged(read_feedback(run.lake, unit, run.moment), published))
    due = next(decision for decision in decisions.values() if decision.action != "skip")
    return [_result(run, unit, name, learned, bars, due) for name in names]


def _result(run: Run, unit: str, name: str, learned: Learned, bars: Bars, decision: Decision) -> TrainingResult:
    section: AnomaliesSection = run.section
    key, symbols = model_key(unit, name), sorted(learned.watches)
    if not symbols or name not in learned.scorers:
        told = "; ".join(f"{symbol}: {why}" for symbol, why in list(learned.failed.items())[:3])
        return Failed(key, f"no symbol to learn from ({told or 'none'})", NONE_TRAINED)
    thresholds = [learned.watches[symbol].thresholds.get(name, NEVER) for symbol in symbols]
    limits = np.minimum(np.array(thresholds), NEVER)
    sampled = learned.rows[name]
    rows = sampled[np.unique(np.linspace(0, len(sampled) - 1, CHECK_ROWS).astype(int))]
    places = np.arange(len(rows)) % len(symbols)
    check_rows = np.column_stack([places, rows])
    first = min(float(bars.series[symbol].at[0]) for symbol in symbols)
    days = [datetime.fromtimestamp(at, UTC).date() for at in (first, bars.newest)]
    return Candidate(
        key=key,
        pipeline=detector_model(learned.scorers[name], limits, check_rows),
        parameters={
            "classifier": name,
            "settings": _settings(section),
            "symbols": symbols,
            "thresholds": [float(limit) for limit in limits],
            "failed": dict(learned.failed),
        },
        features=(SYMBOL, *DETECTORS[name].features),
        head=Identity(),
        metrics={"symbols": {symbol: _standing(learned, symbol, name) for symbol in symbols}},
        window=TrainingWindow(days[0], days[1], None, sum(map(len, bars.series.values()))),
        data=DataReference(bars.snapshot.data_sha256, bars.snapshot.watermark, bars.snapshot.source_tables),
        decision=decision,
        seed=0,
        trained_at=run.moment.at,
        searched_at=run.moment.at,
        check_rows=check_rows,
        description="Takes the place of a symbol among `symbols` and a bar's features; gives the score by the symbol's"
        " threshold: 1 and more is an alert.",
    )


def _standing(learned: Learned, symbol: str, name: str) -> dict[str, Any]:
    """What the scorecard says of a detector, as plain JSON."""
    watch = learned.watches[symbol]
    recall = watch.admission.recall
    return {
        **asdict(watch.admission.standings[name]),
        "together": float(np.mean(list(recall.values()))) if recall else 0.0,
        "recall": dict(recall),
        "faults": int(sum(watch.admission.faults.values())),
        "later_rate": watch.later_rate,
    }


def _decide(champion: ChampionSummary | None, section: AnomaliesSection, run: Run, *, force: bool) -> Decision:
    """Whether thresholds and admission are made anew."""
    if force:
        return Decision("search", "forced")
    if champion is None:
        return Decision("search", "no champion")
    if dict(champion.parameters).get("settings") != _settings(section):
        return Decision("search", "the catalogue asks for something else")
    if champion.degraded and champion.trained_at != run.moment.at:
        return Decision("search", f"degraded: {champion.degraded}")
    age = (run.moment.at - champion.trained_at).days
    if age >= section.retrain_days:
        return Decision("search", f"made {age} days ago; retrain_days is {section.retrain_days}")
    return Decision("skip", f"made {age} days ago; retrain_days is {section.retrain_days}")


def _settings(section: AnomaliesSection) -> dict[str, Any]:
    """What of the catalogue a model depends on."""
    names = ("alerts_per_week", "watch_days", "history_days", "merge_bars", "min_bars")
    return {"detectors": list(section.detectors), **{name: getattr(section, name) for name in names}}
