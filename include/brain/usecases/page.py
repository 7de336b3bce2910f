"""What the Brain page shows of a use case: which columns of its tables mean what, in whose words.

A use case chooses the kind of page that its tables make: a grid of cells, ranked lists, groups of members, or timelines
with marks.
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
        member: Whom a list is for, who is in a group, or whose timeline it is.
        item: What is on a list, or what a mark on a timeline is.
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


@dataclass(frozen=True)
class Band:
    """Between what the values of a timeline usually lie.

    Args:
        name: For people.
        low, high: Names of columns of the points.
    """

    name: str
    low: str
    high: str


@dataclass(frozen=True)
class Answer:
    """What people may say of a mark.

    Args:
        verdict: As the table of feedback has it.
        ask: What a person does by it: a verb.
        meaning: What follows from it, as a sentence.
    """

    verdict: str
    ask: str
    meaning: str


@dataclass(frozen=True)
class Feedback:
    """How people say what they think of a mark: a row in a table of theirs, which the next run reads.

    Args:
        table: Name of the column of the page's table with the name of that table; empty where there is none.
        mark, verdict, note: Names of its columns; the first is its key.
        by, at: Names of columns with who said it and when, for those that the table has.
        dag: Name of the DAG that reads it: who may start it may say something.
    """

    table: str
    mark: str
    verdict: str
    note: str
    by: str
    at: str
    answers: tuple[Answer, ...]
    dag: str


@dataclass(frozen=True, kw_only=True)
class Marks:
    """Stretches of timelines in which something was found.

    Args:
        table: A row a mark, with columns called as `unit` and `member` of the page are.
        key: Name of its key column.
        start, end: Names of its columns with its first and its last time.
        kind, told: Names of its columns that say what it is, and why, in words.
        degree: Name of its column that says how much, as one of `degrees`; of those the least comes first.
        status, open: Name of its column that says whether it goes on, and what it says then.
        verdict, note: Names of its columns with what people say of it, as far as a run has read it.
        found: Names of its columns that say who found it, and when.
    """

    table: PublishedTable
    key: str
    start: str
    end: str
    kind: str
    told: str
    degree: str
    degrees: tuple[str, ...]
    status: str
    open: str
    verdict: str
    note: str
    found: tuple[str, ...]
    feedback: Feedback | None = None


@dataclass(frozen=True, kw_only=True)
class Makers:
    """What looks for marks on a timeline, and with what right.

    Args:
        table: A row a timeline and maker, with columns called as `unit` and `member` of the page are.
        word: What people call one.
        name: Name of its key column that tells the maker.
        claim: Name of its boolean column that says whether it is used.
        why: Name of its column that says so in words.
        about: Name of its column that says what it looks for.
        figures: Names of its columns that measure it, the one that they are ordered by first.
    """

    table: PublishedTable
    word: str
    name: str
    claim: str
    why: str
    about: str
    figures: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Timelines(Page):
    """A timeline of each member of each unit: values, what is usual, and marks on stretches of it.

    Args:
        table: A row a unit.
        as_of: Name of its column with the time of its newest data.
        lacking: Names of its columns that say what was left out; empty if nothing was.
        points: A row a point of a timeline; has a column called as `unit` is.
        member: Name of the column that says whose timeline it is, also in the tables of marks and makers.
        at: Name of the column of `points` with its time.
        lines: What is drawn, in words and by column of `points`.
        band: What is drawn behind them.
    """

    as_of: str
    lacking: tuple[str, ...]
    points: PublishedTable
    member: str
    at: str
    lines: tuple[tuple[str, str], ...]
    band: Band | None = None
    marks: Marks | None = None
    makers: Makers | None = None
