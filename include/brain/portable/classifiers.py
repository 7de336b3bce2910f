"""Fitted classifiers of two classes as ONNX graphs of ours: linear ones and tree ensembles, after any preprocessing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from brain.portable.graph import DOUBLE, FLOAT, INT64, GraphBuilder
from brain.portable.preprocessing import (
    Affine,
    Fill,
    NotTranslatable,
    Products,
    Project,
    Quantiles,
    Scale,
    Select,
    Step,
    Stretch,
    YeoJohnson,
    collapse,
    read_steps,
    split_pipeline,
)
from brain.portable.trees import boosted, forest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brain.portable.trees import TreeArrays

LEAST_EXPONENT = 1e-8  # below, the power transform is its limit, the logarithm, to within 1e-8


def own_graph(pipeline: Any, features: int) -> bytes:
    """The pipeline as a double-precision graph.

    Raises:
        NotTranslatable: A step or the classifier is not known here.
    """
    transformers, classifier = split_pipeline(pipeline)
    if list(getattr(classifier, "classes_", [])) != [0, 1]:
        raise NotTranslatable(f"{type(classifier).__name__} is no classifier of the classes 0 and 1")
    steps = read_steps(transformers)
    match type(classifier).__name__:
        case "LogisticRegression":
            return _linear(features, steps, classifier, "logistic")
        case "SGDClassifier" if classifier.loss in ("log_loss", "modified_huber"):
            return _linear(features, steps, classifier, "logistic" if classifier.loss == "log_loss" else "clipped")
        case "RandomForestClassifier" | "ExtraTreesClassifier" | "DecisionTreeClassifier":
            return _ensemble(features, steps, forest(classifier))
        case "LGBMClassifier":
            return _ensemble(features, steps, boosted(classifier))
        case other:
            raise NotTranslatable(f"{other} has no graph of ours")


def write_steps(graph: GraphBuilder, steps: list[Step]) -> None:
    """Preprocessing step by step, in scikit-learn's order of operations."""
    for step in steps:
        _write_step(graph, step)


def _linear(features: int, steps: list[Step], classifier: Any, link: str) -> bytes:
    """``link(x @ weights + bias)``; steps that are affine are folded into weights and bias."""
    coefficients = np.asarray(classifier.coef_[0], dtype=np.float64)
    intercept = float(classifier.intercept_[0])
    graph = GraphBuilder(features)
    try:
        whole = collapse(steps, features)
    except NotTranslatable:
        write_steps(graph, steps)
        weights, bias = coefficients, intercept
    else:
        _gather_and_fill(graph, whole)
        weights, bias = whole.matrix @ coefficients, float(whole.shift @ coefficients + intercept)
    graph.apply("MatMul", weights.reshape(-1, 1))
    graph.apply("Add", np.array([bias]))
    if link == "logistic":
        graph.apply("Sigmoid")
    else:  # modified Huber: Zadrozny and Elkan (2002)
        graph.apply("Clip", np.array(-1.0), np.array(1.0))
        graph.apply("Add", np.array([1.0]))
        graph.apply("Div", np.array([2.0]))
    return graph.finish()


def _gather_and_fill(graph: GraphBuilder, whole: Affine) -> None:
    graph.apply("Gather", whole.columns.astype(np.int64), axis=1)
    unfilled = np.isnan(whole.fill)
    if unfilled.any() and not unfilled.all():
        raise NotTranslatable("an imputer for some columns only")
    if not unfilled.any():
        graph.fill(whole.fill)


def _ensemble(features: int, steps: list[Step], trees: TreeArrays) -> bytes:
    graph = GraphBuilder(features)
    write_steps(graph, steps)
    if trees.float32_input:
        graph.apply("Cast", to=FLOAT)
        graph.apply("Cast", to=DOUBLE)
    graph.apply("TreeEnsemble", **trees.attributes())
    if trees.logistic:
        graph.apply("Sigmoid")
    return graph.finish()


