"""The families of classifiers a search may choose from: one file each, named as the catalogue names it.

To add one: a file here with a `FAMILY`, and its row in docs/catalogue.md.
"""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brain.learning.family import Family


@cache
def families() -> Mapping[str, Family]:
    """The families by name; those whose first trials come first stand first."""
    found: dict[str, Family] = {
        module.name: import_module(f"{__name__}.{module.name}").FAMILY for module in pkgutil.iter_modules(__path__)
    }
    return dict(sorted(found.items(), key=lambda item: (item[1].order, item[0])))
