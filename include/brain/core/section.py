"""A part of the catalogue, validated against its model with the line of the first mistake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from brain.core.yaml_document import YamlDocument

SectionT = TypeVar("SectionT", bound="Section")
Place = tuple[str, ...]


class Section(BaseModel):
    """Settings that belong together: frozen, and with no setting it does not name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def read(cls, document: YamlDocument, place: Place) -> Self:
        """The section that stands at `place`.

        Raises:
            CatalogueError: With the line of the first mistake and every mistake's reason.
        """
        return validated(cls, document.at(place) or {}, document, [place])


def validated(kind: type[SectionT], value: Any, document: YamlDocument, places: Sequence[Place]) -> SectionT:
    """`value` as a section of `kind`.

    Args:
        places: Where `value` comes from; a mistake is reported at the place that has most of the faulty setting, the
            first of them where several do.

    Raises:
        CatalogueError: With the line of the first mistake and every mistake's reason.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False)
        path = tuple(str(part) for part in details[0]["loc"])
        place = max(places, key=lambda place: document.deepest((*place, *path))[0] - len(place))
        reasons = "; ".join(map(_reason, details))
        raise document.wrong((*place, *path), f"at {'.'.join((*place, *path))}: {reasons}") from None


def _reason(detail: ErrorDetails) -> str:
    where = ".".join(map(str, detail["loc"]))
    if detail["type"] == "extra_forbidden":
        return f"{where}: there is no such setting"
    return f"{where}: {detail['msg']} (got {detail['input']!r})"
