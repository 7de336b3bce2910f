"""Documents of format 1, which brain stored before models had heads: served beside those of format 2.

They have a `calibration` in place of a head, which also holds what is known of the model's skill before a verdict, and
name neither input nor output nor preparation: all of them are classifiers of two classes, of rows taken as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brain.portable.graph import INPUT, OUTPUT
from brain.portable.heads import Blend

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brain.store.stored_model import Document

SIGNED = (
    "_id",
    "format",
    "use_case",
    "entity",
    "target",
    "version",
    "name",
    "created_on",
    "trained_at",
    "searched_at",
    "schema",
    "hyper_parameters",
    "calibration",
    "metrics",
    "data",
    "artifact",
    "record_sha256",
)
GONE = ("calibration", "asset", "horizon")


def upgraded(document: Mapping[str, Any]) -> Document:
    """The verified document with the fields that format 2 has in place of its own."""
    blend = {name: value for name, value in document["calibration"].items() if name != "has_skill"}
    return {
        **{name: value for name, value in document.items() if name not in GONE},
        "input": {"name": INPUT, "shape": [None, len(document["schema"])], "steps": None},
        "output": {"name": OUTPUT, "width": 2},
        "preparation": "none",
        "head": {"kind": Blend.kind, **blend},
    }


def before_verdict(document: Mapping[str, Any]) -> bool | None:
    """Whether the model may claim skill while no verdict was passed on it."""
    judged: bool | None = document["calibration"].get("has_skill", False)
    return judged
