"""The seam: what the steps ask of a use case, and what they hand it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from brain.core.catalogue import SourceSettings
from brain.core.moment import Moment
from brain.core.progress import ProgressLog
from brain.core.section import Section
from brain.core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from brain.core.counters import Counters
    from brain.core.keys import ModelKey
    from brain.core.source_table import SourceTable
    from brain.core.table_settings import RetentionSettings
    from brain.lake.lake import Lake
    from brain.learning.candidate import TrainingResult
    from brain.learning.policy import Alarm
    from brain.quality.gate import Check
    from brain.quality.result import GateResult
    from brain.scoring.blocks import Rows
    from brain.scoring.reasons import Reason
    from brain.scoring.replay import TableReplay
    from brain.source.connect import Source
    from brain.store.models import ModelStore
    from brain.store.stored_model import StoredModel
    from brain.usecases.page import Page
    from brain.warehouse.alarms import Feed
    from brain.warehouse.ledger import Ledger
    from brain.warehouse.tables import DerivedTable, PublishedTable
    from brain.warehouse.views import View

T = TypeVar("T")
SHARED = "shared"  # lake folder for what all chunks of a run share: shared/<day>/<name>
KEPT = "kept"  # lake folder for what one training spares the next: kept/<use case>/<unit>


@dataclass(frozen=True)
class Unit:
    """What is dealt to workers: an asset, a shop, a group of streams.

    Args:
        targets: What is predicted of it: one model each. Progress counts them.
        retention: How long its snapshots and models are kept.
    """

    name: str
    targets: tuple[str, ...]
    retention: RetentionSettings


@dataclass(frozen=True)
class Trial:
    """What training would say of some rows.

    Args:
        refused: What cannot be trained, each with the reason.
        noted: What it would leave out or repair.
    """

    refused: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Input:
    """A source table of a unit, and the gate in front of its snapshots.

    Args:
        trial: What training would say of its rows; None where only training tells.
    """

    table: SourceTable
    check: Check
    trial: Callable[[pd.DataFrame], Trial] | None = None


@dataclass(frozen=True)
class Overview:
    """What a person sees first of a use case: the answer to one query.

    Args:
        label: The heading of a column; empty leaves it out.
        place: What columns are ordered by; those of one place keep their order. By default they stay as they are.
    """

    title: str
    query: str
    label: Callable[[str], str] = str
    place: Callable[[str], int] = field(default=lambda column: 0)  # noqa: ARG005 - all columns are asked alike


@dataclass(frozen=True)
class Run:
    """One execution of one use case for one moment.

    Args:
        source: Where the source tables are.
        section: The use case's part of the catalogue.
    """

    settings: Settings
    source: SourceSettings
    use_case: UseCase
    section: Any
    moment: Moment
    _made: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def lake(self) -> Lake:
        from brain.lake.lake import Lake

        return Lake(self.settings.lake_url, self.settings.models_signer, self.counters)

    @cached_property
    def staging(self) -> Lake:
        """The lake as scoring and publishing hand rows to one another in it: signed by keys that may be their own."""
        from brain.lake.lake import Lake

        return Lake(self.settings.lake_url, self.settings.rows_signer)

    @cached_property
    def store(self) -> ModelStore:
        from brain.store.models import ModelStore

        return ModelStore.open(self.settings, self.use_case.name, self.counters)

    @cached_property
    def counters(self) -> Counters:
        """What the warehouse remembers of lake and store."""
        from brain.warehouse.counters import KeptCounters

        return KeptCounters(self.settings.warehouse_url)

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        return self.use_case.units(self.section)

    @cached_property
    def is_past(self) -> bool:
        """Whether a newer moment was published: this one then only adds to histories, by the champions of its time."""
        from brain.warehouse.fence import newest_published

        newest = newest_published(self.settings.warehouse_url, self.use_case.name, self.use_case.tables)
        return newest is not None and self.moment.at < newest

    @property
    def is_recorded(self) -> bool:
        """Whether the warehouse keeps what training measures; not where the run only asks what would have been."""
        return True

    def alarm(self, key: ModelKey) -> Alarm | None:
        """The last alarm that live outcomes have raised against a model, by itself or with all others of its target."""
        from brain.warehouse.alarms import EVERY, Feed
        from brain.warehouse.ledger_statements import ALL

        feeds = [Feed(entity, target) for entity in (key.entity, EVERY) for target in (key.target, ALL)]
        raised = filter(None, map(self.alarms.get, feeds))
        return max(raised, key=lambda alarm: alarm.raised_at, default=None)

    @cached_property
    def alarms(self) -> Mapping[Feed, Alarm]:
        """The last alarm of each feed before the run's moment; targets are those of models, or all."""
        from brain.warehouse.alarms import Feed, last_alarms
        from brain.warehouse.ledger_statements import ALL

        found = last_alarms(self.settings.warehouse_url, self.use_case.name, self.moment)
        return {
            Feed(feed.entity, ALL if feed.target == ALL else self.use_case.target(feed.target)): alarm
            for feed, alarm in found.items()
        }

    @property
    def progress(self) -> ProgressLog:
        return ProgressLog.of(self.settings.home, self.moment)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What `make` gives, made at the first call: for what all units of a run share."""
        if name not in self._made:
            self._made[name] = make()
        made: T = self._made[name]
        return made


class UseCase(Protocol):
    """What a use case is to the steps: its part of the catalogue, its tables, and its verbs.

    Args:
        section: The model of its part of the catalogue.
        top_level: Its settings that stand at the top of the catalogue; empty where it is a section under ``use_cases``.
        example: A section of it, whose tables docs/tables.md describes.
        space: The lake folder of its snapshots.
        tables: What it publishes.
        ledgers: Which of that is scored once it has come true, and how; empty where nothing is.
        views: What people ask of the ledgers; made anew by the next evaluation where they have changed.
        overview: Shown after a run.
        scorecard: Shown beneath it once something has come true, asked of `views`; None shows nothing.
        page: What the Brain page in Airflow's UI shows of it; None shows nothing.
    """

    name: str
    section: type[Section]
    top_level: tuple[str, ...]
    example: Section
    space: str
    tables: tuple[PublishedTable, ...]
    ledgers: tuple[Ledger, ...]
    views: tuple[View, ...]
    overview: Overview
    scorecard: Overview | None
    page: Page | None

    def discover(self, section: Any, source: Source) -> Section:
        """The section with the units that the source's tables add to it."""

    def units(self, section: Any) -> tuple[Unit, ...]:
        """What there is to work on."""

    def inputs(self, run: Run, unit: str) -> tuple[Input, ...]:
        """What extraction reads for a unit."""

    def target(self, text: str) -> str:
        """The target that a person calls `text`; whether there is one, `has_target` says."""

    def has_target(self, name: str) -> bool:
        """Whether a model of the use case may predict what is called `name`."""

    def untouched(self, run: Run, units: Sequence[str]) -> Mapping[str, Sequence[TrainingResult]]:
        """The units none of whose models needs training, each with a result a model; told without looking at rows.

        A unit that is not among them is handed to `train`, which may find the same.
        """

    def train(self, run: Run, unit: str, targets: Sequence[str], *, force: bool) -> Sequence[TrainingResult]:
        """A result for each model of a unit, or of some `targets`: a candidate, or why there is none.

        Args:
            force: Search every model anew.
        """

    def judge(self, run: Run) -> Mapping[str, Any]:
        """Decide over all champions which may claim skill; what was decided, in counts."""

    def rows(self, section: Any) -> Mapping[str, pd.DataFrame | None]:
        """By table, the keys of the rows it is to have; None where only scoring tells."""

    def score(self, run: Run, units: Sequence[str]) -> Mapping[str, Rows]:
        """By table, the rows of some units; one that cannot be computed has an empty value and its reason.

        A table of which `rows` tells nothing may come in blocks.

        Where `run.is_past`, by the champions of its moment. A row with a value and a reason is shown as stale.
        """

    def scored_from(self, run: Run) -> str | None:
        """A hash of all that decides what `score` gives, whatever the moment; None where only scoring tells."""

    def reasons(
        self, model: StoredModel, row: NDArray[np.float64], has_skill: bool | None, value: float
    ) -> Sequence[Reason]:
        """What a published value is made of, in the order in which to read it; empty where the use case does not say.

        Args:
            model: The one behind it, with its record.
            row: What it took, shape (features,).
            has_skill: As published.
        """

    def replay(self, run: Run, key: ModelKey) -> TableReplay | None:
        """Recompute the rows that a model made, as its table shows them.

        None where a row tells its model and data by itself: each is then recomputed alone, from the newest rows.
        """

    def rules(self, run: Run, rows: Mapping[str, Any]) -> GateResult:
        """Judge the rows about to be published: by table a frame, or blocks where `score` gives blocks."""

    def derived(self, section: Any) -> tuple[DerivedTable, ...]:
        """Tables made from its published ones in the same transaction."""

    def model_key(self, row: Mapping[str, Any]) -> ModelKey:
        """The model behind a row of a table that declares one."""

    def row_key(self, key: ModelKey) -> Mapping[str, Any]:
        """The reverse of `model_key`: the key columns of the row behind which a model stands."""

    def outcomes(self, run: Run, ledger: Ledger, since: pd.DataFrame) -> pd.DataFrame:
        """What came true of a ledger's rows, by what is known at the run's moment.

        Args:
            since: A row a key of the ledger's table, with the oldest day that is asked for. Keys that the catalogue no
                longer has are among them.

        Returns:
            A row for every row of data since then whose outcome is known, and for the last row before it: key, day,
            ``outcome``, ``known_at`` (the day of the row by which it was known) and the columns of `Ledger.realised`.
            Days that were never published are left out by the ledger itself.
        """
