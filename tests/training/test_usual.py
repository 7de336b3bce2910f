from __future__ import annotations

import numpy as np
import pandas as pd

from brain.training.usual import GridShares, counted


def test_known_rows_are_counted_and_unknown_ones_are_not() -> None:
    frame = pd.DataFrame({"RETURNS1": [0.1, 0.0, -0.1, np.nan], "RETURNS5": [np.nan] * 4})
    assert counted(frame, (1, 5, 20)) == {1: (2, 3), 5: (0, 0)}


def test_the_usual_share_is_that_of_the_other_assets() -> None:
    shares = GridShares({"A": {1: (2, 3), 5: (0, 0)}, "B": {1: (1, 2)}, "C": {1: (0, 2)}})
    assert shares.without("A") == {1: 1 / 4}
    assert shares.without("C") == {1: 3 / 5}


def test_an_asset_alone_has_nothing_usual() -> None:
    assert GridShares({"A": {1: (2, 3)}}).without("A") == {}
