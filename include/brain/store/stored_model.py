"""One verified model version, read from its document."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from brain.portable.evaluate import Evaluator, read_model
from brain.portable.preparation import prepared, sequences

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

    from brain.core.keys import ModelKey, Sha256
    from brain.portable.heads import Head

Document = dict[str, Any]


@dataclass(frozen=True)
class StoredModel:
    """A verified model version.

    Args:
        features: Columns it takes, in order.
        steps: Rows that follow one another in one row of a sequence model; None for any other.
        preparation: How feature values are prepared for it: a name in `brain.portable.preparation`.
        head: How its raw output becomes the published value.
        before_verdict: Whether it may claim skill while no verdict was passed on it: False if it waits for one, None if
            it never will be judged.
        skill: Out of sample, 1 - log loss / log loss of the base rate; None if it was never measured.
        data_sha256: Content hash of the rows it was trained on.
        content: The ONNX model's bytes.
        document: Everything that was read of it, as it is stored, without the artifact.
    """

    key: ModelKey
    version: int
    features: tuple[str, ...]
    steps: int | None
    preparation: str
    head: Head
    before_verdict: bool | None
    skill: float | None
    trained_at: datetime
    data_sha256: Sha256
    content: bytes = field(repr=False)
    document: Document = field(repr=False)

    def evaluator(self) -> Evaluator:
        """The model, ready to be evaluated on `rows`.

        Raises:
            ArtifactRejected: The artifact is not a model that may be run.
        """
        return read_model(self.content, model_id(self.key, self.version))

    def rows(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """`values` (n, features), ascending in time, as the model takes them: prepared, and in sequences if need be."""
        rows = prepared(values, self.preparation)
        return rows if self.steps is None else sequences(rows, self.steps)


def model_id(key: ModelKey, version: int) -> str:
    """``direction/GOLD/RETURNS25/v3``: the document's `_id`; the same key always lands on the same shard."""
    return f"{key}/v{version}"
