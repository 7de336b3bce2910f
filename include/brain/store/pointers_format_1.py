"""Champion pointers of format 1, from when a pointer and the verdict on it were signed apart.

They have no `format` and no counter. Their notes, moves and last version are not signed: what decides of them is not
believed, except for `degraded`, which costs a search at most. The next move or verdict writes format 2; from then on
the counter refuses a pointer of format 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brain.store.pointers import Pointer, VerdictPart, parsed
from brain.store.signing import verify

if TYPE_CHECKING:
    from brain.core.keys import ModelKey
    from brain.core.signing import Signer

PURPOSE, VERDICT_PURPOSE = "champion", "verdict"
_VERDICT_SIGNED = ("has_skill", "p_value", "adjusted_p_value", "decided_for")


def verified(document: dict[str, Any], key: ModelKey, signer: Signer) -> Pointer:
    """The pointer, if its signature and that of its verdict fit.

    Raises:
        ArtifactRejected: They do not, or a field is missing or of another type.
    """
    subject = f"the champion of {key}"
    signed = {"key": str(key), **{name: document.get(name) for name in ("version", "model", "trained_at")}}
    verify(signer, PURPOSE, signed, document.get("signature"), subject)
    degraded = document.get("degraded")
    content = {
        **{name: document.get(name) for name in ("_id", "use_case", "entity", "target", "version", "model")},
        "trained_at": document.get("trained_at"),
        "format": 1,
        "counter": 0,
        "last_version": document.get("version"),
        "last_identity": "",
        "degraded": degraded if isinstance(degraded, str) else "",
        "verdict": _verdict(document, key, signer),
        "moves_sha256": "",
    }
    return parsed(Pointer, content, subject)


def _verdict(document: dict[str, Any], key: ModelKey, signer: Signer) -> VerdictPart | None:
    said = document.get("verdict")
    if said is None:
        return None
    said = said if isinstance(said, dict) else {}
    version = document.get("version")
    signed = {"key": str(key), "version": version, **{name: said.get(name) for name in _VERDICT_SIGNED}}
    subject = f"the verdict on {key} v{version}"
    verify(signer, VERDICT_PURPOSE, signed, said.get("signature"), subject)
    return parsed(VerdictPart, {name: said.get(name) for name in VerdictPart.model_fields}, subject)
