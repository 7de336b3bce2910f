"""The gate in front of the lake: an asset's rows, before they become its newest snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brain.core.errors import SourceTableError
from brain.quality.engine import judge
from brain.quality.facts import Facts
from brain.usecases.direction.asset_facts import column_facts, row_facts, table_facts
from brain.usecases.direction.asset_rules import asset_rules, table_rules
from brain.usecases.direction.bad_ticks import bad_ticks
from brain.usecases.direction.dataset import feature_columns, feature_values, misnamed
from brain.usecases.direction.leakage import leaking_features
from brain.usecases.direction.names import CLOSE, DATE, target_name

if TYPE_CHECKING:
    from brain.core.moment import Moment
    from brain.quality.result import GateResult
    from brain.usecases.direction.catalogue import AssetSpec

_ROW_IDS = {"rows": DATE, "columns": "column", "features": "feature", "names": "name"}


def check_asset(
    frame: pd.DataFrame,
    spec: AssetSpec,
    moment: Moment,
    *,
    total_rows: int | None = None,
    unchanged: bool = False,
) -> GateResult:
    """Judge an asset's rows; the arguments are those of `asset_facts`."""
    return judge(asset_facts(frame, spec, moment, total_rows=total_rows, unchanged=unchanged))


def asset_facts(
    frame: pd.DataFrame,
    spec: AssetSpec,
    moment: Moment,
    *,
    total_rows: int | None = None,
    unchanged: bool = False,
) -> Facts:
    """The facts of an asset's rows, and the rules on them.

    Args:
        frame: ``Date`` and float64 columns, the whole snapshot or its newest rows.
        total_rows: Rows of the whole snapshot, if `frame` is only its newest part.
        unchanged: The rows have passed before; only what time or the catalogue alone can break is looked at.

    Raises:
        SourceTableError: A column without which nothing can be judged is missing.
    """
    total = len(frame) if total_rows is None else total_rows
    _require_columns(frame, spec)
    facts = {"table": table_facts(frame, total, moment.day), "names": _name_facts(frame, spec)}
    rules = table_rules(spec.quality)
    if not unchanged:
        rules = asset_rules(spec.quality)
        ticks = bad_ticks(frame[CLOSE].to_numpy(np.float64)).astype(np.float64)
        columns = column_facts(frame, spec, whole=len(frame) == total)
        rows = row_facts(frame).assign(bad_tick=ticks)
        facts |= {"rows": rows, "columns": columns, "features": _feature_facts(frame, spec)}
    return Facts(spec.name, len(frame), rules, facts, _ROW_IDS, limits_only=unchanged)


def _feature_facts(frame: pd.DataFrame, spec: AssetSpec) -> pd.DataFrame:
    """One row per feature: its name, with the evidence where it knows the future, and whether it does."""
    names = feature_columns(frame, spec.leave_out)
    leaks = leaking_features(frame, names, feature_values(frame, names), spec) if names else {}
    told = [f"{name} ({leaks[name]})" if name in leaks else name for name in names]
    return pd.DataFrame({"feature": told, "leak": [float(name in leaks) for name in names]}, dtype=object).astype(
        {"leak": np.float64}
    )


def _name_facts(frame: pd.DataFrame, spec: AssetSpec) -> pd.DataFrame:
    """One row per name that the catalogue gives and no column has."""
    absent = misnamed(frame, spec)
    return pd.DataFrame({"name": absent, "absent": [1.0] * len(absent)})


def _require_columns(frame: pd.DataFrame, spec: AssetSpec) -> None:
    needed = (DATE, CLOSE, *(target_name(horizon) for horizon in spec.horizons))
    if missing := [name for name in needed if name not in frame]:
        raise SourceTableError(
            spec.name,
            found=f"no column {', '.join(missing)}",
            expected=f"the columns {', '.join(needed)}",
            remedy="Add them to the table, or leave those horizons out in the catalogue.",
        )