def _write_step(graph: GraphBuilder, step: Step) -> None:
    match step:
        case Fill(values):
            graph.fill(values)
        case Select(columns):
            graph.apply("Gather", columns.astype(np.int64), axis=1)
        case Scale(offset, divisor):
            graph.apply("Sub", offset)
            graph.apply("Div", divisor)
        case Stretch(factor, addend):
            graph.apply("Mul", factor)
            graph.apply("Add", addend)
        case Project(mean, axes, length):
            graph.apply("Sub", mean)
            graph.apply("MatMul", axes)
            graph.apply("Div", length)
        case YeoJohnson(exponent):
            _write_power(graph, exponent)
        case Products(left, right):
            columns = graph.current
            products = graph.combine(
                "Mul", *(graph.combine("Gather", columns, side.astype(np.int64), axis=1) for side in (left, right))
            )
            graph.combine("Concat", columns, products, axis=1)
        case Quantiles(values, shares):
            _write_quantiles(graph, values, shares)
        case _:
            raise NotTranslatable(f"{type(step).__name__} has no operators here")


def _write_power(graph: GraphBuilder, exponent: NDArray[np.float64]) -> None:
    """``((1 + x)^e - 1) / e`` above zero, ``-((1 - x)^(2 - e) - 1) / (2 - e)`` below."""
    start = graph.current
    sides = []
    for operators, power in ((["Relu"], exponent), (["Neg", "Relu"], 2 - exponent)):
        safe = np.where(np.abs(power) < LEAST_EXPONENT, LEAST_EXPONENT, power)
        graph.current = start
        for operator in operators:
            graph.apply(operator)
        graph.apply("Add", np.array([1.0]))
        graph.apply("Pow", safe)
        graph.apply("Sub", np.array([1.0]))
        sides.append(graph.apply("Div", safe))
    graph.combine("Sub", *sides)


def _write_quantiles(graph: GraphBuilder, values: NDArray[np.float64], shares: NDArray[np.float64]) -> None:
    """The mean of interpolating from below and from above, which differ where quantiles repeat; exact at the ends."""
    start = graph.current
    rising = _write_interpolation(graph, values, shares)
    graph.current = start
    graph.apply("Neg")
    falling = _write_interpolation(graph, -values[::-1], -shares[::-1])
    graph.combine("Sub", rising, falling)
    middle = graph.apply("Mul", np.array([0.5]))
    for end, share in ((values[-1], 1.0), (values[0], 0.0)):
        at_end = graph.combine("Equal", start, end)
        middle = graph.combine("Where", at_end, np.array([share]), middle)


def _write_interpolation(graph: GraphBuilder, points: NDArray[np.float64], heights: NDArray[np.float64]) -> str:
    """Piecewise linear through (points, heights) in each column, constant beyond the ends.

    Args:
        points: Shape (k, n), ascending in each column.
        heights: Shape (k,).
    """
    rise, run = np.diff(heights)[:, None], np.diff(points, axis=0)
    slopes = np.divide(rise, run, out=np.zeros_like(run), where=run > 0)
    slopes = np.vstack([slopes, np.zeros(points.shape[1])])
    start = graph.current
    column = graph.apply("Unsqueeze", np.array([1]))
    table = graph.constant(points)
    graph.combine("GreaterOrEqual", column, table)
    graph.apply("Cast", to=INT64)
    graph.apply("ReduceSum", np.array([1]), keepdims=0)
    graph.apply("Sub", np.array([1]))
    place = graph.apply("Max", np.array([0]))  # below the first point
    inside = graph.combine("Max", start, points[0])
    left, slope = (graph.combine("GatherElements", values, place, axis=0) for values in (table, slopes))
    height = graph.combine("Gather", heights, place, axis=0)
    graph.combine("Sub", inside, left)
    graph.apply("Mul", slope)
    return graph.apply("Add", height)
