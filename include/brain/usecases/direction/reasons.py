"""Why a probability is what it is: from the share of ups to each feature, in words and in log-odds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from brain.portable.heads import Blend
from brain.scoring.reasons import LEAST, Reason, added_parts
from brain.usecases.direction.base_rate import EVEN, LONG_RUN, BaseRates, outcomes_per_row
from brain.usecases.direction.names import horizon_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from brain.portable.evaluate import Evaluator
    from brain.portable.parts import Parts
    from brain.store.stored_model import StoredModel

    Values = NDArray[np.float64]

PLAIN = 10_000  # numbers from here on are shown without digits behind the point


@dataclass(frozen=True)
class _Remembered(BaseRates):
    """The base rate of one model as its document remembers it: no history, but the counts that came of it.

    Args:
        known_likeness: Probability that the asset is like its peers, shape (1,).
    """

    known_likeness: Values

    @classmethod
    def by(cls, document: Mapping[str, Any], horizon: int) -> _Remembered:
        made, rows = document["extra"]["base_rate"], float(document["window"]["rows"])
        return cls(
            horizons=np.array([horizon]),
            ups=np.array([[0.0, made["share"] * rows]]),
            rows=np.array([[0.0, rows]]),
            peers=np.array([[made["usual_share"]]]),
            strengths=np.array([[made["strength"]]]),
            known_likeness=np.array([made["likeness"]]),
        )

    @property
    def long_run(self) -> float:
        """What the base rate would be without a recent window."""
        return float(self._rates(self.horizons, LONG_RUN)[0, 0])

    def _likeness(self, *_: Values) -> Values:  # type: ignore[override]
        return self.known_likeness


def reasons_of(
    model: StoredModel, row: Values, has_skill: bool | None, published: float, evaluator: Evaluator | None = None
) -> list[Reason]:
    """What a published probability is made of, in the order in which to read it; the parts add up to its log-odds.

    Args:
        model: The model behind it; with its record, the share of ups is taken apart, too.
        row: As the model takes it, shape (features,).
        has_skill: False where the base rate was published.
        evaluator: The model's; made anew if None.

    Raises:
        ArtifactRejected: The model may not be run.
    """
    found = list(_base_rate(model, has_skill))
    if has_skill is not False:
        found += _evidence(model, row, added_parts(model, row, published, evaluator))
    return found


def probabilities_on_the_way(reasons: Sequence[Reason], published: float) -> Values:
    """The probability with each reason and those before it, shape (reasons,); the last is the published one."""
    found: Values = expit(np.cumsum([reason.part for reason in reasons]))
    found[-1:] = published
    return found


def _base_rate(model: StoredModel, has_skill: bool | None) -> Iterator[Reason]:
    head, document = model.head, model.document
    assert isinstance(head, Blend), f"{model.key} v{model.version} was not trained for direction"
    said = f"{_unproven(document['metrics'])} " if has_skill is False else ""
    made, window = (document.get("extra") or {}).get("base_rate"), document.get("window")
    if not made or not window:
        yield Reason("base_rate", f"{said}The base rate: what one would say without a model.", _logit(head.base_rate))
        return
    share, horizon = made["share"], horizon_of(model.key.target)
    later = f"Close was not lower {horizon} {'row' if horizon == 1 else 'rows'} later"
    rows, days = window["rows"], f"{window['first'].date()} to {window['last'].date()}"
    seen = f"{rows:,} rows ({rows * _outcomes_per_row(horizon):,.0f} independent outcomes), {days}"
    yield Reason("share", f"{said}{later} after {share:.1%} of {seen}.", _logit(share), value=share)
    recent = made["window"] != LONG_RUN
    long_run = _Remembered.by(document, horizon).long_run if recent else head.base_rate
    usual = made["usual_share"]
    toward = "toward 50%, since no other asset has this horizon"
    if usual != EVEN:
        toward = f"by {usual:.1%}, the share of other assets"
    drawn = f"Drawn to {long_run:.1%} {toward}."
    yield Reason("peers", drawn, _logit(long_run) - _logit(share), value=usual)
    if recent:
        told = f"Moved to {head.base_rate:.1%} by the newest {made['window']:,} rows, which forecast clearly better."
        yield Reason("recent", told, _logit(head.base_rate) - _logit(long_run))


def _unproven(metrics: Mapping[str, Any]) -> str:
    why = metrics.get("reason") or metrics.get("barred")
    return f"No skill is proven{f' ({why})' if why else ''}: the number is the base rate."


def _evidence(model: StoredModel, row: Values, added: Parts) -> Iterator[Reason]:
    order = np.argsort(-np.abs(added.features), kind="stable")
    for place in map(int, order):
        if abs(added.features[place]) > LEAST:
            name, value = model.features[place], float(row[place])
            words = _feature(name, value, float(added.means[place]), float(added.ranks[place]))
            known = None if np.isnan(value) else value
            yield Reason("feature", words, float(added.features[place]), feature=name, value=known)
    others = {
        "together": (added.together, "What features say only together, and none of them alone."),
        "usual": (added.reference, "What the model says of a usual row, beyond its mean over the training rows."),
        "limit": (added.limits, "No probability is published, and no model believed, beyond one in a million."),
    }
    for kind, (part, words) in others.items():
        if abs(part) > LEAST:
            yield Reason(kind, words, part)


def _feature(name: str, value: float, mean: float, rank: float) -> str:
    if np.isnan(value):
        return f"{name} is missing."
    if not np.isnan(rank):
        if rank in (0.0, 1.0):
            return f"{name} is {_number(value)}, as {'low' if rank == 0 else 'high'} as in any training row or beyond."
        return f"{name} is {_number(value)}, above {rank:.0%} of the training rows."
    usual = "" if np.isnan(mean) else f"; its mean in training {_number(mean)}"
    return f"{name} is {_number(value)}{usual}."


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= PLAIN else f"{value:.4g}"


_outcomes_per_row = cache(outcomes_per_row)  # thousands of models look as far ahead as a few


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))
