"""What each run decided for each model, and why. For people: nothing that is published depends on it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field
from pymongo import ReplaceOne

from brain.core.errors import ArtifactRejected
from brain.learning.candidate import Candidate, Decision, Failed
from brain.store.bson_values import to_plain
from brain.store.pointers import Strict, parsed
from brain.store.reading import decoded, key_in
from brain.store.schema import DECISIONS, KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bson.raw_bson import RawBSONDocument

    from brain.core.keys import ModelKey
    from brain.core.moment import Moment
    from brain.learning.candidate import TrainingResult
    from brain.store.backend import Backend

_LOG = logging.getLogger(__name__)


class DecisionLine(Strict):
    """A stored decision."""

    id: str = Field(alias="_id")
    use_case: str
    entity: str
    target: str
    interval_end: datetime
    action: Literal["search", "refresh", "skip", "failed"]
    reason: str


@dataclass(frozen=True)
class Decided:
    """A line of `brain models decisions`: what the last run decided for a model."""

    entity: str
    target: str
    moment: datetime
    action: str
    reason: str


def candidates_of(results: Iterable[TrainingResult], made: dict[ModelKey, Decision]) -> Iterator[Candidate]:
    """The candidates among the results, as they come; the decision of every result goes to `made`."""
    for result in results:
        if isinstance(result, Failed):
            made[result.key] = Decision("failed", f"{result.reason}. {result.remedy}")
        else:
            made[result.key] = result.decision
        if isinstance(result, Candidate):
            yield result


def record_decisions(backend: Backend, moment: Moment, made: Mapping[ModelKey, Decision]) -> None:
    """Keep the decisions of one run; another run for the same moment replaces them."""
    operations = [_operation(key, decision, moment) for key, decision in made.items()]
    if operations:
        backend.decisions.bulk_write(operations, ordered=False)


def _operation(key: ModelKey, decision: Decision, moment: Moment) -> ReplaceOne[dict[str, Any]]:
    identifier = f"{key}@{moment.slug}"
    fields = {"use_case": key.use_case, "entity": key.entity, "target": key.target}
    content = {**fields, "interval_end": moment.at, "action": decision.action, "reason": decision.reason}
    chosen = {"_id": identifier, "use_case": key.use_case, "entity": key.entity}
    return ReplaceOne(chosen, to_plain({"_id": identifier, **content}), upsert=True)


def newest_decisions(backend: Backend, scope: Mapping[str, Any]) -> list[Decided]:
    """The newest decision for each model, in key order; one that is no decision is left out, with a warning.

    Args:
        scope: Which models, as a filter.
    """
    stages: list[dict[str, Any]] = [
        {"$match": dict(scope)},
        {"$sort": {**dict.fromkeys(KEY, 1), "interval_end": 1}},
        {"$group": {"_id": {name: f"${name}" for name in KEY}, "last": {"$last": "$$ROOT"}}},
        {"$sort": {f"_id.{name}": 1 for name in KEY}},
        {"$replaceRoot": {"newRoot": "$last"}},
    ]
    with backend.raw(DECISIONS).aggregate(stages) as found:
        return [line for document in found if (line := _decided(document)) is not None]


def _decided(raw: RawBSONDocument) -> Decided | None:
    subject = f"the decision on {key_in(raw) or 'no model'}"
    try:
        line = parsed(DecisionLine, decoded(raw, subject), subject)
    except ArtifactRejected as error:
        _LOG.warning("left out: %s", error)
        return None
    action: str = line.action
    reason = line.reason
    if action == "skip" and reason.startswith(OLD_FAILURE):
        action, reason = "failed", reason.removeprefix(OLD_FAILURE)
    return Decided(line.entity, line.target, line.interval_end, action, reason)


OLD_FAILURE = "failed: "  # how a failure was told from a skipped model before it had an action of its own
