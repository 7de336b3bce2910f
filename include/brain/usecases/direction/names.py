"""The names that tie an asset's columns, its models and its published columns together."""

from __future__ import annotations

import re

from brain.core.keys import ModelKey

NAME = "direction"
SPACE = "assets"  # the lake folder of the snapshots
DATE = "Date"
CLOSE = "Close"
PRICE_COLUMNS = ("Open", "High", "Low", "Close", "Adj Close", "Volume")
LONGEST_HORIZON = 2520  # ten years of trading days
DIGITS = 9  # of what a person may mean as a horizon; Python refuses to read thousands of them
TARGET_PATTERN = re.compile(r"RETURNS([1-9][0-9]*)")


def is_target(name: str) -> bool:
    """Whether `name` is RETURNSn for a horizon that the catalogue allows."""
    known = TARGET_PATTERN.fullmatch(name)
    return known is not None and len(known.group(1)) <= DIGITS and int(known.group(1)) <= LONGEST_HORIZON


def target_name(horizon: int) -> str:
    """Name of the forward-return column and of the model trained on it: ``RETURNS25``."""
    return f"RETURNS{horizon}"


def probability_column(horizon: int) -> str:
    """Name of the published column: ``25_Day_Probability``."""
    return f"{horizon}_Day_Probability"


def model_key(asset: str, horizon: int) -> ModelKey:
    """Key of the model for "is Close not lower `horizon` rows later?"."""
    return ModelKey(NAME, asset, target_name(horizon))


def horizon_of(target: str) -> int:
    """Rows ahead that a target looks.

    Raises:
        ValueError: It is not of the form ``RETURNSn``.
    """
    match = TARGET_PATTERN.fullmatch(target)
    if match is None:
        raise ValueError(f"{target!r} is not of the form RETURNSn")
    return int(match.group(1))
