"""What was decided for each model in each interval, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pymongo import ReplaceOne

from brain.store.plain import to_plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from brain.core.keys import Interval, ModelKey
    from brain.store.backend import Backend
    from brain.training.candidate import Decision


def record(backend: Backend, interval: Interval, made: Mapping[ModelKey, Decision]) -> None:
    """Keep the decisions of one interval; a rerun replaces them."""
    operations = [_operation(key, decision, interval) for key, decision in made.items()]
    if operations:
        backend.decisions.bulk_write(operations, ordered=False)


def _operation(key: ModelKey, decision: Decision, interval: Interval) -> ReplaceOne[dict[str, Any]]:
    identifier = f"{key}@{interval.slug}"
    fields = {"use_case": key.use_case, "entity": key.entity, "target": key.target}
    content = {**fields, "interval_end": interval.end, "action": decision.action, "reason": decision.reason}
    chosen = {"_id": identifier, "use_case": key.use_case, "entity": key.entity}
    return ReplaceOne(chosen, to_plain({"_id": identifier, **content}), upsert=True)


def of_interval(backend: Backend, interval: Interval) -> Iterator[dict[str, Any]]:
    """The decisions of one interval as plain documents, in key order."""
    order = [("use_case", 1), ("entity", 1), ("target", 1)]
    yield from backend.decisions.find({"interval_end": to_plain(interval.end)}, {"_id": 0}).sort(order)
