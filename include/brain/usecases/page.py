"""What the Brain page shows of a use case: which columns of its tables mean what, in whose words."""

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
    """What people call things.

    Args:
        unit: Of one row of the grid.
        target: Of one column of the grid.
        short: Stands after a target in a column's head: ``5d``.
        value: What a cell says.
        base: What one would say without a model.
    """

    unit: str
    target: str
    short: str
    value: str
    base: str


@dataclass(frozen=True)
class Series:
    """What a value is about, over time.

    Args:
        name: For people.
        read: Days and values of a unit since a day, ascending; both empty where there is nothing.
    """

    name: str
    read: Callable[[Lake, str, date], Days]


@dataclass(frozen=True)
class Page:
    """One published table as a grid of units and targets, and what stands behind a cell.

    Args:
        table: A row a cell, with a model and stale rows declared.
        checked: The subject of the gate in front of it.
        unit: Name of the key column that is a row of the grid.
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

    title: str
    words: Words
    table: PublishedTable
    checked: str
    unit: str
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
