"""Rules of the business: a table that people edit, read with the orders and followed by the lists.

A row has a `kind`; its other columns say for whom and what, and an empty one means all.

==========  ===========================================================================================================
exclude     never show these items (`item`, `category`) to these customers (`customer`) in this `list`
in_stock    only show items of which the table of items has at least `value` (1 if empty)
min_age     only show these items to customers of whom the table of customers says that they are `value` or older
once        do not show these items to customers who have bought them before
==========  ===========================================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brain.core.source_table import KeyKind, SourceTable
from brain.core.table_settings import ExtractionSettings
from brain.usecases.protocol import Input
from brain.usecases.shop.inputs import linked_name
from brain.usecases.shop.quality import linked_check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from brain.usecases.recommendations.catalogue import Recommendations
    from brain.usecases.shop.linked import Linked

    Mask = NDArray[np.bool_]

RULES = "rules"
KEY = "rule"
COLUMNS = ("kind", "list", "customer", "item", "category", "value")
KINDS = ("exclude", "in_stock", "min_age", "once")


@dataclass(frozen=True)
class Rule:
    """One row of the table.

    Args:
        items: Those it is about, shape (items,).
        customer: The only one it is about; empty for all.
    """

    name: str
    kind: str
    items: Mask
    customer: str
    value: float


@dataclass(frozen=True)
class Rules:
    """The rules of one list.

    Args:
        hidden: Items that nobody is shown, shape (items,).
        personal: Rules that ask who is shown the list.
        ignored: By rule, why it cannot be followed.
    """

    hidden: Mask
    personal: tuple[Rule, ...]
    ignored: Mapping[str, str]

    def hide(
        self, scores: NDArray[np.float32], customers: pd.Index, ages: NDArray[np.float64] | None, owned: Mask | None
    ) -> None:
        """Set the scores of what may not be shown to -inf, in place.

        Args:
            customers: Of the rows of `scores`.
            ages: In years, shape (customers,); NaN where unknown.
            owned: What each has bought, shape (customers, items).
        """
        scores[:, self.hidden] = -np.inf
        for rule in self.personal:
            who = np.ones(len(customers), bool) if not rule.customer else np.asarray(customers == rule.customer)
            if rule.kind == "min_age":
                assert ages is not None
                who &= ~(ages >= rule.value)  # whose age nobody knows may be too young
            if not who.any():
                continue
            part = scores[who]
            if rule.kind == "once":
                assert owned is not None
                part[owned[who] & rule.items] = -np.inf
            else:
                part[:, rule.items] = -np.inf
            scores[who] = part

    @property
    def ask_owned(self) -> bool:
        """Whether `hide` needs to know what was bought."""
        return any(rule.kind == "once" for rule in self.personal)


def rules_input(section: Recommendations, use_case: str, space: str) -> tuple[Input, ...]:
    """The table of rules, if the catalogue names one; it may be empty."""
    if section.rules is None:
        return ()
    called = linked_name(section.shop, RULES)
    table = SourceTable(
        use_case=use_case,
        space=space,
        name=called,
        table=section.rules,
        key=(KEY,),
        kind=KeyKind.NAMES,
        required=COLUMNS,
        numeric=("value",),
        extraction=ExtractionSettings(max_loss=1.0),
        retention=section.shop.retention,
        may_be_empty=True,
    )
    return (Input(table, linked_check(called)),)


def rules_of(name: str, table: pd.DataFrame | None, linked: Linked, items: pd.Index) -> Rules:
    """The rules that the list `name` follows; one that makes no sense is left out with its reason.

    Args:
        table: As the lake gives it; None if there is none.
        items: Those that the list may name.
    """
    hidden, personal, ignored = np.zeros(len(items), bool), [], {}
    rows: list[dict[str, Any]] = [] if table is None else table.to_dict("records")  # type: ignore[assignment]
    for row in rows:
        given = {column: _text(row[column]) for column in (KEY, *COLUMNS[:-1])}
        if given["list"] not in ("", name):
            continue
        value = None if pd.isna(row["value"]) else float(row["value"])
        if problem := _problem(given, value, linked):
            ignored[given[KEY]] = problem
            continue
        rule = Rule(given[KEY], given["kind"], _items(given, linked, items), given["customer"], value or 0.0)
        if rule.kind == "in_stock":
            hidden |= rule.items & ~(linked.stock(items) >= (1.0 if value is None else value))
        elif rule.kind == "exclude" and not rule.customer:
            hidden |= rule.items
        else:
            personal.append(rule)
    return Rules(hidden, tuple(personal), ignored)


def _problem(given: Mapping[str, str], value: float | None, linked: Linked) -> str:
    kind = given["kind"]
    if kind not in KINDS:
        return f"the kind {kind!r} is none of {', '.join(KINDS)}"
    if given["category"] and not linked.has_categories:
        return "it names a category, and the catalogue no column of categories"
    if kind == "exclude" and not (given["item"] or given["category"] or given["customer"]):
        return "it would exclude everything: it names no item, category or customer"
    if kind == "in_stock" and not linked.has_stock:
        return "the catalogue names no column of stock"
    if kind == "min_age" and not linked.has_ages:
        return "the catalogue names no column of ages"
    return "it has no value" if kind == "min_age" and value is None else ""


def _items(given: Mapping[str, str], linked: Linked, items: pd.Index) -> Mask:
    found = np.ones(len(items), bool)
    if given["item"]:
        found &= np.asarray(items == given["item"])
    if given["category"]:
        found &= linked.categories(items) == given["category"]
    return found


def _text(value: object) -> str:
    return "" if value is None or value is pd.NA or value != value else str(value)
