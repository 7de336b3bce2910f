"""Isolation forest: bars that few random cuts set apart (Liu et al., ICDM 2008), fitted by scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.portable.kernels import KERNELS
from brain.portable.trees import TreeArrays
from brain.usecases.anomalies.detectors.windows import moving_sum

if TYPE_CHECKING:
    from brain.portable.graph import GraphBuilder
    from brain.usecases.anomalies.detectors.detector import Known, Values

TREES, SAMPLE = 48, 128
MOST, SHORT, LONG = 20.0, 12, 24
EULER = float(np.euler_gamma)
FLOAT = 1  # TensorProto's number for single precision, which scikit-learn's trees compare in
DOUBLE = 11


class IsolationForest:
    """How few cuts set apart a bar's change, the one before, the stretch of both, and its direction."""

    name, kind = "isolation_forest", "rare mixture"
    about = "a mixture of moves that is rare among all bars"
    features = ("z", "z_before", f"size_over_{SHORT}", f"direction_over_{LONG}")
    bars_before = LONG

    def least(self, chance: float) -> float:  # noqa: ARG002 - its scores have no known distribution
        return 0.0

    def look(self, known: Known) -> Values:
        z = np.clip(known.moves.z, -MOST, MOST)
        earlier = np.append(0.0, np.abs(z[:-1]))[: len(z)]
        size = np.sqrt(moving_sum(z**2, SHORT) / SHORT)
        direction = np.abs(moving_sum(z, LONG)) / np.sqrt(LONG)
        return np.stack([np.abs(z), earlier, size, direction], axis=1)

    def fit(self, rows: Values, seed: int) -> Isolation:
        from sklearn.ensemble import IsolationForest as Forest

        sample = min(SAMPLE, len(rows))
        forest = Forest(n_estimators=TREES, max_samples=sample, random_state=seed, n_jobs=1).fit(rows)
        return Isolation(isolation_trees(forest), expected_depth(np.array([sample]))[0])


@dataclass(frozen=True)
class Isolation:
    """Fitted trees, whose leaves sum up to the mean depth of a bar.

    Args:
        usual: The depth that is usual: of an unsuccessful search among the sample's rows.
    """

    trees: TreeArrays
    usual: float

    def score(self, features: Values) -> Values:
        """The anomaly score of the paper: 2 to the power of minus depth by usual depth; shape (n,)."""
        from brain.portable.graph import GraphBuilder

        builder = GraphBuilder(features.shape[1])
        builder.apply("Cast", to=FLOAT)
        node = _node(builder, self.trees)
        depth = KERNELS["TreeEnsemble"](node)(features.astype(np.float32))[:, 0]
        found: Values = 2.0 ** (-depth / self.usual)
        return found

    def write(self, builder: GraphBuilder, width: int) -> str:  # noqa: ARG002 - the trees know their features
        builder.apply("Cast", to=FLOAT)
        builder.apply("Cast", to=DOUBLE)  # the operator wants thresholds and rows of one type
        depth = builder.apply("TreeEnsemble", **self.trees.attributes())
        scaled = builder.combine("Mul", depth, np.array([-1.0 / self.usual]))
        return builder.combine("Pow", np.array([2.0]), scaled)


def isolation_trees(forest: Any) -> TreeArrays:
    """The trees of a fitted forest end to end; a leaf is its depth by the number of trees.

    A leaf with several rows is as deep as they would be on average; see the `score_samples` of scikit-learn.
    """
    parts: dict[str, list[Any]] = {name: [] for name in ("feature", "threshold", "left", "right", "leaf")}
    roots, inner_before, leaves_before = [], 0, 0
    for one in forest.estimators_:
        tree = one.tree_
        is_leaf = tree.children_left < 0
        if is_leaf[0]:  # the operator has no root that is a leaf
            number, inner = np.array([-1 - leaves_before]), np.array([0])
            left = right = number
            feature, threshold = np.zeros(1, np.int64), np.zeros(1)
        else:
            number = np.where(is_leaf, -leaves_before - np.cumsum(is_leaf), inner_before + np.cumsum(~is_leaf) - 1)
            inner = np.flatnonzero(~is_leaf)
            left, right = number[tree.children_left[inner]], number[tree.children_right[inner]]
            feature, threshold = tree.feature[inner].astype(np.int64), tree.threshold[inner]
        depth = _depths(tree)[is_leaf] + expected_depth(tree.n_node_samples[is_leaf])
        for name, values in zip(parts, (feature, threshold, left, right, depth / len(forest.estimators_)), strict=True):
            parts[name].append(values)
        roots.append(inner_before)
        inner_before, leaves_before = inner_before + len(inner), leaves_before + int(is_leaf.sum())
    made = {name: np.concatenate(values) for name, values in parts.items()}
    no = np.zeros(len(made["feature"]), bool)
    return TreeArrays(**made, missing_left=no, roots=np.array(roots, np.int64), logistic=False, float32_input=True)


def expected_depth(rows: Any) -> Values:
    """The mean depth of an unsuccessful search in a binary tree of so many rows (the paper's c)."""
    n = np.maximum(np.asarray(rows, np.float64), 1.0)
    many = 2.0 * (np.log(np.maximum(n - 1, 1.0)) + EULER) - 2.0 * (n - 1) / n
    found: Values = np.where(n <= 1, 0.0, np.where(n == 2, 1.0, many))
    return found


def _depths(tree: Any) -> Values:
    depth = np.zeros(tree.node_count)
    for node in range(tree.node_count):  # a parent stands before its children
        for child in (tree.children_left[node], tree.children_right[node]):
            if child >= 0:
                depth[child] = depth[node] + 1
    return depth


def _node(builder: GraphBuilder, trees: TreeArrays) -> Any:
    builder.apply("TreeEnsemble", **trees.attributes())
    return builder.model("", 1).graph.node[-1]
