"""What was decided for each model in each interval, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pymongo import ReplaceOne

from brain.store.bson_values import to_plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from brain.core.keys import ModelKey
    from brain.core.moment import Moment
    from brain.learning.candidate import Decision
    from brain.store.backend import Backend


def record(backend: Backend, moment: Moment, made: Mapping[ModelKey, Decision]) -> None:
    """Keep the decisions of one interval; a rerun replaces them."""
    operations = [_operation(key, decision, moment) for key, decision in made.items()]
    if operations:
        backend.decisions.bulk_write(operations, ordered=False)


def _operation(key: ModelKey, decision: Decision, moment: Moment) -> ReplaceOne[dict[str, Any]]:
    identifier = f"{key}@{moment.slug}"
    fields = {"use_case": key.use_case, "entity": key.entity, "target": key.target}
    content = {**fields, "interval_end": moment.at, "action": decision.action, "reason": decision.reason}
    chosen = {"_id": identifier, "use_case": key.use_case, "entity": key.entity}
    return ReplaceOne(chosen, to_plain({"_id": identifier, **content}), upsert=True)


def of_interval(backend: Backend, moment: Moment) -> Iterator[dict[str, Any]]:
    """The decisions of one interval as plain documents, in key order."""
    order = [("use_case", 1), ("entity", 1), ("target", 1)]
    yield from backend.decisions.find({"interval_end": to_plain(moment.at)}, {"_id": 0}).sort(order)
