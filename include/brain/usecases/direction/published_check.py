"""The gate in front of the published tables: the rows of a run, before they replace the last ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brain.quality.engine import validate
from brain.quality.result import GateResult
from brain.quality.rules import between
from brain.usecases.direction.tables import CHECKED, PROBABILITY_DETAILS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brain.core.moment import Moment
    from brain.quality.rules import Rule

_ROW_IDS = {"cells": "cell"}


def check_probabilities(rows: Mapping[str, pd.DataFrame], moment: Moment) -> GateResult:
    """Judge the rows about to be published.

    A cell without a probability (its `reason` says why) is allowed: one that was published before keeps
    its last value. Everything else is not:
    a number that is no probability, a base rate outside (0, 1), a row or a model from the future, a probability without
    its date and model version. That each cell of the catalogue is there once is `brain.warehouse.grid`'s to look at.

    Args:
        rows: By table, as `brain.warehouse.grid` completes them.
    """
    cells = rows[PROBABILITY_DETAILS.name]
    facts = {"cells": _cell_facts(cells, moment), "table": _table_facts(cells)}
    rules = _rules()
    findings, results = validate(rules, facts, _ROW_IDS, CHECKED)
    return GateResult(CHECKED, len(cells), tuple(rule.name for rule in rules), tuple(findings), results)


def _rules() -> tuple[Rule, ...]:
    return (
        between(
            "probability", "fail", "cells", "probability",
            "{count} probabilities outside 0 to 1 or not finite ({examples})",
            min_value=0, max_value=1,
        ),
        between(
            "base_rate", "fail", "cells", "base_rate",
            "{count} base rates that are not between 0 and 1 ({examples})",
            min_value=0, max_value=1, strict_min=True, strict_max=True,
        ),
        between(
            "not_from_the_future", "fail", "cells", "days_ahead",
            "{count} cells computed from a row after the moment of the run ({examples})",
            max_value=0,
        ),
        between(
            "trained_by_then", "fail", "cells", "trained_later",
            "{count} probabilities of a model trained after the moment of the run ({examples})",
            max_value=0,
        ),
        between(
            "provenance", "fail", "cells", "unexplained",
            "{count} probabilities without date, base rate or model version ({examples})",
            max_value=0,
        ),
        between(
            "neighbouring_horizons", "warn", "cells", "disagreement",
            "{count} probabilities further from the next shorter horizon's than independent moves allow ({examples})",
            max_value=0,
        ),
        between(
            "coverage", "warn", "table", "unscored",
            "{found} cells were not scored; those that were published before keep their last value",
            max_value=0,
        ),
        between("any_row", "fail", "table", "rows", "{found} rows to publish; expected at least one", min_value=1),
    )  # fmt: skip


def _cell_facts(cells: pd.DataFrame, moment: Moment) -> pd.DataFrame:
    keys = zip(cells["asset"], cells["horizon"], strict=True)
    scored = cells["probability"].notna()
    needed = cells[["as_of", "base_rate", "model_version"]].isna().any(axis="columns")
    ahead = pd.to_datetime(cells["as_of"]) - pd.Timestamp(moment.day)
    trained_at = pd.to_datetime(cells["trained_at"], utc=True, errors="coerce")
    return pd.DataFrame(
        {
            "cell": [f"{asset} {horizon}" for asset, horizon in keys],
            "probability": _numbers(cells["probability"]),
            "base_rate": _numbers(cells["base_rate"]),
            "days_ahead": ahead.dt.days.to_numpy(np.float64),
            "trained_later": (trained_at > pd.Timestamp(moment.at)).to_numpy(np.float64),
            "unexplained": (scored & needed).to_numpy(np.float64),
            "disagreement": _disagreement(cells),
        }
    )


def _disagreement(cells: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    """By how much a probability is further from that of the asset's next shorter horizon, of the same day, than can be.

    The two differ at most by the chance that one return is up and the other down. Where moves are independent, the
    returns over m < n rows correlate by sqrt(m / n) and that chance is arccos(sqrt(m / n)) / pi (Sheppard 1899).
    """
    ordered = cells.assign(probability=_numbers(cells["probability"])).dropna(subset="probability")
    ordered = ordered.sort_values(["asset", "horizon"])
    shorter = ordered.groupby(["asset", "as_of"])[["horizon", "probability"]].shift()
    share = pd.to_numeric(shorter["horizon"] / ordered["horizon"])
    apart = np.arccos(np.sqrt(share)) / np.pi
    beyond = (ordered["probability"] - shorter["probability"]).abs() - apart
    return np.asarray(beyond.clip(lower=0).fillna(0).reindex(cells.index, fill_value=0), dtype=np.float64)


def _table_facts(cells: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"rows": [len(cells)], "unscored": [int(cells["probability"].isna().sum())]})


def _numbers(column: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """float64 with NaN only where the cell is empty; what is no number at all becomes infinite and so is refused."""
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
    return np.where(np.isnan(numbers) & column.notna().to_numpy(), np.inf, numbers)
