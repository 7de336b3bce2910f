"""Which model, and which bytes: the names that tie a document, an artifact and a published row together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

Sha256 = NewType("Sha256", str)


@dataclass(frozen=True, order=True)
class ModelKey:
    """Which model: the use case, the entity it is about, and the target it predicts."""

    use_case: str
    entity: str
    target: str

    def __str__(self) -> str:
        return f"{self.use_case}/{self.entity}/{self.target}"
