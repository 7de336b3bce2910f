"""A part of the catalogue, validated against its model with the line of the first mistake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from brain.core.nearest import nearest
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
        told = "; ".join(_reason(kind, detail) for detail in details)
        raise document.wrong((*place, *path), f"at {''.join(f'{part}.' for part in place)}{told}") from None


def _reason(kind: type[BaseModel], detail: ErrorDetails) -> str:
    where = ".".join(map(str, detail["loc"]))
    if detail["type"] == "extra_forbidden":
        *path, name = detail["loc"]
        near = nearest(str(name), _settings(kind, path))
        return f"{where}: there is no such setting" + (f"; the nearest is {near}" if near else "")
    return f"{where}: {detail['msg']} (got {detail['input']!r})"


def _settings(kind: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """What the section at `path` below `kind` may say; nothing where that cannot be told."""
    for part in path:
        if isinstance(part, int):  # an item of a list: the list has led to its model already
            continue
        field = {given.alias or name: given for name, given in kind.model_fields.items()}.get(part)
        below = _model_in(field.annotation) if field else None
        if below is None:
            return []
        kind = below
    return [field.alias or name for name, field in kind.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation is, or holds; None where there is none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in get_args(annotation) if (found := _model_in(one))), None)
