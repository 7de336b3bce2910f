"""The stored model of the groups: an ONNX graph from a customer's features to how near she is to each group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brain.portable.export import OnnxModel
from brain.portable.graph import GraphBuilder
from brain.usecases.segments.grouping import CLIP

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brain.usecases.segments.grouping import Scaling

    Values = NDArray[np.float64]

OUTPUT = "nearness"  # minus the distance to each centre: the largest is that of the nearest group


def nearness(scaling: Scaling, centers: Values, X: Values) -> Values:
    """Minus the distance of each customer to each centre, among scaled features: shape (n, groups)."""
    scaled = scaling.apply(X)
    away = [np.sqrt(np.add.accumulate((scaled - center) ** 2, axis=1)[:, -1]) for center in centers]
    return -np.column_stack(away)


def nearness_model(scaling: Scaling, centers: Values, check_rows: Values) -> OnnxModel:
    """The graph of `nearness`, and what it is to say of `check_rows`."""
    features = len(scaling.features)
    builder = GraphBuilder(features)
    builder.fill(scaling.fill)
    above = builder.apply("Max", np.zeros(1))
    rooted = builder.combine("Mul", builder.combine("Sqrt", above), scaling.roots.astype(np.float64))
    logs = builder.combine("Log", builder.combine("Add", above, np.ones(1)))
    builder.combine("Mul", logs, (~scaling.roots).astype(np.float64))
    builder.apply("Add", rooted)
    builder.apply("Sub", scaling.center)
    builder.apply("Div", scaling.scale)
    builder.apply("Clip", np.array(-CLIP), np.array(CLIP))
    scaled = builder.apply("Mul", scaling.weights)
    columns = []
    for center in centers:
        away = builder.combine("Sub", scaled, center)
        builder.combine("Mul", away, away)
        builder.apply("MatMul", np.ones((features, 1)))
        builder.apply("Sqrt")
        columns.append(builder.apply("Neg"))
    return OnnxModel(builder.join(columns, OUTPUT), nearness(scaling, centers, check_rows))
