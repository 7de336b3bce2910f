"""The two calls for notebooks, about the first use case unless another is named."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from brain.core.errors import StoreError
from brain.core.keys import ModelKey
from brain.core.settings import Settings
from brain.store import notebook
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
    require_known(ModelKey(use_case, collection, model_name))
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
        StoreError: There is no such use case, it has no such target, or the name of the unit is empty.
    """
    if key.use_case not in USE_CASES:
        raise _unknown(key, f"no use case {key.use_case!r}", f"one of {', '.join(USE_CASES)}")
    use_case = USE_CASES[key.use_case]
    if not use_case.has_target(key.target):
        examples = [target for unit in use_case.units(use_case.example) for target in unit.targets]
        expected = f"a target of {key.use_case}, such as {', '.join(examples[:3])}"
        raise _unknown(key, f"the model name {key.target!r}", expected)
    if not key.entity.strip() or not key.entity.isprintable():
        raise _unknown(key, f"the collection {key.entity!r}", "the name of a unit, such as GOLD")


def _unknown(key: ModelKey, found: str, expected: str) -> StoreError:
    return StoreError(str(key), found=found, expected=expected, remedy="Nothing was stored. Correct the name.")
