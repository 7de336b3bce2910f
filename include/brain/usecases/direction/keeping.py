"""What the models of an asset said of their folds, kept in the lake from one training to the next.

It only saves time: where it cannot be read, was altered or was made by another release, all is computed again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from brain.core.errors import LakeError, StorageUnavailable
from brain.lake.snapshot import folder_name
from brain.learning.kept import KeptForecasts, from_bytes, to_bytes
from brain.usecases.direction.names import NAME
from brain.usecases.protocol import KEPT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from brain.lake.lake import Lake
    from brain.learning.kept import Said

log = logging.getLogger(__name__)

FOLDER = f"{KEPT}/{NAME}"


def kept_forecasts(lake: Lake, asset: str, horizons: Iterable[int]) -> dict[int, KeptForecasts]:
    """By horizon, what is known of an asset's forecasts; nothing where it cannot be used, which the log then says."""
    found: dict[str, dict[str, Said]] | None = {}
    try:
        found = from_bytes(lake.read_signed(_name(asset)))
    except FileNotFoundError:
        pass
    except (LakeError, StorageUnavailable, AttributeError, LookupError, TypeError, ValueError) as error:
        log.warning("%s: all folds are fitted again: what was kept of them cannot be read: %s", asset, error)
    if found is None:
        log.info("%s: all folds are fitted again: another release or other libraries have made what was kept", asset)
        found = {}
    return {horizon: KeptForecasts(found.get(str(horizon), {})) for horizon in horizons}


def keep_forecasts(lake: Lake, asset: str, kept: Mapping[int, KeptForecasts]) -> None:
    """Keep what the next training may find again; models that were not trained now keep what they had."""
    trained = {horizon: one for horizon, one in kept.items() if one.said}
    if not trained:
        return
    known, found = any(one.known for one in trained.values()), sum(one.found for one in trained.values())
    made = sum(len(one.said) for one in trained.values()) - found
    why = "; known rows or parameters have changed" if known and not found else ""
    log.info("%s: %d forecasts of folds were found again, %d were made%s", asset, found, made, why)
    try:
        lake.write_signed(_name(asset), to_bytes({str(h): one.said or one.known for h, one in kept.items()}))
    except (LakeError, StorageUnavailable) as error:
        log.warning("%s: the next training fits all folds again: %s", asset, error)


def _name(asset: str) -> str:
    return f"{FOLDER}/{folder_name(asset)}"
