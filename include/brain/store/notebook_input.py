"""What a notebook gives, checked once before anything is stored: a person may give anything."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from brain.core.errors import ScoringError, StoreError
from brain.portable.export import OnnxModel
from brain.portable.preprocessing import split_pipeline

if TYPE_CHECKING:
    from numpy.typing import NDArray

DATE = "Date"
LONGEST_TEXT = 10_000  # characters of a description
LAST_VERSION = 2**31 - 2


def text(what: str, value: Any, *, empty: bool = False) -> str:
    """A text that can be stored.

    Raises:
        StoreError: It is none, or empty, or too long, or holds half a character.
    """
    expected = f"text of {0 if empty else 1} to {LONGEST_TEXT} characters"
    if not isinstance(value, str):
        raise refused(what, _kind(value), expected)
    if not value and not empty:
        raise refused(what, "empty text", expected)
    if len(value) > LONGEST_TEXT:
        raise refused(what, f"{len(value)} characters", expected)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise refused(what, f"{value[:80]!a}, which is no UTF-8", expected) from None
    return value


def texts(what: str, values: Any) -> tuple[str, ...]:
    """Names that can be stored, each once.

    Raises:
        StoreError: They are not a sequence of texts, or one of them is named twice.
    """
    if isinstance(values, str) or not isinstance(values, (Sequence, np.ndarray, pd.Index)):
        raise refused(what, _kind(values), "a list of names")
    names = tuple(text(f"one of {what}", value) for value in values)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise refused(what, f"{', '.join(twice)} twice", "each name once")
    return names


def version_number(value: Any) -> int | None:
    """The number of a version; None for the champion.

    Raises:
        StoreError: It is no whole number from 1 on.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 0 < value <= LAST_VERSION:
        found = f"{value!r:.40}" if isinstance(value, (int, float)) else _kind(value)
        raise refused("version", found, f"a whole number from 1 to {LAST_VERSION}")
    return int(value)


def sample_rows(sample: Any, features: Any) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The names of the features, and the rows of the sample, shape (n, features).

    Raises:
        StoreError: There are no rows, or a feature is missing, named twice or not numeric.
    """
    if not isinstance(sample, pd.DataFrame):
        raise refused("sample", _kind(sample), "a pandas DataFrame of training rows")
    names = texts("features", sample.select_dtypes("number").columns if features is None else features)
    if not names or sample.empty:
        raise refused("sample", f"{len(sample)} rows of {len(names)} features", "at least one of each")
    if problem := _unfit(sample, names):
        raise refused("sample", problem, f"one numeric column for each of {', '.join(names)}")
    return names, sample[list(names)].to_numpy(dtype=np.float64, na_value=np.nan)


def days_of(sample: pd.DataFrame) -> tuple[date, date] | None:
    """The first and the last day of the sample; None if it has no column of dates.

    Raises:
        StoreError: The column holds anything else, or gaps.
    """
    if DATE not in sample.columns:
        return None
    column = sample[DATE]
    if isinstance(column, pd.DataFrame):
        raise refused(f"sample: {DATE}", "two such columns", "one")
    if column.isna().any():
        raise refused(f"sample: {DATE}", f"{column.isna().sum()} rows without a date", "one on every row")
    odd = next((value for value in column if not isinstance(value, date)), None)
    if odd is not None:
        raise refused(f"sample: {DATE}", _kind(odd), "dates; pandas.to_datetime makes them")
    days = [value.date() if isinstance(value, datetime) else value for value in column]
    return min(days), max(days)


def require_model(model: Any) -> None:
    """Refuse what is no model of scikit-learn's kind.

    Raises:
        StoreError: It cannot predict, or it has no settings to be read.
    """
    last = None if isinstance(model, (type, str, OnnxModel)) else split_pipeline(model)[1]
    if not hasattr(model, "predict") or not hasattr(last, "get_params"):
        raise refused("model", _kind(model), "a fitted scikit-learn or LightGBM model")


def matrix_of(frame: Any, schema: Sequence[str], subject: str) -> NDArray[np.float64]:
    """The columns of `schema`, shape (n, features).

    Raises:
        ScoringError: It is no frame, or a column is missing, named twice or not numeric.
    """
    problem = _unfit(frame, schema) if isinstance(frame, pd.DataFrame) else _kind(frame)
    if problem:
        raise ScoringError(
            subject,
            found=problem,
            expected=f"a DataFrame with numeric columns {', '.join(schema)}",
            remedy="Give the frame the columns the model was trained on; their order does not matter.",
        )
    matrix: NDArray[np.float64] = frame[list(schema)].to_numpy(dtype=np.float64, na_value=np.nan)
    return matrix


def refused(what: str, found: str, expected: str) -> StoreError:
    """How what a notebook gives is refused."""
    return StoreError(what, found=found, expected=expected, remedy="Nothing was stored or loaded. Correct the call.")


def _unfit(frame: pd.DataFrame, names: Sequence[str]) -> str:
    """Why a frame cannot give the columns; empty if it can."""
    present = list(frame.columns)
    if missing := [name for name in names if name not in present]:
        return f"no column {', '.join(missing)}"
    if twice := [name for name in names if present.count(name) > 1]:
        return f"two columns {', '.join(twice)}"
    odd = [name for name in names if not _is_real(frame[name])]
    return f"no numbers in {', '.join(odd)}" if odd else ""


def _is_real(column: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column)


def _kind(value: Any) -> str:
    """What a value is, without what it holds: that may be a secret."""
    if value is None:
        return "nothing"
    return f"the class {value.__name__}" if isinstance(value, type) else f"a value of type {type(value).__name__}"
