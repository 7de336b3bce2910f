"""Files that steps hand to one another through the lake: their name and their content are signed.

One line of JSON with the signature stands before the content.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from brain.core.errors import LakeError

if TYPE_CHECKING:
    from brain.core.signing import Signer

PURPOSE = "lake file"


def signed(name: str, content: bytes, signer: Signer | None) -> bytes:
    """`content` with its signature; an empty one where there is no signer."""
    signature = signer.sign(PURPOSE, _covered(name, content)) if signer else None
    return json.dumps(signature).encode() + b"\n" + content


def unsigned(name: str, content: bytes, signer: Signer | None, subject: str) -> bytes:
    """What `signed` was given, if it was signed for a file called `name`; without a signer, all is believed.

    Raises:
        LakeError: It was not, or it was altered.
    """
    first, _, rest = content.partition(b"\n")
    if signer is None:
        return rest
    try:
        signature: Any = json.loads(first)
    except (ValueError, RecursionError):
        signature = None
    if problem := signer.problem(PURPOSE, _covered(name, rest), signature):
        raise LakeError(
            subject,
            found=problem,
            expected=f"a file signed with one of {signer.variable} and unaltered since",
            remedy="It was not used. Run the step that writes it again.",
        )
    return rest


def _covered(name: str, content: bytes) -> dict[str, str]:
    return {"name": name, "sha256": hashlib.sha256(content).hexdigest()}
