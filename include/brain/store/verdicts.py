"""The judge's verdicts on champions: signed, because they decide what is published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pymongo import UpdateOne

from brain.core.keys import ModelKey
from brain.store.bson_values import to_plain
from brain.store.signing import verify

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from brain.core.signing import Signer
    from brain.store.backend import Backend

PURPOSE = "verdict"
FIELDS = ("has_skill", "p_value", "decided_for")
# No verdict has an adjusted p-value any more; signatures of those that were stored cover it.
SIGNED = ("has_skill", "p_value", "adjusted_p_value", "decided_for")


@dataclass(frozen=True)
class Claim:
    """What a champion brings before the judge: the p-value of its skill, measured by itself."""

    key: ModelKey
    version: int
    p_value: float


@dataclass(frozen=True)
class Verdict:
    """Whether a version may claim skill, all models that are judged together considered.

    Args:
        p_value: Of the version by itself.
        decided_for: The moment of the run that decided.
    """

    key: ModelKey
    version: int
    has_skill: bool
    p_value: float | None
    decided_for: datetime


def record(backend: Backend, verdicts: Iterable[Verdict]) -> int:
    """Write verdicts onto the champions they judge, all in one bulk write.

    Returns:
        How many were recorded; one whose version is no longer the champion is dropped.
    """
    operations = [_operation(verdict, backend.signer) for verdict in verdicts]
    return backend.champions.bulk_write(operations, ordered=False).matched_count if operations else 0


def _operation(verdict: Verdict, signer: Signer) -> UpdateOne:
    key = verdict.key
    content = {
        "has_skill": bool(verdict.has_skill),
        "p_value": None if verdict.p_value is None else float(verdict.p_value),
        "decided_for": to_plain(verdict.decided_for),
    }
    content["signature"] = signer.sign(PURPOSE, _signed(content, key, verdict.version))
    return UpdateOne(
        {"_id": str(key), "use_case": key.use_case, "entity": key.entity, "version": verdict.version},
        {"$set": {"verdict": content}},
    )


def read_verdict(content: dict[str, Any] | None, key: ModelKey, version: int, signer: Signer) -> Verdict | None:
    """The verdict on `version`, verified.

    Raises:
        ArtifactRejected: It was altered, or was passed on another key or version.
    """
    if content is None:
        return None
    content = content if isinstance(content, dict) else {}
    verify(
        signer, PURPOSE, _signed(content, key, version), content.get("signature"), f"the verdict on {key} v{version}"
    )
    return Verdict(key, version, **{name: content[name] for name in FIELDS})


def _signed(content: dict[str, Any], key: ModelKey, version: int) -> dict[str, Any]:
    return {"key": str(key), "version": version, **{name: content.get(name) for name in SIGNED}}
