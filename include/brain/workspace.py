"""What there is to work on: the settings, the catalogue with discovered tables, and which units a person means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from brain.core.catalogue import Catalogue, load_catalogue
from brain.core.errors import CatalogueError, UnknownName
from brain.core.nearest import told_nearest
from brain.usecases import USE_CASES
from brain.usecases.protocol import Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from brain.core.moment import Moment
    from brain.core.settings import Settings
    from brain.usecases.protocol import Unit


SHOWN_NAMES = 12  # of those that a person may have meant


@dataclass(frozen=True)
class Workspace:
    """The settings, and the catalogue with discovered tables."""

    settings: Settings
    catalogue: Catalogue

    def run(self, use_case: str, moment: Moment) -> Run:
        """A use case's run for a moment.

        Raises:
            UnknownName: The catalogue says nothing of such a use case.
        """
        if use_case not in self.catalogue.sections:
            near = told_nearest(use_case, self.catalogue.sections)
            raise UnknownName(
                use_case,
                found="no use case of that name in the catalogue",
                expected=f"one of {', '.join(self.catalogue.sections)}",
                remedy=f"{near}Add it under `use_cases:` or correct the name.",
            )
        section = self.catalogue.sections[use_case]
        return Run(self.settings, self.catalogue.source, USE_CASES[use_case], section, moment)

    def runs(self, moment: Moment) -> tuple[Run, ...]:
        """Every use case's run for a moment."""
        return tuple(self.run(use_case, moment) for use_case in self.catalogue.sections)


@dataclass(frozen=True)
class Work:
    """Some units of one use case, to be worked on in one run.

    Args:
        targets: Which of their models; all where none is named.
    """

    run: Run
    units: tuple[Unit, ...]
    targets: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(unit.name for unit in self.units)

    @property
    def models(self) -> int:
        """How many models of these units are meant."""
        return sum(len(_among(unit, self.targets)) for unit in self.units)


def open_workspace(settings: Settings) -> Workspace:
    """Load the catalogue and, where it asks for it, add the tables the source has.

    Raises:
        CatalogueError: The catalogue is wrong.
    """
    catalogue = load_catalogue(settings.catalogue_path, USE_CASES)
    if catalogue.source.discover:
        from brain.source.connect import open_source

        source = open_source(settings, catalogue.source.schema_name)
        try:
            for name, section in catalogue.sections.items():
                catalogue = catalogue.with_section(name, USE_CASES[name].discover(section, source))
        finally:
            source.close()
    return Workspace(settings, catalogue)


def choose(
    workspace: Workspace,
    moment: Moment,
    names: Sequence[str] = (),
    targets: Sequence[str] = (),
    use_case: str | None = None,
) -> list[Work]:
    """The work that a person names: all units of all use cases where nothing is named.

    Args:
        targets: As a person calls them; a unit that has none of them is left out.

    Raises:
        CatalogueError: A unit or target that the catalogue does not have, or a name that several use cases have.
    """
    runs = [workspace.run(use_case, moment)] if use_case else workspace.runs(moment)
    work = [Work(run, run.units) for run in runs]
    if names:
        chosen = [_named(name, work) for name in dict.fromkeys(names)]
        work = [Work(one.run, tuple(unit for found, unit in chosen if found is one)) for one in work]
    if targets:
        work = list(_narrowed(work, targets))
    return [one for one in work if one.units]


def _named(name: str, work: Sequence[Work]) -> tuple[Work, Unit]:
    found = [(one, unit) for one in work for unit in one.units if unit.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise CatalogueError(
            name,
            found=f"units of that name in {', '.join(one.run.use_case.name for one, _ in found)}",
            expected="a name that says which is meant",
            remedy="Say which with `--use-case`.",
        )
    known = [unit.name for one in work for unit in one.units]
    raise UnknownName(
        name,
        found="no unit of that name in the catalogue",
        expected=f"one of {_some(known) or '(none)'}",
        remedy=f"{told_nearest(name, known)}Add it to the catalogue or correct the name.",
    )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN_NAMES])
    return shown if len(names) <= SHOWN_NAMES else f"{shown} and {len(names) - SHOWN_NAMES} more"


def _narrowed(work: Sequence[Work], targets: Sequence[str]) -> Iterator[Work]:
    known = {target for one in work for unit in one.units for target in unit.targets}
    meant = {text: {one.run.use_case.target(text) for one in work} for text in targets}
    for text, read in meant.items():
        if not read & known:
            raise UnknownName(
                f"target {text}",
                found="no unit with it in the catalogue",
                expected=f"one of {', '.join(sorted(known, key=lambda name: (len(name), name))) or '(none)'}",
                remedy=f"{told_nearest(min(read), known)}Add it to the catalogue or correct it.",
            )
    for one in work:
        wanted = tuple(one.run.use_case.target(text) for text in targets)
        yield replace(one, units=tuple(unit for unit in one.units if _among(unit, wanted)), targets=wanted)


def _among(unit: Unit, targets: Sequence[str]) -> tuple[str, ...]:
    return tuple(target for target in unit.targets if not targets or target in targets)
