"""Each step of the pipeline as one function of (workspace, assets, interval); DAGs, CLI and tests call these."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from brain.core.catalog import Catalogue, load_catalogue
from brain.core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brain.core.errors import BrainError
    from brain.core.keys import Interval
    from brain.warehouse.publish import Publication


@dataclass(frozen=True)
class Workspace:
    """Where a step works: the settings, and the catalogue with discovered tables."""

    settings: Settings
    catalogue: Catalogue


@dataclass(frozen=True)
class Outcome:
    """What a step did for one asset.

    Args:
        ok: Whether the asset went through.
        reason: What was done, or why not, in a sentence.
        error: The error behind a failure, so that the caller can tell a passing one from a lasting one.
    """

    asset: str
    ok: bool
    reason: str
    error: BrainError | None = None
