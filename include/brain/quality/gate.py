"""The gate in front of the lake: a check judges the rows of a table, and the lake keeps what it said."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Protocol

from brain.core.errors import LakeError, StorageUnavailable
from brain.lake.snapshot import folder_name

if TYPE_CHECKING:
    import pandas as pd

    from brain.core.moment import Moment
    from brain.core.source_table import SourceTable
    from brain.lake.lake import Lake
    from brain.quality.result import GateResult

log = logging.getLogger(__name__)

RESULTS = "quality"


class Check(Protocol):
    """What a use case has to say about the rows of one of its tables."""

    def __call__(self, frame: pd.DataFrame, moment: Moment, /, *, total_rows: int, unchanged: bool) -> GateResult:
        """Judge `frame`, the rows known at `moment`.

        Args:
            frame: What was read: the whole table, or in an incremental run its newest rows; those before have passed
                in an earlier run. Types are those of `Lake.read`.
            total_rows: Rows of the whole snapshot.
            unchanged: Nothing is new since the rows last passed; only time has gone by.
        """


class Gate(Protocol):
    """A check for one table at one moment."""

    def __call__(self, frame: pd.DataFrame, /, *, total_rows: int, unchanged: bool) -> GateResult:
        """As `Check`."""


def gate_for(lake: Lake, table: SourceTable, moment: Moment, check: Check) -> Gate:
    """The gate to hand to `extract_table`; the lake keeps every result (see `keep_result`)."""

    def gate(frame: pd.DataFrame, /, *, total_rows: int, unchanged: bool) -> GateResult:
        result = check(frame, moment, total_rows=total_rows, unchanged=unchanged)
        keep_result(lake, table.use_case, moment, result)
        return result

    return gate


def keep_result(lake: Lake, use_case: str, moment: Moment, result: GateResult) -> str:
    """Write a result with Great Expectations' own ones as ``quality/<moment>/<use case>.<subject>.json``.

    It is for people to read, and no step reads it: where it cannot be written, a warning is logged and the run goes on.

    Returns:
        Its address.
    """
    content = {**result.to_json(), "interval_end": moment.at.isoformat(), "validation": result.validation}
    name = f"{results_folder(moment)}/{folder_name(use_case)}.{folder_name(result.subject)}.json"
    try:
        lake.storage.write(name, json.dumps(content, default=str).encode())
    except (LakeError, StorageUnavailable) as error:
        log.warning("the gate's result on %s is not kept: %s", result.subject, error)
    return lake.storage.describe(name)


def results_folder(moment: Moment) -> str:
    """Where the lake keeps the results of a moment."""
    return f"{RESULTS}/{moment.slug}"
