"""What the Brain page shows of a use case: which columns of its tables mean what, in whose words.

A use case chooses the kind of page that its tables make: a grid of cells, ranked lists, or groups of members.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from brain.lake.lake import Lake
    from brain.warehouse.ledger import Ledger
    from brain.warehouse.tables import PublishedTable
    from brain.warehouse.views import View

    Days = tuple[Sequence[date], Sequence[float | None]]


@dataclass(frozen=True)
class Words:
    """What people call things; empty where a page has no such thing.

    Args:
        unit: Of one row of the page's table.
        source: What extraction reads.
        target: Of one column of the grid.
        short: Stands after a target in a column's head: ``5d``.
        value: What a cell says.
        base: What one would say without a model.
        member: Whom a list is for, or who is in a group.
        item: What is on a list.
    """

    unit: str
    source: str
    target: str = ""
    short: str = ""
    value: str = ""
    base: str = ""
    member: str = ""
    item: str = ""


@dataclass(frozen=True)
class Series:
    """What a value is about, over time.

    Args:
        name: For people.
        read: Days and values of a unit since a day, ascending; both empty where there is nothing.
    """

    name: str
    read: Callable[[Lake, str, date], Days]


@dataclass(frozen=True, kw_only=True)
class Page:
    """What every kind of page has.

    Args:
        table: With a value, and stale rows declared.
        checked: The subject of the gate in front of it.
        unit: Name of the key column that names a row to people.
    """

    title: str
    words: Words
    table: PublishedTable
    checked: str
    unit: str


@dataclass(frozen=True, kw_only=True)
class Grid(Page):
    """One published table as a grid of units and targets, and what stands behind a cell.

    Args:
        table: A row a cell, with a model.
        target: Name of the key column that is a column of the grid.
        base: Name of the column with what one would say without a model.
        claim: Name of the boolean column that says whether skill is proven.
        skill: Name of the column with the measured skill.
        ledger: Where its rows come true.
        scorecard: A row a cell of what came true, by the key's names.
        progress: A row a target and block of days: how live skill went.
        claims: A row a cell for which skill was ever claimed, with what it `became`.
        reasons: Name of a table with rows by key and `position` that explain a cell; shown where it exists.
        series: What is drawn beside the value.
    """

    target: str
    base: str
    claim: str
    skill: str
    ledger: Ledger
    scorecard: View
    progress: View
    claims: View
    reasons: str
    series: Series


@dataclass(frozen=True, kw_only=True)
class Lists(Page):
    """Ranked lists of items for each member, and how each list is made.

    Args:
        table: A row a list; `unit` names it.
        lines: A row a place on a list of a member; has a column called as `unit` is.
        member: Name of the key column of `lines` that says whom a list is for.
        anyone: The member who stands for all that are not known.
        rank, item, reason: Names of columns of `lines`.
        method, why: Names of the columns of `table` that say in words how a list is made, and why so.
        claim: Name of its boolean column that says whether that is better than what is simpler.
        size: Name of its column that counts the members.
        scores: Of a list and of what is simpler, in words and by column.
    """

    lines: PublishedTable
    member: str
    anyone: str
    rank: str
    item: str
    reason: str
    method: str
    why: str
    claim: str
    size: str
    scores: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Axis:
    """What a member may be placed by on the map.

    Args:
        column: Of the members' table: a number, or a day, whose distance from the row's as_of counts.
        root: Whether equal steps on the map are steps of the root: for what most have little of.
    """

    name: str
    column: str
    root: bool = True


@dataclass(frozen=True, kw_only=True)
class Groups(Page):
    """Members in groups: a map of them, a profile of each group, and who went from one to another.

    Args:
        table: A row a group; `unit` is its number.
        members: A row a member; has columns called as `unit` and `name` are.
        member: Name of its key column.
        as_of: Name of its column with the day of its data.
        before: Name of its column with the number of the group a member was in before.
        moved: Name of its boolean column that says whether a member changed groups.
        name: Name of the column with the group in words.
        apart: Name of the column of `table` that says what sets a group apart.
        came, left, fresh: Names of its columns that count who moved in, who moved out, and who is new.
        claim, why: Names of its columns that say whether the groups are better than what is simpler, and in words.
        figures: Names of its columns that describe a group.
        trust: Names of its columns that say of all groups together how far to trust them.
        axes: What members may be placed by; the first two that are known of anybody are shown at first.
    """

    members: PublishedTable
    member: str
    as_of: str
    before: str
    moved: str
    name: str
    apart: str
    came: str
    left: str
    fresh: str
    claim: str
    why: str
    figures: tuple[str, ...]
    trust: tuple[str, ...]
    axes: tuple[Axis, ...]
