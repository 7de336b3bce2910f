"""The newest sound version of a model: what the next number follows, whatever else lies in the collection."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from brain.core.errors import ArtifactRejected
from brain.store import document
from brain.store.champions import scope_of
from brain.store.pointers import LAST_NUMBER
from brain.store.reading import decoded, key_in
from brain.store.schema import KEY, MODELS
from brain.store.stored_model import model_id

if TYPE_CHECKING:
    from collections.abc import Collection

    from pymongo.client_session import ClientSession

    from brain.core.keys import ModelKey
    from brain.store.backend import Backend

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Newest:
    """A version's number, and the identity of its content."""

    version: int = 0
    identity: str = ""


def newest_sound(
    backend: Backend, keys: Collection[ModelKey], session: ClientSession | None = None
) -> dict[ModelKey, Newest]:
    """The newest version of each key that passes verification; a document that does not is passed over."""
    found: dict[ModelKey, Newest] = {}
    order = [*((name, 1) for name in KEY), ("version", -1)]
    for raw in backend.raw(MODELS).find(scope_of(keys), {"payload": 0}, session=session).sort(order):
        key, number = key_in(raw), raw.get("version")
        if key is None or key not in keys or key in found:
            continue
        try:
            if not isinstance(number, int) or not 0 < number < LAST_NUMBER:
                raise document.rejected(f"a version of {key}", f"the number {number!r}", "a whole number from 1 on")
            content = decoded(raw, model_id(key, number))
            document.verify(content, key, number, backend.signer, record=True)
        except ArtifactRejected as error:
            _LOG.warning("passed over: %s", error)
        else:
            found[key] = Newest(number, str(content.get("identity", "")))
    return found
