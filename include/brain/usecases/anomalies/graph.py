"""The stored model of a detector: an ONNX graph from a symbol's place and a bar's features to how strange it is.

The result is the detector's raw score by the symbol's threshold: 1 and more is an alert. Thresholds are constants of
the graph, so that they are signed with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brain.portable.export import OnnxModel
from brain.portable.graph import GraphBuilder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brain.usecases.anomalies.detectors.detector import Scorer

    Values = NDArray[np.float64]

SYMBOL = "symbol"  # the feature before the detector's own: the place of the symbol among the model's
OUTPUT = "by_threshold"
INT64 = 7  # TensorProto's number
NEVER = 1e12  # the threshold of a symbol for which the detector is not to speak


def detector_model(scorer: Scorer, thresholds: Values, check_rows: Values) -> OnnxModel:
    """The graph of a fitted detector, and what it is to say of `check_rows` (n, 1 + features).

    Args:
        thresholds: By the place of a symbol, shape (symbols,).
    """
    width = check_rows.shape[1] - 1
    builder = GraphBuilder(width + 1)
    builder.apply("Gather", np.array([0]), axis=1)
    place = builder.apply("Cast", to=INT64)
    threshold = builder.combine("Gather", thresholds, place, axis=0)
    builder.combine("Gather", "features", np.arange(1, width + 1), axis=1)
    raw = scorer.write(builder, width)
    score = builder.combine("Div", raw, threshold)
    expected = scorer.score(check_rows[:, 1:]) / thresholds[check_rows[:, 0].astype(np.int64)]
    return OnnxModel(builder.join([score], OUTPUT), expected[:, None])
