"""Fitted scikit-learn preprocessing read as plain numbers, so that it can be written as ONNX operators.

Steps are told apart by class name: nothing here imports scikit-learn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Vector = NDArray[np.float64]


class NotTranslatable(Exception):
    """A step this package does not write itself; a general converter may know it."""


@dataclass(frozen=True)
class Affine:
    """``filled(x[columns]) @ matrix + shift``, where `filled` puts `fill` in place of NaN.

    Shapes: columns (k,), fill (k,), matrix (k, m), shift (m,).
    """

    columns: NDArray[np.int64]
    fill: Vector
    matrix: Vector
    shift: Vector


class Step(Protocol):
    """One fitted preprocessing step."""

    def onto(self, before: Affine) -> Affine:
        """`before` followed by this step."""
        ...


@dataclass(frozen=True)
class Fill:
    """Replaces NaN by `values`, shape (n,)."""

    values: Vector

    def onto(self, before: Affine) -> Affine:
        if np.any(before.matrix != np.eye(*before.matrix.shape)) or before.shift.any():
            raise NotTranslatable("an imputer after a step that mixes or moves columns")
        fill = np.where(np.isnan(before.fill), self.values, before.fill)
        return replace(before, fill=fill)


@dataclass(frozen=True)
class Select:
    """Keeps `columns` of what comes in."""

    columns: NDArray[np.int64]

    def onto(self, before: Affine) -> Affine:
        kept, shift = before.matrix[:, self.columns], before.shift[self.columns]
        used = kept.any(axis=1)
        return Affine(before.columns[used], before.fill[used], kept[used], shift)


@dataclass(frozen=True)
class Scale:
    """``(x - offset) / divisor``."""

    offset: Vector
    divisor: Vector

    def onto(self, before: Affine) -> Affine:
        return replace(before, matrix=before.matrix / self.divisor, shift=(before.shift - self.offset) / self.divisor)


@dataclass(frozen=True)
class Stretch:
    """``x * factor + addend``."""

    factor: Vector
    addend: Vector

    def onto(self, before: Affine) -> Affine:
        return replace(before, matrix=before.matrix * self.factor, shift=before.shift * self.factor + self.addend)


@dataclass(frozen=True)
class Project:
    """``(x - mean) @ axes / length``: principal components, `axes` of shape (n, m)."""

    mean: Vector
    axes: Vector
    length: Vector

    def onto(self, before: Affine) -> Affine:
        shift = (before.shift - self.mean) @ self.axes / self.length
        return replace(before, matrix=before.matrix @ self.axes / self.length, shift=shift)


@dataclass(frozen=True)
class YeoJohnson:
    """The power transform of Yeo and Johnson (2000), one `exponent` a column."""

    exponent: Vector

    def onto(self, before: Affine) -> Affine:
        raise NotTranslatable(f"a power transform of {len(before.shift)} columns is not affine")


@dataclass(frozen=True)
class Quantiles:
    """Each column's value as its share in the training rows, interpolated between quantiles.

    Args:
        values: Shape (quantiles, n), ascending in each column.
        shares: Shape (quantiles,), from 0 to 1.
    """

    values: Vector
    shares: Vector

    def onto(self, before: Affine) -> Affine:
        raise NotTranslatable(f"a quantile transform of {len(before.shift)} columns is not affine")


@dataclass(frozen=True)
class Products:
    """The columns that come in, and after them the products of those at `left` and `right`."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]

    def onto(self, before: Affine) -> Affine:
        raise NotTranslatable(f"{len(self.left)} products of {len(before.shift)} columns are not affine")


def split_pipeline(pipeline: Any) -> tuple[list[Any], Any]:
    """The fitted transformers and the fitted classifier of a pipeline (or of a bare classifier)."""
    parts = [part for _, part in pipeline.steps] if hasattr(pipeline, "steps") else [pipeline]
    transformers = [part for part in parts[:-1] if part is not None and part != "passthrough"]
    return transformers, parts[-1]


def read_steps(transformers: list[Any]) -> list[Step]:
    """The transformers as steps.

    Raises:
        NotTranslatable: A transformer, or one of its options, is not known here.
    """
    return [step for transformer in transformers for step in _read(transformer)]


def collapse(steps: list[Step], features: int) -> Affine:
    """All steps as one affine map of the filled features.

    Raises:
        NotTranslatable: An imputer follows a step that mixes columns.
    """
    whole = Affine(np.arange(features), np.full(features, np.nan), np.eye(features), np.zeros(features))
    for step in steps:
        whole = step.onto(whole)
    return whole


