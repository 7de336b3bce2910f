from __future__ import annotations

import numpy as np
import pytest

from brain.core.errors import LeakageError, TrainingError
from brain.usecases.direction.leakage import refuse_backward_target

CLOSE = 100 * np.exp(np.cumsum(np.random.default_rng(5).normal(scale=0.01, size=2000)))


def _change(close: np.ndarray, horizon: int, end: int) -> np.ndarray:
    """Return over `horizon` rows that ends `end` rows after each row; NaN where it leaves the series."""
    later = np.concatenate([close[end:], np.full(end, np.nan)])
    back = horizon - end
    earlier = np.concatenate([np.full(back, np.nan), close[: len(close) - back]]) if back else close
    change: np.ndarray = later / earlier - 1
    return change


def _refused(horizon: int, target: np.ndarray) -> bool:
    try:
        refuse_backward_target("GOLD", horizon, target, CLOSE)
    except TrainingError:
        return True
    return False


@pytest.mark.parametrize("horizon", [1, 2, 5, 21, 161])
def test_a_forward_target_passes(horizon: int) -> None:
    assert not _refused(horizon, _change(CLOSE, horizon, horizon))


@pytest.mark.parametrize("horizon", [1, 2, 5, 21, 161])
def test_a_backward_target_is_refused_with_the_evidence(horizon: int) -> None:
    with pytest.raises(LeakageError) as caught:
        refuse_backward_target("GOLD", horizon, _change(CLOSE, horizon, 0), CLOSE)
    assert caught.value.subject == f"GOLD RETURNS{horizon}"
    assert "ending 0 rows after the row in 100.0% of rows" in caught.value.found
    assert f"Close.shift(-{horizon})" in caught.value.remedy


@pytest.mark.parametrize("horizon", [2, 5, 21, 161])
def test_a_target_that_is_one_row_short_of_the_future_is_refused(horizon: int) -> None:
    with pytest.raises(LeakageError, match=f"ending {horizon - 1} rows after"):
        refuse_backward_target("GOLD", horizon, _change(CLOSE, horizon, horizon - 1), CLOSE)


def test_total_returns_that_differ_a_little_from_close_pass() -> None:
    assert not _refused(21, _change(CLOSE, 21, 21) + 0.001)


def test_a_target_of_another_price_is_refused() -> None:
    other = CLOSE[::-1]
    with pytest.raises(TrainingError, match="only"):
        refuse_backward_target("GOLD", 5, _change(other, 5, 5), CLOSE)
