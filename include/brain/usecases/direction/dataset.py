"""From a snapshot's frame to features and labels, prepared once for all horizons of an asset."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brain.core.errors import TrainingError
from brain.core.nearest import nearest
from brain.learning.design_matrix import DesignMatrix
from brain.portable.preparation import prepare_features
from brain.usecases.direction.bad_ticks import bad_ticks, without
from brain.usecases.direction.leakage import leaking_features, refuse_backward_target
from brain.usecases.direction.names import CLOSE, DATE, PRICE_COLUMNS, TARGET_PATTERN, target_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from brain.usecases.direction.catalogue import AssetSpec


@dataclass(frozen=True)
class AssetDataset:
    """Features and labels of one asset.

    Args:
        dates: Ascending days, shape (n,).
        features: Names of the columns of `X`.
        X: Features, shape (n, len(features)); every value is exact in float32, NaN where missing.
        design: `X` laid out for linear fits.
        labels: By horizon, shape (n,): 1 where Close did not fall, 0 where it did, NaN where the future is unknown.
        dropped: Columns left out, each with its reason.
        leaks: Those of them that know the future, each with the evidence.
        blind: Why there is no feature to learn from, so that `X` is Close and only the base rate can be known; empty
            where there is one.
        bad_ticks: Days whose Close jumps away and comes straight back; no label begins or ends there.
        refused: Horizons that cannot be trained, each with its error.
    """

    asset: str
    dates: NDArray[np.datetime64]
    features: tuple[str, ...]
    X: NDArray[np.float64]
    design: DesignMatrix
    labels: Mapping[int, NDArray[np.float64]]
    dropped: Mapping[str, str]
    refused: Mapping[int, TrainingError]
    leaks: Mapping[str, str]
    blind: str = ""
    bad_ticks: tuple[str, ...] = ()


def prepare(frame: pd.DataFrame, spec: AssetSpec, corrected: Mapping[str, str] = MappingProxyType({})) -> AssetDataset:
    """Separate features from labels, and leave out what cannot be trained on honestly.

    Args:
        frame: One row a day, ascending by Date, as the lake returns it.
        spec: The asset's catalogue entry; horizons, `leave_out`, `trust_features`, `quality` and `training` are used.
        corrected: Columns that the extraction found corrected again and again, each with the evidence.

    Raises:
        TrainingError: No Date, no Close, dates out of order, or no usable feature: no horizon can be trained.
    """
    _require_columns(frame, spec.name)
    candidates = feature_columns(frame, spec.leave_out)
    raw = feature_values(frame, candidates)
    leaks = leaking_features(frame, candidates, raw, spec, corrected)
    values = prepare_features(raw)
    dropped = {name: reason for name, column in zip(candidates, values.T, strict=True) if (reason := _useless(column))}
    dropped |= {name: f"knows the future: {evidence}" for name, evidence in leaks.items()}
    kept = [index for index, name in enumerate(candidates) if name not in dropped]
    blind = "" if kept else _blind(spec.name, dropped, leaks)
    features = tuple(candidates[index] for index in kept) or (CLOSE,)
    X = prepare_features(feature_values(frame, [CLOSE])) if blind else values[:, kept]
    ticks = _ticks(frame, spec)
    labels, refused = _labels(frame, spec, ticks)
    dates = frame[DATE].to_numpy().astype("datetime64[D]")
    return AssetDataset(
        spec.name, dates, features, X, DesignMatrix.of(X), labels, dropped, refused, leaks, blind,
        tuple(str(day) for day in dates[ticks]),
    )  # fmt: skip


def _blind(asset: str, dropped: Mapping[str, str], leaks: Mapping[str, str]) -> str:
    """Why nothing is left to learn from, where features that know the future are all there was.

    The asset then goes on with its base rate: a champion that still knows them must not stay.
    """
    if leaks:
        return f"no feature is left: {_listed(dropped)}"
    raise TrainingError(
        asset,
        found="no usable feature column" + (f" ({_listed(dropped)})" if dropped else ""),
        expected="at least one numeric column that varies besides Date, prices and RETURNSn",
        remedy="Add technical features to the asset's table or join a source in the catalogue.",
    )


def _ticks(frame: pd.DataFrame, spec: AssetSpec) -> NDArray[np.bool_]:
    if spec.quality.bad_ticks == "off":
        return np.zeros(len(frame), bool)
    return bad_ticks(frame[CLOSE].to_numpy(dtype=np.float64, na_value=np.nan))


def feature_columns(frame: pd.DataFrame, leave_out: tuple[str, ...] = ()) -> list[str]:
    """Numeric columns that are neither Date, nor prices, nor RETURNSn, nor left out, in the frame's order."""
    return [
        str(name)
        for name, dtype in frame.dtypes.items()
        if name != DATE
        and name not in PRICE_COLUMNS
        and name not in leave_out
        and not TARGET_PATTERN.fullmatch(str(name))
        and pd.api.types.is_numeric_dtype(dtype)
    ]


