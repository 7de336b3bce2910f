"""The two calls for notebooks, about the first use case unless another is named."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from brain.core.errors import StoreError
from brain.core.keys import ModelKey
from brain.core.settings import Settings
from brain.core.table_settings import IDENTIFIER_BYTES
from brain.store import notebook
from brain.store.notebook_input import text
from brain.usecases import USE_CASES
from brain.warehouse.counters import KeptCounters

if TYPE_CHECKING:
    import pandas as pd

    from brain.store.notebook import SavedModel

USE_CASE = next(iter(USE_CASES))

load_model_from_brain = partial(notebook.load_model_from_brain, use_case=USE_CASE)


def save_model_to_brain(
    model: Any,
    sample: pd.DataFrame,
    *,
    collection: str,
    model_name: str,
    use_case: str = USE_CASE,
    settings: Settings | None = None,
    **others: Any,
) -> SavedModel:
    """As `brain.store.notebook.save_model_to_brain`, under a name that the use case knows.

    Args:
        collection: What it is about: GOLD.
        model_name: What it predicts: RETURNS25.

    Raises:
        StoreError: The use case knows no such target, or the model cannot be exported faithfully.
    """
    given = {"use_case": use_case, "collection": collection, "model_name": model_name}
    require_known(ModelKey(*(text(f"the {what}", value, empty=True) for what, value in given.items())))
    settings = settings or Settings.load()
    counters = KeptCounters(settings.warehouse_url)
    saved = notebook.save_model_to_brain(
        model,
        sample,
        use_case=use_case,
        collection=collection,
        model_name=model_name,
        settings=settings,
        counters=counters,
        **others,
    )
    counters.keep()
    return saved


def require_known(key: ModelKey) -> None:
    """Refuse a name under which nobody would look for the model.

    Raises:
        StoreError: There is no such use case, it has no such target, or the name of the unit is empty or too long.
    """
    if key.use_case not in USE_CASES:
        raise _unknown(key, f"no use case {key.use_case[:80]!r}", f"one of {', '.join(USE_CASES)}")
    use_case = USE_CASES[key.use_case]
    if not use_case.has_target(key.target):
        examples = [target for unit in use_case.units(use_case.example) for target in unit.targets]
        expected = f"a target of {key.use_case}, such as {', '.join(examples[:3])}"
        raise _unknown(key, f"the model name {key.target[:80]!r}", expected)
    if not key.entity.strip() or not key.entity.isprintable():
        raise _unknown(key, f"the collection {key.entity[:80]!r}", "the name of a unit, such as GOLD")
    if len(key.entity.encode()) > IDENTIFIER_BYTES:
        found = f"a collection of {len(key.entity.encode())} bytes"
        raise _unknown(key, found, f"at most the {IDENTIFIER_BYTES} bytes that the catalogue allows")


def _unknown(key: ModelKey, found: str, expected: str) -> StoreError:
    return StoreError(f"{key!s:.200}", found=found, expected=expected, remedy="Nothing was stored. Correct the name.")
