"""What the linked tables of a shop say of items and customers, as arrays in the order they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brain.usecases.shop.inputs import CUSTOMERS, ITEMS, linked_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brain.core.moment import Moment
    from brain.lake.lake import Lake
    from brain.usecases.shop.catalogue import ShopSettings


@dataclass(frozen=True)
class Linked:
    """The linked tables known at one moment, by the names that the orders use.

    Args:
        item_rows: Indexed by item; empty if there is no such table.
        customer_rows: Indexed by customer; likewise.
    """

    shop: ShopSettings
    item_rows: pd.DataFrame
    customer_rows: pd.DataFrame

    @property
    def has_categories(self) -> bool:
        return bool(self.shop.items and self.shop.items.category)

    @property
    def has_stock(self) -> bool:
        return bool(self.shop.items and self.shop.items.stock)

    @property
    def has_ages(self) -> bool:
        return bool(self.shop.customers and self.shop.customers.age)

    @property
    def customers(self) -> pd.Index:
        """Every customer of the table, ascending."""
        return self.customer_rows.index

    def names(self, items: pd.Index) -> list[str]:
        """What each item is called in words; its own name where the table does not say."""
        column = self.shop.items.name if self.shop.items else None
        if column is None:
            return [str(item) for item in items]
        said = self.item_rows[column].reindex(items)
        return [
            str(item) if pd.isna(name) or not str(name) else str(name) for item, name in zip(items, said, strict=True)
        ]

    def categories(self, items: pd.Index) -> NDArray[Any]:
        """The category of each item; empty where nobody says."""
        assert self.shop.items is not None
        return self.item_rows[self.shop.items.category].reindex(items).fillna("").astype(str).to_numpy(dtype=object)

    def stock(self, items: pd.Index) -> NDArray[np.float64]:
        """How many there are of each item; NaN where nobody says."""
        assert self.shop.items is not None
        return _numbers(self.item_rows[self.shop.items.stock].reindex(items))

    def ages(self, customers: pd.Index) -> NDArray[np.float64]:
        """Of each customer in years; NaN where nobody says."""
        assert self.shop.customers is not None
        return _numbers(self.customer_rows[self.shop.customers.age].reindex(customers))

    @property
    def has_groups(self) -> bool:
        return bool(self.shop.customers and self.shop.customers.segment_by)

    def groups(self, customers: pd.Index) -> NDArray[Any]:
        """The group of each customer in words, such as ``25-34, town``; empty where a column of hers is."""
        assert self.shop.customers is not None
        told = self.customer_rows[list(self.shop.customers.segment_by)].reindex(customers)
        texts = [told[column].astype("str").where(told[column].notna(), "") for column in told]
        words = texts[0]
        for text in texts[1:]:
            words = words.str.cat(text, sep=", ")
        whole = np.logical_and.reduce([text != "" for text in texts])
        return words.where(whole, "").to_numpy(dtype=object)


def read_linked(lake: Lake, space: str, shop: ShopSettings, moment: Moment) -> Linked:
    """The linked tables as they were known at `moment`; one that was never extracted says nothing.

    Raises:
        LakeError: A file is gone or altered.
    """
    items = _read(lake, space, shop, ITEMS, shop.items.item if shop.items else None, moment)
    customers = _read(lake, space, shop, CUSTOMERS, shop.customers.customer if shop.customers else None, moment)
    given = shop.model_copy(
        update={
            "items": shop.items if items is not None else None,
            "customers": shop.customers if customers is not None else None,
        }
    )
    empty = pd.DataFrame(index=pd.Index([], dtype="str"))
    return Linked(given, empty if items is None else items, empty if customers is None else customers)


def read_table(lake: Lake, space: str, shop: ShopSettings, table: str, moment: Moment) -> pd.DataFrame | None:
    """A linked table's rows; None if none were known at `moment`."""
    snapshot = lake.as_of(space, linked_name(shop, table), moment)
    return None if snapshot is None else lake.read(snapshot)


def _read(
    lake: Lake, space: str, shop: ShopSettings, table: str, key: str | None, moment: Moment
) -> pd.DataFrame | None:
    found = None if key is None else read_table(lake, space, shop, table, moment)
    if found is None or key is None:
        return None
    found = found.assign(**{key: found[key].astype(str)})
    return found.set_index(key).sort_index()


def _numbers(values: pd.Series[Any]) -> NDArray[np.float64]:
    return np.asarray(values.astype("Float64").to_numpy(np.float64, na_value=np.nan), dtype=np.float64)