def misnamed(frame: pd.DataFrame, spec: AssetSpec) -> list[str]:
    """Names under `leave_out` and `trust_features` that no numeric column has, each with the column that is nearest."""
    asked = dict.fromkeys((*spec.leave_out, *spec.trust_features))
    features = feature_columns(frame)
    near = {name: nearest(name, features) for name in asked if name not in frame}
    return [f"{name} (the nearest column is {column})" if column else name for name, column in near.items()]


def _require_columns(frame: pd.DataFrame, asset: str) -> None:
    missing = [name for name in (DATE, CLOSE) if name not in frame.columns]
    if missing:
        raise TrainingError(
            asset,
            found=f"no column {' and no column '.join(missing)}",
            expected="a snapshot with Date and Close",
            remedy="Extract the asset again from a table in the standard asset schema.",
        )
    if not (frame[DATE].is_monotonic_increasing and frame[DATE].is_unique):
        raise TrainingError(
            asset,
            found="dates that are repeated or out of order",
            expected="one row a day, ascending",
            remedy="Correct the asset's table and extract it again.",
        )


def feature_values(frame: pd.DataFrame, names: list[str]) -> NDArray[np.float64]:
    """The columns `names`, shape (n, len(names))."""
    values = np.empty((len(frame), len(names)))
    for column, name in zip(values.T, names, strict=True):
        column[:] = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def _useless(column: NDArray[np.float64]) -> str:
    known = column[~np.isnan(column)]
    if not len(known):
        return "all values missing"
    return f"constant at {known[0]:g}" if (known == known[0]).all() else ""


def _labels(
    frame: pd.DataFrame, spec: AssetSpec, ticks: NDArray[np.bool_]
) -> tuple[dict[int, NDArray[np.float64]], dict[int, TrainingError]]:
    labels: dict[int, NDArray[np.float64]] = {}
    refused: dict[int, TrainingError] = {}
    close = frame[CLOSE].to_numpy(dtype=np.float64, na_value=np.nan)
    for horizon in spec.horizons:
        try:
            returns = _returns(frame, spec.name, horizon)
            label = without(np.where(np.isnan(returns), np.nan, returns >= 0), ticks, horizon)
            _require_rows(label, spec, horizon)
            refuse_backward_target(spec.name, horizon, returns, close)
            labels[horizon] = label
        except TrainingError as error:
            refused[horizon] = error
    return labels, refused


def _returns(frame: pd.DataFrame, asset: str, horizon: int) -> NDArray[np.float64]:
    name = target_name(horizon)
    if name not in frame.columns or not pd.api.types.is_numeric_dtype(frame[name]):
        raise TrainingError(
            f"{asset} {name}",
            found="no such numeric column",
            expected=f"the forward return over {horizon} rows, empty where the future is unknown",
            remedy=f"Add {name} to the asset's table, or take the horizon out of the catalogue.",
        )
    values = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def _require_rows(label: NDArray[np.float64], spec: AssetSpec, horizon: int) -> None:
    known = label[~np.isnan(label)]
    if len(known) < spec.training.min_rows:
        raise TrainingError(
            f"{spec.name} {target_name(horizon)}",
            found=f"{len(known)} labelled rows",
            expected=f"at least {spec.training.min_rows}",
            remedy="Wait for more rows, or lower training.min_rows in the catalogue.",
        )
    if known.min() == known.max():
        raise TrainingError(
            f"{spec.name} {target_name(horizon)}",
            found=f"one outcome only: Close {'never fell' if known[0] else 'always fell'} in {len(known)} rows",
            expected="rows of both outcomes",
            remedy="Check that the column holds forward returns of a price that moves.",
        )


def _listed(reasons: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
