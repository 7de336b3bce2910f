"""What a family of classifiers says about itself, and the parameters a search may choose for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

Parameters = dict[str, Any]
Scale = Literal["standard", "robust", "min_max", "power", "quantile", "none"]
Condition = tuple[str, tuple[Any, ...]]  # a parameter, and the values of it with which another one has an effect


@dataclass(frozen=True)
class Real:
    """A number between two ends, searched on a logarithmic scale unless `log` is False.

    Args:
        when: The search asks for it only under this condition; always if None.
    """

    low: float
    high: float
    log: bool = True
    when: Condition | None = None

    def holds(self, value: Any) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high


@dataclass(frozen=True)
class Whole:
    """A whole number between two ends, both included; `when` as in `Real`."""

    low: int
    high: int
    log: bool = False
    when: Condition | None = None

    def holds(self, value: Any) -> bool:
        return isinstance(value, int) and self.low <= value <= self.high


@dataclass(frozen=True)
class Choice:
    """One of a few values; `when` as in `Real`."""

    values: tuple[Any, ...]
    when: Condition | None = None

    def holds(self, value: Any) -> bool:
        return value in self.values


Dimension = Real | Whole | Choice

_SHARE = Real(0.2, 0.9, log=False, when=("select", ("k_best", "pca")))  # of the features that is selected

SCALED: Mapping[str, Dimension] = {
    "scale": Choice(get_args(Scale)),
    "select": Choice(("none", "k_best", "pca")),
    "share": _SHARE,
}
# Trees ask only for the order of values: scaling would cost time and float32 exactness for nothing.
UNSCALED: Mapping[str, Dimension] = {"select": Choice(("none", "k_best")), "share": _SHARE}


@dataclass(frozen=True)
class Family:
    """One family of classifiers. What is listed must have an ONNX export that agrees with scikit-learn.

    Args:
        about: What it is, in a sentence; docs/catalogue.md shows it.
        make: The unfitted classifier for parameters (those of `space` and "seed") and a number of training rows. It
            imports its library itself, so that looking at the families loads none.
        space: Its own parameters.
        preprocessing: Parameters of what stands before it, `SCALED` or `UNSCALED`.
        takes_weights: Whether it can be fitted with sample weights.
        takes_missing: Whether it has a way of its own with missing values; they are filled with means if not.
        newest_rows: It is too slow for more training rows than these, the newest; None where it takes all.
        first_trials: Where every search starts, without the family's name.
        before: Unfitted steps of its own, with their names, between the preprocessing and the classifier; for
            parameters, a number of training rows and one of columns.
        order: First trials of families with a lower number come first.
    """

    about: str
    make: Callable[[Mapping[str, Any], int], Any]
    space: Mapping[str, Dimension]
    preprocessing: Mapping[str, Dimension]
    takes_weights: bool = True
    takes_missing: bool = False
    newest_rows: int | None = None
    first_trials: tuple[Parameters, ...] = ()
    before: Callable[[Mapping[str, Any], int, int], list[tuple[str, Any]]] | None = None
    order: int = 9
