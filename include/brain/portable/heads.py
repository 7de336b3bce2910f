"""Heads: how the raw output of a model becomes the value that is published.

A new kind is a dataclass here and a line in `KINDS`. What was decided about a model's skill is no part of its head: it
is given to `apply`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.special import expit, logit

from brain.core.errors import ArtifactRejected

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

EDGE = 1e-6


@dataclass(frozen=True)
class Blend:
    """A blend, in log-odds, of a base rate and what the model adds to it.

    A `slope` and an `intercept` of zero give the base rate itself.
    """

    base_rate: float
    slope: float
    intercept: float = 0.0
    center: float = 0.0

    kind: ClassVar[str] = "blend"
    formula: ClassVar[str] = (
        "published = clip(sigmoid(logit(base_rate) + intercept + slope * (logit(clip(raw, 1e-6, 1 - 1e-6)) - center)),"
        " 1e-6, 1 - 1e-6), where raw is the last output; base_rate where has_skill is false"
    )

    def apply(self, outputs: Values, has_skill: bool | None) -> Values:
        """What is published, shape (n,).

        Args:
            outputs: Shape (n, outputs); the last is the raw probability.
            has_skill: False publishes the base rate. None, for a model that nobody judges, publishes the blend.
        """
        if has_skill is False:
            return np.full(len(outputs), self.base_rate)
        return self.blend(outputs[:, -1])

    def blend(self, raw: Values) -> Values:
        """What is published if the model has skill, shape (n,)."""
        moved = logit(self.base_rate) + self.intercept + self.slope * (log_odds(raw) - self.center)
        return never_certain(expit(moved))

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True)
class Identity:
    """The last output as it is, whatever is known of the model's skill."""

    kind: ClassVar[str] = "identity"
    formula: ClassVar[str] = "published = the last output"

    def apply(self, outputs: Values, has_skill: bool | None) -> Values:  # noqa: ARG002 - all heads are asked alike
        """The last of `outputs` (n, outputs), shape (n,)."""
        return outputs[:, -1]

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind}


@dataclass(frozen=True)
class Argmax:
    """What the largest output stands for, the first of them where several are: a class, a group.

    Args:
        values: By output, the number that is published for it.
    """

    values: tuple[float, ...]

    kind: ClassVar[str] = "argmax"
    formula: ClassVar[str] = "published = values[place of the largest output, the first where several are]"

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(self.values))  # a document has a list

    def apply(self, outputs: Values, has_skill: bool | None) -> Values:  # noqa: ARG002 - all heads are asked alike
        """Of each row of `outputs` (n, outputs), the value of the largest, shape (n,)."""
        found: Values = np.asarray(self.values, dtype=np.float64)[np.argmax(outputs, axis=1)]
        return found

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "values": list(self.values)}


Head = Blend | Identity | Argmax

KINDS: dict[str, type[Head]] = {"blend": Blend, "identity": Identity, "argmax": Argmax}
FIELDS = {kind: {field.name for field in fields(head)} for kind, head in KINDS.items()}


def read_head(value: object, subject: str) -> Head:
    """The head that a document describes.

    Raises:
        ArtifactRejected: It is of an unknown kind, or does not have the fields of its kind.
    """
    given = dict(value) if isinstance(value, dict) else {}
    kind = given.pop("kind", None)
    known = KINDS.get(kind) if isinstance(kind, str) else None
    if known is None:
        raise _rejected(subject, f"a head of kind {kind!r}", f"one of {', '.join(KINDS)}")
    names = FIELDS[known.kind]
    if given.keys() != names:
        told = ", ".join(map(str, given)) or "no fields"
        raise _rejected(subject, f"a head {kind!r} with {told}", ", ".join(sorted(names)) or "no fields")
    return known(**given)


def never_certain(probability: Values) -> Values:
    """`EDGE` away from 0 and 1 at least: a forecast that is certain and wrong loses without bound."""
    kept: Values = np.clip(probability, EDGE, 1 - EDGE)
    return kept


def log_odds(probability: Values) -> Values:
    """Log-odds, with probabilities kept `EDGE` away from 0 and 1."""
    odds: Values = logit(never_certain(np.asarray(probability, dtype=np.float64)))
    return odds


def _rejected(subject: str, found: str, expected: str) -> ArtifactRejected:
    return ArtifactRejected(
        subject,
        found=found,
        expected=expected,
        remedy="It was not used. Update brain if a newer release stored it; otherwise train the model again.",
    )
