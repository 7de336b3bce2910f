"""The catalogue: one YAML file that says what every use case works on, validated by line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from pydantic import Field

from brain.core.errors import CatalogueError
from brain.core.section import Section
from brain.core.telling import TellingSettings
from brain.core.yaml_document import YamlDocument

USE_CASES = "use_cases"
NOTICES = "notices"


class SourceSettings(Section):
    """Where the source tables are."""

    schema_name: str | None = Field(None, alias="schema", description="Schema of the tables; the default one if empty.")
    discover: bool = Field(False, description="Take every table of the schema that has the standard columns.")


class Sectioned(Protocol):
    """What the catalogue needs to know of a use case.

    Args:
        section: The model of its part of the catalogue.
        top_level: Its settings that stand at the top of the file; empty where it is a section under ``use_cases``.
    """

    section: type[Section]
    top_level: tuple[str, ...]


@dataclass(frozen=True)
class Catalogue:
    """The validated catalogue.

    Args:
        sections: What the file says of each use case, by its name; those it does not speak of are left out.
        telling: Who is told of what went wrong, or was found.
    """

    source: SourceSettings = field(default_factory=SourceSettings)
    sections: Mapping[str, Section] = field(default_factory=dict)
    telling: TellingSettings = field(default_factory=TellingSettings)

    def with_section(self, use_case: str, section: Section) -> Catalogue:
        return replace(self, sections={**self.sections, use_case: section})


def load_catalogue(path: Path, use_cases: Mapping[str, Sectioned]) -> Catalogue:
    """Read and validate the catalogue.

    Raises:
        CatalogueError: The file is missing or wrong; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(
            str(path),
            found=getattr(error, "strerror", None) or "a file that is not UTF-8 text",
            expected="a YAML catalogue",
            remedy="Set BRAIN_CATALOGUE, or start from the catalogue.yaml in the repository.",
        ) from None
    return parse_catalogue(text, use_cases, str(path))


def parse_catalogue(text: str, use_cases: Mapping[str, Sectioned], origin: str = "catalogue") -> Catalogue:
    """Validate the catalogue's text.

    Args:
        use_cases: The known ones, by name.
        origin: How error messages call the file.

    Raises:
        CatalogueError: With the line of the first mistake and every mistake's reason.
    """
    document = YamlDocument.parse(text, origin)
    _refuse_unknown(document, use_cases)
    source = SourceSettings.read(document, ("source",))
    telling = TellingSettings.read(document, (NOTICES,))
    named = document.at((USE_CASES,)) or {}
    sections = {}
    for name, use_case in use_cases.items():
        if use_case.top_level and (source.discover or any(key in document.value for key in use_case.top_level)):
            sections[name] = use_case.section.read(document, ())
        elif name in named:
            sections[name] = use_case.section.read(document, (USE_CASES, name))
    if not sections:
        raise document.wrong((), "nothing to work on: no asset and no use case")
    return Catalogue(source, sections, telling)


def _refuse_unknown(document: YamlDocument, use_cases: Mapping[str, Sectioned]) -> None:
    if not isinstance(document.value, dict):
        raise document.wrong((), "a document that is not a mapping")
    known = {"source", NOTICES, USE_CASES, *(key for use_case in use_cases.values() for key in use_case.top_level)}
    for name in document.value:
        if name not in known:
            raise document.wrong((str(name),), f"the unknown section {name!r}")
    named = document.at((USE_CASES,)) or {}
    if not isinstance(named, dict):
        raise document.wrong((USE_CASES,), f"`{USE_CASES}` that is not a mapping")
    for name in named:
        if name not in use_cases:
            below = sorted(key for key, use_case in use_cases.items() if not use_case.top_level)
            listed = ", ".join(below) or "none in this release"
            raise document.wrong((USE_CASES, str(name)), f"the unknown use case {name!r}; there are: {listed}")
        if keys := use_cases[name].top_level:
            raise document.wrong((USE_CASES, name), f"{name!r}, whose settings stand at the top ({', '.join(keys)})")
