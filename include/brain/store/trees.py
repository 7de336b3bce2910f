"""Fitted tree ensembles as the flat arrays of ONNX's TreeEnsemble operator (ai.onnx.ml 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.store.preprocessing import NotTranslatable

if TYPE_CHECKING:
    from numpy.typing import NDArray

CATEGORICAL, DEFAULT_LEFT = 1, 2  # bits of LightGBM's decision_type
MISSING_SHIFT, MISSING_NONE, MISSING_NAN = 2, 0, 2


@dataclass(frozen=True)
class Tree:
    """One tree; children below zero are leaves: ``-1 - leaf``.

    Args:
        feature, threshold, left, right, missing_left: Shape (inner nodes,); go left where x <= threshold.
        leaf: Shape (leaves,): what the leaf adds to the sum.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    missing_left: NDArray[np.bool_]
    leaf: NDArray[np.float64]


@dataclass(frozen=True)
class TreeArrays:
    """Trees whose leaves are summed, then passed through the logistic function if `logistic`."""

    trees: tuple[Tree, ...]
    logistic: bool
    float32_input: bool

    def attributes(self) -> dict[str, Any]:
        """Keyword arguments of the TreeEnsemble node."""
        from onnx import numpy_helper

        nodes = np.cumsum([0, *(len(tree.feature) for tree in self.trees)])
        leaves = np.cumsum([0, *(len(tree.leaf) for tree in self.trees)])
        sides = {}
        for name, side in (("true", "left"), ("false", "right")):
            child = [getattr(tree, side) for tree in self.trees]
            sides[f"nodes_{name}leafs"] = np.concatenate([c < 0 for c in child]).astype(int).tolist()
            sides[f"nodes_{name}nodeids"] = np.concatenate(
                [np.where(c < 0, leaves[i] - 1 - c, nodes[i] + c) for i, c in enumerate(child)]
            ).tolist()
        missing = np.concatenate([tree.missing_left for tree in self.trees]).astype(int)
        if missing.any():
            sides["nodes_missing_value_tracks_true"] = missing.tolist()
        return sides | {
            "aggregate_function": 1,
            "leaf_targetids": [0] * int(leaves[-1]),
            "leaf_weights": numpy_helper.from_array(np.concatenate([tree.leaf for tree in self.trees])),
            "n_targets": 1,
            "nodes_featureids": np.concatenate([tree.feature for tree in self.trees]).tolist(),
            "nodes_modes": numpy_helper.from_array(np.zeros(nodes[-1], dtype=np.uint8)),
            "nodes_splits": numpy_helper.from_array(np.concatenate([tree.threshold for tree in self.trees])),
            "post_transform": 0,
            "tree_roots": nodes[:-1].tolist(),
        }


def forest(classifier: Any) -> TreeArrays:
    """A fitted RandomForestClassifier, ExtraTreesClassifier or DecisionTreeClassifier.

    The forest's probability is the mean of its trees' leaf frequencies.
    """
    estimators = getattr(classifier, "estimators_", [classifier])
    trees = tuple(_sklearn_tree(estimator.tree_, len(estimators)) for estimator in estimators)
    return TreeArrays(trees, logistic=False, float32_input=True)


def _sklearn_tree(tree: Any, count: int) -> Tree:
    is_leaf = tree.children_left < 0
    number = np.where(is_leaf, -np.cumsum(is_leaf), np.cumsum(~is_leaf) - 1)
    counts = tree.value[is_leaf, 0, :]
    weights = counts[:, 1] / counts.sum(axis=1) / count
    if is_leaf[0]:
        return _stump(float(weights[0]))
    inner = ~is_leaf
    return Tree(
        feature=tree.feature[inner].astype(np.int64),
        threshold=tree.threshold[inner],
        left=number[tree.children_left[inner]],
        right=number[tree.children_right[inner]],
        missing_left=tree.missing_go_to_left[inner].astype(bool),
        leaf=weights,
    )


def _stump(weight: float) -> Tree:
    """The operator has no root that is a leaf: a node whose two ways lead to the same one."""
    one = np.zeros(1, dtype=np.int64)
    return Tree(one, np.zeros(1), one - 1, one - 1, np.zeros(1, dtype=bool), np.array([weight]))


def boosted(classifier: Any) -> TreeArrays:
    """A fitted LightGBM binary classifier, read from its documented text format.

    Raises:
        NotTranslatable: Another objective, categorical splits, linear leaves or zero as missing.
    """
    text = classifier.booster_.model_to_string()
    header, *blocks = text.split("\nTree=")
    fields = _fields(header)
    if fields.get("objective") != "binary sigmoid:1" or "average_output" in header.split("\n"):
        raise NotTranslatable(f"LightGBM with objective {fields.get('objective')!r}")
    return TreeArrays(tuple(_lightgbm_tree(_fields(block)) for block in blocks), logistic=True, float32_input=False)


def _fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.split("\n") if "=" in line)


def _lightgbm_tree(fields: dict[str, str]) -> Tree:
    if fields.get("num_cat", "0") != "0" or fields.get("is_linear", "0") != "0":
        raise NotTranslatable("LightGBM with categorical splits or linear leaves")
    leaf = _numbers(fields["leaf_value"])
    if fields["num_leaves"] == "1":
        return _stump(float(leaf[0]))
    kind = _numbers(fields["decision_type"]).astype(np.int64)
    threshold = _numbers(fields["threshold"])
    missing = kind >> MISSING_SHIFT & 3
    if np.any((missing != MISSING_NONE) & (missing != MISSING_NAN)) or np.any(kind & CATEGORICAL):
        raise NotTranslatable("LightGBM that takes zero for missing")
    # Where training saw no NaN, LightGBM reads NaN as 0.
    missing_left = np.where(missing == MISSING_NAN, kind & DEFAULT_LEFT != 0, threshold >= 0)
    return Tree(
        feature=_numbers(fields["split_feature"]).astype(np.int64),
        threshold=threshold,
        left=_numbers(fields["left_child"]).astype(np.int64),
        right=_numbers(fields["right_child"]).astype(np.int64),
        missing_left=missing_left,
        leaf=leaf,
    )


def _numbers(text: str) -> NDArray[np.float64]:
    return np.array(text.split(), dtype=np.float64)
