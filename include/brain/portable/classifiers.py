"""Fitted classifiers of two classes as ONNX graphs of ours: linear ones and tree ensembles, after any preprocessing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from brain.portable.graph import DOUBLE, FLOAT, INPUT, INT64, GraphBuilder
from brain.portable.heads import EDGE
from brain.portable.mean import LIMIT, LogOddsMean
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


def own_graph(model: Any, features: int) -> bytes:
    """The pipeline, or the mean of several, as a double-precision graph.

    Raises:
        NotTranslatable: A step or a classifier is not known here.
    """
    graph = GraphBuilder(features)
    if isinstance(model, LogOddsMean):
        odds = []
        for member in model.members:
            graph.current = INPUT
            write_odds(graph, is_logit=_write(graph, member, features))
            odds.append(graph.current)
        write_mean(graph, odds)
        graph.apply("Sigmoid")
    elif _write(graph, model, features):
        graph.apply("Sigmoid")
    return graph.finish()


def joined_graph(model: LogOddsMean, features: int) -> bytes:
    """The mean of linear models as the one linear model that it is, but for log-odds beyond `LIMIT`.

    Raises:
        NotTranslatable: A member is not linear, or fills missing values with others.
    """
    parts = [_affine(member, features) for member in model.members]
    fill = parts[0][0].fill
    if any(len(whole.columns) != features or np.any(whole.fill != fill) for whole, _, _ in parts):
        raise NotTranslatable("members that take or fill other columns")
    first = parts[0][0]
    graph = GraphBuilder(features)
    weights, biases = zip(*(_folded(*part) for part in parts), strict=True)
    _write_affine(graph, first, np.mean(weights, axis=0), float(np.mean(biases)))
    graph.apply("Sigmoid")
    return graph.finish()


def _affine(pipeline: Any, features: int) -> tuple[Affine, NDArray[np.float64], float]:
    """What comes before a logistic regression, its coefficients and its intercept."""
    transformers, classifier = split_pipeline(pipeline)
    if type(classifier).__name__ != "LogisticRegression" or list(classifier.classes_) != [0, 1]:
        raise NotTranslatable(f"{type(classifier).__name__} is no logistic regression of the classes 0 and 1")
    return collapse(read_steps(transformers), features), *_coefficients(classifier)


def _write(graph: GraphBuilder, pipeline: Any, features: int) -> bool:
    """Write a pipeline, to its log-odds if it has a logistic link, else to its probability; whether it has one."""
    transformers, classifier = split_pipeline(pipeline)
    if list(getattr(classifier, "classes_", [])) != [0, 1]:
        raise NotTranslatable(f"{type(classifier).__name__} is no classifier of the classes 0 and 1")
    steps = read_steps(transformers)
    match type(classifier).__name__:
        case "LogisticRegression":
            return _linear(graph, features, steps, classifier, "logistic")
        case "SGDClassifier" if classifier.loss in ("log_loss", "modified_huber"):
            link = "logistic" if classifier.loss == "log_loss" else "clipped"
            return _linear(graph, features, steps, classifier, link)
        case "RandomForestClassifier" | "ExtraTreesClassifier" | "DecisionTreeClassifier":
            return _ensemble(graph, steps, forest(classifier))
        case "LGBMClassifier":
            return _ensemble(graph, steps, boosted(classifier))
        case other:
            raise NotTranslatable(f"{other} has no graph of ours")


def write_odds(graph: GraphBuilder, *, is_logit: bool) -> None:
    """A member's log-odds from its unbounded log-odds or its probability, shape (n, 1)."""
    if is_logit:
        graph.apply("Clip", np.array(-LIMIT), np.array(LIMIT))
        return
    up = graph.apply("Clip", np.array(EDGE), np.array(1 - EDGE))
    graph.combine("Div", up, graph.combine("Sub", np.array([1.0]), up))
    graph.apply("Log")


def write_mean(graph: GraphBuilder, odds: list[str]) -> None:
    """The mean of earlier results."""
    graph.current = odds[0]
    for other in odds[1:]:
        graph.apply("Add", other)
    graph.apply("Div", np.array([float(len(odds))]))


def write_steps(graph: GraphBuilder, steps: list[Step]) -> None:
    """Preprocessing step by step, in scikit-learn's order of operations."""
    for step in steps:
        _write_step(graph, step)


def _linear(graph: GraphBuilder, features: int, steps: list[Step], classifier: Any, link: str) -> bool:
    """``link(x @ weights + bias)``; steps that are affine are folded into weights and bias."""
    coefficients, intercept = _coefficients(classifier)
    try:
        whole = collapse(steps, features)
    except NotTranslatable:
        write_steps(graph, steps)
        graph.apply("MatMul", coefficients.reshape(-1, 1))
        graph.apply("Add", np.array([intercept]))
    else:
        _write_affine(graph, whole, *_folded(whole, coefficients, intercept))
    if link == "clipped":  # modified Huber: Zadrozny and Elkan (2002)
        graph.apply("Clip", np.array(-1.0), np.array(1.0))
        graph.apply("Add", np.array([1.0]))
        graph.apply("Div", np.array([2.0]))
    return link == "logistic"


def _coefficients(classifier: Any) -> tuple[NDArray[np.float64], float]:
    return np.asarray(classifier.coef_[0], dtype=np.float64), float(classifier.intercept_[0])


def _folded(whole: Affine, coefficients: NDArray[np.float64], intercept: float) -> tuple[NDArray[np.float64], float]:
    return whole.matrix @ coefficients, float(whole.shift @ coefficients + intercept)


def _write_affine(graph: GraphBuilder, whole: Affine, weights: NDArray[np.float64], bias: float) -> None:
    _gather_and_fill(graph, whole)
    graph.apply("MatMul", weights.reshape(-1, 1))
    graph.apply("Add", np.array([bias]))


def _gather_and_fill(graph: GraphBuilder, whole: Affine) -> None:
    graph.apply("Gather", whole.columns.astype(np.int64), axis=1)
    unfilled = np.isnan(whole.fill)
    if unfilled.any() and not unfilled.all():
        raise NotTranslatable("an imputer for some columns only")
    if not unfilled.any():
        graph.fill(whole.fill)


def _ensemble(graph: GraphBuilder, steps: list[Step], trees: TreeArrays) -> bool:
    write_steps(graph, steps)
    if trees.float32_input:
        graph.apply("Cast", to=FLOAT)
        graph.apply("Cast", to=DOUBLE)
    graph.apply("TreeEnsemble", **trees.attributes())
    return trees.logistic


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
            single = graph.current
            products = graph.combine(
                "Mul", *(graph.combine("Gather", single, side.astype(np.int64), axis=1) for side in (left, right))
            )
            graph.combine("Concat", single, products, axis=1)
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
