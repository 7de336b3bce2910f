"""Fitted tree ensembles as the flat arrays of ONNX's TreeEnsemble operator (ai.onnx.ml 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.portable.preprocessing import NotTranslatable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Numbers = NDArray[np.float64]

CATEGORICAL, DEFAULT_LEFT = 1, 2  # bits of LightGBM's decision_type
MISSING_SHIFT, MISSING_NONE, MISSING_NAN = 2, 0, 2
# The operator has no root that is a leaf: it becomes a node whose two ways lead to that leaf.
STUMP = {"split_feature": "0", "threshold": "0", "decision_type": "8", "left_child": "-1", "right_child": "-1"}
HEADER, OPTIONS = ("objective", "average_output"), ("num_cat", "is_linear")


@dataclass(frozen=True)
class TreeArrays:
    """Trees laid end to end: their leaves are summed, then passed through the logistic function if `logistic`.

    Args:
        feature, threshold, left, right, missing_left: Shape (inner nodes,); go left where x <= threshold. Children
            below zero are leaves: ``-1 - leaf``.
        leaf: Shape (leaves,): what the leaf adds to the sum.
        roots: Shape (trees,).
    """

    feature: Integers
    threshold: Numbers
    left: Integers
    right: Integers
    missing_left: NDArray[np.bool_]
    leaf: Numbers
    roots: Integers
    logistic: bool
    float32_input: bool

    def attributes(self) -> dict[str, Any]:
        """Keyword arguments of the TreeEnsemble node."""
        sides: dict[str, Any] = {}
        for name, child in (("true", self.left), ("false", self.right)):
            sides[f"nodes_{name}leafs"] = child < 0
            sides[f"nodes_{name}nodeids"] = np.where(child < 0, -1 - child, child)
        if self.missing_left.any():
            sides["nodes_missing_value_tracks_true"] = self.missing_left
        return sides | {
            "aggregate_function": 1,
            "leaf_targetids": np.zeros(len(self.leaf), dtype=bool),
            "leaf_weights": self.leaf,
            "n_targets": 1,
            "nodes_featureids": self.feature,
            "nodes_modes": np.zeros(len(self.feature), dtype=np.uint8),
            "nodes_splits": self.threshold,
            "post_transform": 0,
            "tree_roots": self.roots,
        }


def forest(classifier: Any) -> TreeArrays:
    """A fitted RandomForestClassifier, ExtraTreesClassifier or DecisionTreeClassifier.

    The forest's probability is the mean of its trees' leaf frequencies.
    """
    # One structured array a tree, as it is pickled: a tenth of the time of asking for each field of each tree.
    states = [estimator.tree_.__getstate__() for estimator in getattr(classifier, "estimators_", [classifier])]
    nodes = np.concatenate([state["nodes"].view(np.uint8) for state in states]).view(states[0]["nodes"].dtype)
    sizes = np.array([len(state["nodes"]) for state in states])
    first = np.cumsum(sizes) - sizes
    is_leaf = nodes["left_child"] < 0
    inner = ~is_leaf
    inner[first] = True  # a root that is a leaf is an inner node, too, both of whose ways lead to itself
    number = np.where(is_leaf, -np.cumsum(is_leaf, dtype=np.int64), np.cumsum(inner) - 1)
    own, start = np.arange(len(is_leaf)), np.repeat(first, sizes)
    counts = np.concatenate([state["values"] for state in states])[is_leaf, 0, :]
    return TreeArrays(
        feature=np.where(is_leaf, 0, nodes["feature"])[inner],
        threshold=np.where(is_leaf, 0.0, nodes["threshold"])[inner],
        left=number[np.where(is_leaf, own, start + nodes["left_child"])[inner]],
        right=number[np.where(is_leaf, own, start + nodes["right_child"])[inner]],
        missing_left=(nodes["missing_go_to_left"].astype(bool) & ~is_leaf)[inner],
        leaf=counts[:, 1] / counts.sum(axis=1) / len(states),
        roots=(np.cumsum(inner) - 1)[first],
        logistic=False,
        float32_input=True,
    )


def boosted(classifier: Any) -> TreeArrays:
    """A fitted LightGBM binary classifier, read from its documented text format.

    Raises:
        NotTranslatable: Another objective, categorical splits, linear leaves or zero as missing.
    """
    fields = _lightgbm_fields(classifier.booster_.model_to_string())
    leaves = _integers(fields["num_leaves"])
    sizes = np.maximum(leaves - 1, 1)
    first, first_leaf = np.cumsum(sizes) - sizes, np.cumsum(leaves) - leaves
    threshold = _numbers(fields["threshold"])
    left, right = (
        np.where(child < 0, child - np.repeat(first_leaf, sizes), child + np.repeat(first, sizes))
        for child in (_integers(fields["left_child"]), _integers(fields["right_child"]))
    )
    return TreeArrays(
        feature=_integers(fields["split_feature"]),
        threshold=threshold,
        left=left,
        right=right,
        missing_left=_missing_left(_integers(fields["decision_type"]), threshold),
        leaf=_numbers(fields["leaf_value"]),
        roots=first,
        logistic=True,
        float32_input=False,
    )


def _lightgbm_fields(text: str) -> dict[str, list[str]]:
    """What the text says of each tree, by field."""
    fields: dict[str, list[str]] = {name: [] for name in (*HEADER, *OPTIONS, *STUMP, "num_leaves", "leaf_value")}
    for line in text.split("\n"):
        name, _, value = line.partition("=")
        if name in fields:
            fields[name].append(value)
    if fields["objective"] != ["binary sigmoid:1"] or fields["average_output"]:
        raise NotTranslatable(f"LightGBM with objective {fields['objective']!r}")
    if {*fields["num_cat"], *fields["is_linear"]} - {"0"}:
        raise NotTranslatable("LightGBM with categorical splits or linear leaves")
    stumps = [number for number, leaves in enumerate(fields["num_leaves"]) if leaves == "1"]
    for name, value in STUMP.items():
        for number in stumps:
            fields[name][number] = value
    return fields


def _missing_left(kind: Integers, threshold: Numbers) -> NDArray[np.bool_]:
    missing = kind >> MISSING_SHIFT & 3
    if np.any((missing != MISSING_NONE) & (missing != MISSING_NAN)) or np.any(kind & CATEGORICAL):
        raise NotTranslatable("LightGBM that takes zero for missing")
    # Where training saw no NaN, LightGBM reads NaN as 0.
    return np.where(missing == MISSING_NAN, kind & DEFAULT_LEFT != 0, threshold >= 0)


def _numbers(lines: list[str]) -> Numbers:
    return np.fromstring(" ".join(lines), sep=" ")


def _integers(lines: list[str]) -> Integers:
    return np.fromstring(" ".join(lines), dtype=np.int64, sep=" ")