def _read(transformer: Any) -> Iterator[Step]:
    reader = _READERS.get(type(transformer).__name__)
    if reader is None or not type(transformer).__module__.startswith("sklearn."):
        raise NotTranslatable(f"{type(transformer).__name__} has no translation here")
    return reader(transformer)


def _simple_imputer(step: Any) -> Iterator[Step]:
    if step.add_indicator or not _is_nan(step.missing_values):
        raise NotTranslatable("SimpleImputer with an indicator or with missing values other than NaN")
    values = np.asarray(step.statistics_, dtype=np.float64)
    if step.keep_empty_features:
        yield Fill(np.nan_to_num(values, nan=0.0))
        return
    known = ~np.isnan(values)
    if not known.all():
        yield Select(np.flatnonzero(known))
    yield Fill(values[known])


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and np.isnan(value)


def _standard_scaler(step: Any) -> Iterator[Step]:
    width = step.n_features_in_
    yield Scale(_or(step.mean_ if step.with_mean else None, width, 0.0), _or(step.scale_, width, 1.0))


def _robust_scaler(step: Any) -> Iterator[Step]:
    width = step.n_features_in_
    offset, divisor = (step.center_ if step.with_centering else None), (step.scale_ if step.with_scaling else None)
    yield Scale(_or(offset, width, 0.0), _or(divisor, width, 1.0))


def _or(values: Any, width: int, default: float) -> Vector:
    return np.full(width, default) if values is None else np.asarray(values, dtype=np.float64)


def _min_max_scaler(step: Any) -> Iterator[Step]:
    if step.clip:
        raise NotTranslatable("MinMaxScaler that clips")
    yield Stretch(np.asarray(step.scale_, dtype=np.float64), np.asarray(step.min_, dtype=np.float64))


def _selector(step: Any) -> Iterator[Step]:
    yield Select(np.flatnonzero(step.get_support()))


def _pca(step: Any) -> Iterator[Step]:
    axes = np.asarray(step.components_, dtype=np.float64).T
    length = np.sqrt(step.explained_variance_) if step.whiten else np.ones(axes.shape[1])
    if step.whiten and np.any(length <= np.finfo(np.float64).eps):
        raise NotTranslatable("PCA that whitens a direction without variance")
    yield Project(np.asarray(step.mean_, dtype=np.float64), axes, length)


def _power_transformer(step: Any) -> Iterator[Step]:
    if step.method != "yeo-johnson":
        raise NotTranslatable(f"PowerTransformer with method {step.method!r}")
    yield YeoJohnson(np.asarray(step.lambdas_, dtype=np.float64))
    if step.standardize:
        yield from _standard_scaler(step._scaler)  # noqa: SLF001 - the fitted part has no public name


def _quantile_transformer(step: Any) -> Iterator[Step]:
    if step.output_distribution != "uniform":
        raise NotTranslatable(f"QuantileTransformer with output {step.output_distribution!r}")
    yield Quantiles(np.asarray(step.quantiles_, dtype=np.float64), np.asarray(step.references_, dtype=np.float64))


def _polynomial(step: Any) -> Iterator[Step]:
    if step.degree not in (2, (1, 2)) or step.include_bias:
        raise NotTranslatable(f"PolynomialFeatures of degree {step.degree!r}, or with a column of ones")
    first, second = np.split(step.powers_, [step.n_features_in_])
    if np.any(first != np.eye(step.n_features_in_)):
        raise NotTranslatable("PolynomialFeatures whose first columns are not the features")
    pairs = np.array([np.repeat(np.arange(len(powers)), powers) for powers in second]).reshape(-1, 2)
    yield Products(pairs[:, 0], pairs[:, 1])


_READERS: dict[str, Callable[[Any], Iterator[Step]]] = {
    "SimpleImputer": _simple_imputer,
    "StandardScaler": _standard_scaler,
    "RobustScaler": _robust_scaler,
    "MinMaxScaler": _min_max_scaler,
    "PolynomialFeatures": _polynomial,
    "SelectKBest": _selector,
    "SelectPercentile": _selector,
    "SelectFromModel": _selector,
    "VarianceThreshold": _selector,
    "PCA": _pca,
    "PowerTransformer": _power_transformer,
    "QuantileTransformer": _quantile_transformer,
}
