"""Taking one of our own graphs apart: from its log-odds back to the features, operator by operator."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.portable.graph import INPUT, OUTPUT
from brain.portable.heads import log_odds
from brain.portable.tree_parts import EVEN, Trees, WeighedTrees, fitting_side

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from brain.portable.evaluate import Graph

    Values = NDArray[np.float64]

ROW, USUAL = 0, 1  # the two rows that every operator is asked about: the given one, and one of which nothing is known


class Unfamiliar(Exception):
    """A graph of a form that is not taken apart here."""


@dataclass(frozen=True)
class Split:
    """One number of a graph for the row: ``reference + parts.sum()``, with a part for each feature."""

    reference: float
    parts: Values

    def scaled(self, factor: float) -> Split:
        return Split(self.reference * factor, self.parts * factor)

    def moved(self, by: float) -> Split:
        return Split(self.reference + by, self.parts)

    def plus(self, other: Split) -> Split:
        return Split(self.reference + other.reference, self.parts + other.parts)

    def through(self, function: Callable[[float], float]) -> Split:
        """The split of ``function(number)``: parts keep their proportions."""
        moved = float(self.parts.sum())
        start, end = function(self.reference), function(self.reference + moved)
        factor = (end - start) / moved if moved else 0.0
        return Split(start, self.parts * factor)


@dataclass(frozen=True)
class _Member:
    """A result from which log-odds come: its name, and whether it is a probability."""

    name: str
    is_probability: bool

    def link(self, split: Split) -> Split:
        """The log-odds of its split."""
        return split.through(_odds) if self.is_probability else split


class GraphParts:
    """A graph of ours and what it makes of one row (features,).

    What comes out is followed back through everything affine. It ends where a value is no affine function of others any
    more: at features in whose gaps the mean was put, at ranks, powers, products, and trees. Such a value counts as its
    distance from its mean over the training rows, which the scaler behind it subtracts; where there is none, from its
    value where nothing is known. A product's part belongs to its two features, half to each.
    """

    def __init__(self, graph: Graph, row: Values) -> None:
        self._features = len(row)
        self._constants: Mapping[str, Any] = graph.constants
        self._nodes = {node.output[0]: node for node in graph.nodes}
        with np.errstate(invalid="ignore"):
            self._values = graph.results(np.stack([row, np.full_like(row, np.nan)]))
        self._shares: dict[str, Values] = {INPUT: np.eye(len(row))}
        self._ensembles: dict[str, WeighedTrees] = {}
        self._side, self._nothing = EVEN, np.zeros(len(row))

    @property
    def outputs(self) -> Values:
        """What the model says of the row, shape (1, outputs)."""
        found: Values = self._values[OUTPUT][:1]
        return found

    def split(self, center: float | None = None) -> Split:
        """The log-odds, before any limit.

        Args:
            center: Their mean over the training rows, from which is concluded how many rows went each way in trees.

        Raises:
            Unfamiliar: The graph is not of a form that `brain.portable.classifiers` writes.
        """
        members = self._members()
        guessed = [member for member in members if self._is_guessed(member)]
        splits = [member.link(self._number(member.name)) for member in members if member not in guessed]
        if guessed:
            trees = [(member, self._weighed(self._node(member.name))) for member in guessed]
            others = sum(split.reference for split in splits)

            def miss(side: float) -> float:
                usual = sum(member.link(Split(one.usual(side), self._nothing)).reference for member, one in trees)
                return (others + usual) / len(members) - (center or 0.0)

            self._side = EVEN if center is None else fitting_side(miss)
            splits += [member.link(self._number(member.name)) for member in guessed]
        reference = float(np.mean([split.reference for split in splits]))
        return Split(reference, np.mean([split.parts for split in splits], axis=0))

    def ranks(self) -> Values:
        """The share of training rows that have less of each feature, where a table of quantiles tells it, else NaN.

        Half of the rows that have as much count.
        """
        points, values = self._points, self._values[INPUT][ROW]
        shares = ((points < values).mean(axis=0) + (points <= values).mean(axis=0)) / 2
        return np.where(np.isnan(values) | np.isnan(points[0]), np.nan, shares)

    @cached_property
    def means(self) -> Values:
        """Each feature's mean over the training rows, where it is put into gaps, else NaN."""
        found = np.full(self._features, np.nan)
        for node in self._nodes.values():
            if node.op_type == "Where" and node.input[1] in self._constants:
                features = self._untouched(node.output[0])
                if features is not None:
                    found[features] = self._constants[node.input[1]]
        return found

    def _members(self) -> list[_Member]:
        """The results of which the log-odds are the mean: one where it is no mean."""
        output = self._node(OUTPUT)
        if output.op_type != "Concat":
            raise Unfamiliar(output.op_type)
        up = output.input[1]
        if self._node(up).op_type != "Sigmoid":
            return [_Member(up, is_probability=True)]
        (total,) = self._node(up).input
        node = self._node(total)
        if node.op_type != "Div":
            return [self._member(total)]
        total, names = node.input[0], []
        for _ in range(int(self._constants[node.input[1]][0]) - 1):
            total, last = self._node(total).input
            names.append(last)
        return [self._member(name) for name in (total, *reversed(names))]

    def _member(self, name: str) -> _Member:
        """A result that is log-odds, without its limits."""
        node = self._node(name)
        if node.op_type == "Log":
            bounded = self._node(self._node(node.input[0]).input[0])
            return _Member(bounded.input[0], is_probability=True)
        return _Member(node.input[0] if node.op_type == "Clip" else name, is_probability=False)

    def _is_guessed(self, member: _Member) -> bool:
        node = self._node(member.name)
        return node.op_type == "TreeEnsemble" and self._weighed(node).guesses

    def _number(self, name: str) -> Split:
        """A result of one column."""
        return self._back(name, np.ones(1), np.full(1, np.nan))

    def _back(self, name: str, weights: Values, center: Values) -> Split:
        """``value @ weights`` of a result of k columns.

        Args:
            weights, center: Shape (k,); NaN where nothing is known of the mean of a column.
        """
        if name in self._constants:
            return Split(float(np.sum(self._constants[name] * weights)), self._nothing)
        if name == INPUT:
            return self._atom(name, weights, center)
        node = self._node(name)
        operands = [self._constants.get(operand) for operand in node.input]
        match node.op_type, operands:
            case "Identity" | "Cast", [None]:
                return self._back(node.input[0], weights, center)
            case "Add" | "Sub" | "Mul" | "Div", [None, constant] if constant is not None:
                return self._shifted(node, constant, weights, center)
            case "Gather", [None, chosen] if chosen is not None:
                return self._chosen(node.input[0], chosen, weights, center)
            case "Concat", _:
                return self._joined(node.input, weights, center)
            case "MatMul", [None, matrix] if matrix is not None:
                return self._back(node.input[0], matrix @ weights, np.full(len(matrix), np.nan))
            case "Clip", [None, low, high]:
                bounded = self._number(node.input[0]).through(lambda value: float(np.clip(value, low, high)))
                return bounded.scaled(float(weights[0]))
            case "TreeEnsemble", _:
                return self._trees(node).scaled(float(weights[0]))
        return self._atom(name, weights, center)

    def _shifted(self, node: Any, constant: Values, weights: Values, center: Values) -> Split:
        """`_back` through a sum, difference, product or quotient of a result and a constant."""
        (before, _), total = node.input, float(np.sum(constant * weights))
        match node.op_type:
            case "Add":
                return self._back(before, weights, center - constant).moved(total)
            case "Sub":  # what a scaler subtracts is the mean
                center = np.where(np.isnan(center), 0.0, center) + constant
                return self._back(before, weights, center).moved(-total)
            case "Mul":
                return self._back(before, weights * constant, _divided(center, constant))
            case _:
                return self._back(before, weights / constant, center * constant)

    def _chosen(self, name: str, columns: NDArray[np.int64], weights: Values, center: Values) -> Split:
        width = self._values[name].shape[1]
        all_weights, all_centers = np.zeros(width), np.full(width, np.nan)
        all_weights[columns], all_centers[columns] = weights, center
        return self._back(name, all_weights, all_centers)

    def _joined(self, names: Sequence[str], weights: Values, center: Values) -> Split:
        whole, start = Split(0.0, self._nothing), 0
        for name in names:
            end = start + self._values[name].shape[1]
            whole = whole.plus(self._back(name, weights[start:end], center[start:end]))
            start = end
        return whole

    def _trees(self, node: Any) -> Split:
        """Along the row's path down each tree."""
        (columns,) = node.input
        weighed = self._weighed(node)
        start, parts = weighed.trees.path(self._values[columns][ROW], weighed.values(self._side))
        return Split(start, parts @ self._share(columns))

    def _weighed(self, node: Any) -> WeighedTrees:
        (name,), (columns,) = node.output, node.input
        if name not in self._ensembles:
            means, points = np.full(self._values[columns].shape[1], np.nan), self._points[:, :0]
            if (untouched := self._untouched(columns)) is not None:
                means, points = self.means[untouched], self._points[:, untouched]
            self._ensembles[name] = Trees.of(node).weighed(points, means)
        return self._ensembles[name]

    def _atom(self, name: str, weights: Values, center: Values) -> Split:
        values, usual = self._values[name][ROW], self._values[name][USUAL]
        known = np.where(np.isnan(center), np.where(np.isnan(usual), 0.0, usual), center)
        if np.isnan(values).any():
            raise Unfamiliar("a missing value that nothing stands in for")
        used = weights != 0
        reference = float(known[used] @ weights[used])
        return Split(reference, ((values - known) * weights) @ self._share(name))

    def _share(self, name: str) -> Values:
        """What each column of a result owes to each feature, shape (columns, features); rows add up to 1."""
        if name not in self._shares:
            self._shares[name] = self._share_of(self._node(name))
        return self._shares[name]

    def _share_of(self, node: Any) -> Values:
        made = [name for name in node.input if name not in self._constants]
        if not made:
            raise Unfamiliar(node.op_type)
        match node.op_type:
            case "Gather" if node.input[0] in made:
                chosen: Values = self._share(made[0])[self._constants[node.input[1]]]
                return chosen
            case "Concat":
                return np.concatenate([self._share(name) for name in made])
            case "MatMul":
                mixed: Values = np.abs(self._constants[node.input[1]]).T @ self._share(made[0])
                mixed /= np.maximum(mixed.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
                return mixed
            case "Mul" if len(made) > 1:
                return (self._share(made[0]) + self._share(made[1])) / 2
        return self._share(made[-1])  # all come from the same columns; the condition of a Where comes first

    @cached_property
    def _points(self) -> Values:
        """Quantiles of the training rows, shape (k, features), where a step ranks features as they came in, else NaN.

        All of the first such step: another one may have another number of them.
        """
        for node in self._nodes.values():
            if node.op_type == "GreaterOrEqual" and node.input[1] in self._constants:
                features = self._untouched(self._node(node.input[0]).input[0])
                if features is not None:
                    points = self._constants[node.input[1]]
                    found = np.full((len(points), self._features), np.nan)
                    found[:, features] = points
                    return found
        return np.full((1, self._features), np.nan)

    def _untouched(self, name: str) -> NDArray[np.int64] | None:
        """Which feature each column is, if nothing was done but to choose and to fill gaps; else None."""
        if name == INPUT:
            return np.arange(self._features)
        node = self._node(name)
        if node.op_type == "Where" and node.input[1] in self._constants:
            return self._untouched(node.input[2])
        if node.op_type in ("Identity", "Cast"):
            return self._untouched(node.input[0])
        if node.op_type == "Gather" and node.input[1] in self._constants:
            before = self._untouched(node.input[0])
            return None if before is None else before[self._constants[node.input[1]]]
        return None

    def _node(self, name: str) -> Any:
        if name not in self._nodes:
            raise Unfamiliar(name)
        return self._nodes[name]


def _odds(probability: float) -> float:
    return float(log_odds(np.array([probability]))[0])


def _divided(center: Values, factor: Values) -> Values:
    """`center` before it was multiplied by `factor`, NaN where nothing tells."""
    with np.errstate(divide="ignore", invalid="ignore"):
        before = center / factor
    return np.where(np.isfinite(before), before, np.nan)
