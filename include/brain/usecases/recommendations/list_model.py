"""The model of a list, and its ONNX form: scores = own · history + min(history, 1) @ weights + popularity.

Weights may be the product of two thin matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.core.errors import ArtifactRejected

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    Values = NDArray[np.float32]


INPUT, OUTPUT = "history", "scores"
OWN, WEIGHTS, NEIGHBOURS, POPULARITY = "own", "weights", "neighbours", "popularity"
INTO, OUT, GROUPS = "into", "out", "groups"
_OPSET, _IR = 18, 9
_DENSE = 0.5  # share of weights above which they are written as a matrix


@dataclass(frozen=True)
class Factors:
    """Weights between very many items, as a product.

    Args:
        into: Shape (m, factors).
        out: Shape (factors, m).
    """

    into: Values
    out: Values

    def __len__(self) -> int:
        return len(self.into)

    def __mul__(self, share: np.float32) -> Factors:
        return Factors(self.into * share, self.out)


@dataclass(frozen=True)
class ListModel:
    """Scores all items for a customer from her history.

    Args:
        own: What having taken an item speaks for itself.
        weights: Of the first m items, what having the one speaks for the other; None where nothing does. A matrix of
            shape (m, m), its diagonal zero, or `Factors`.
        popularity: Shape (items,): what speaks for an item whoever asks.
        groups: Shape (groups, items): what speaks for an item to whoever is in a group and has bought nothing; None
            without groups.
    """

    own: float
    weights: Values | Factors | None
    popularity: Values
    groups: Values | None = None

    def scores(self, history: csr_matrix, seen: csr_matrix) -> Values:
        """Scores of all items, shape (customers, items), without what their groups say.

        Args:
            history: Decayed purchases, shape (customers, items).
            seen: The same, no entry above 1.
        """
        found = np.zeros(history.shape, np.float32)
        if self.weights is not None:
            weighed = len(self.weights)
            some = seen[:, :weighed]
            if isinstance(self.weights, Factors):
                found[:, :weighed] = (some @ self.weights.into) @ self.weights.out
            else:
                found[:, :weighed] = some @ self.weights
        if self.own:
            rows, columns = _places(history)
            found[rows, columns] += np.float32(self.own) * history.data
        found += self.popularity
        return found

    def speaks(self, one: NDArray[np.intp], other: NDArray[np.int32]) -> Values:
        """What having `one` item speaks for an`other`, of the first m items, shape (n,); nothing for itself."""
        assert self.weights is not None
        if not isinstance(self.weights, Factors):
            return self.weights[one, other]
        found: Values = np.einsum("nf,fn->n", self.weights.into[one], self.weights.out[:, other])
        return np.where(one == other, np.float32(0), found)

    def to_onnx(self) -> bytes:
        """The model as ONNX, from the history of each customer to scores (n, items).

        Its input has shape (n, items), or with groups (n, items + groups): 1 for the group of who has no history.
        """
        from onnx import TensorProto, helper, numpy_helper

        items = len(self.popularity)
        constants: dict[str, NDArray[Any]] = {
            OWN: np.array([self.own], np.float32),
            POPULARITY: self.popularity,
            "one": np.array(1, np.float32),
        }
        nodes, width = [], items
        if self.groups is not None:
            width += len(self.groups)
            constants[GROUPS] = self.groups
            constants["items"], constants["grouping"] = np.arange(items), np.arange(items, width)
            nodes += [
                helper.make_node("Gather", [INPUT, "items"], ["bought"], axis=1),
                helper.make_node("Gather", [INPUT, "grouping"], ["group"], axis=1),
                helper.make_node("MatMul", ["group", GROUPS], ["from_group"]),
            ]
        bought = INPUT if self.groups is None else "bought"
        nodes.append(helper.make_node("Mul", [bought, OWN], ["from_own"]))
        last = "from_own"
        if self.weights is not None:
            nodes.append(helper.make_node("Min", [bought, "one"], ["seen"]))
            nodes += [*self._weighing(constants), *_widened(constants, len(self.weights), items)]
            nodes.append(helper.make_node("Add", ["from_own", "from_others"], ["from_all"]))
            last = "from_all"
        if self.groups is not None:
            nodes.append(helper.make_node("Add", [last, "from_group"], ["from_whom"]))
            last = "from_whom"
        nodes.append(helper.make_node("Add", [last, POPULARITY], [OUTPUT]))
        graph = helper.make_graph(
            nodes,
            "list",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, width])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None, items])],
            [numpy_helper.from_array(value, name) for name, value in constants.items()],
        )
        opset = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=_IR, producer_name="brain-lists")
        content: bytes = model.SerializeToString(deterministic=True)
        return content

    def _weighing(self, constants: dict[str, NDArray[Any]]) -> list[Any]:
        """The matrix product, or where most weights are zero a sum over the neighbours of each item."""
        from onnx import helper

        assert self.weights is not None
        constants["first"] = np.arange(len(self.weights))
        first = helper.make_node("Gather", ["seen", "first"], ["weighable"], axis=1)
        if isinstance(self.weights, Factors):
            constants[INTO], constants[OUT] = self.weights.into, self.weights.out
            into = helper.make_node("MatMul", ["weighable", INTO], ["factors"])
            return [first, into, helper.make_node("MatMul", ["factors", OUT], ["from_some"])]
        filled = self.weights != 0
        if filled.mean() > _DENSE:
            constants[WEIGHTS] = self.weights
            return [first, helper.make_node("MatMul", ["weighable", WEIGHTS], ["from_some"])]
        del constants["first"]
        most = max(int(filled.sum(axis=0).max()), 1)
        places = np.argsort(~filled, axis=0, kind="stable")[:most].T
        constants[NEIGHBOURS] = np.ascontiguousarray(places.astype(np.int32))
        constants[WEIGHTS] = np.ascontiguousarray(np.take_along_axis(self.weights, places.T, axis=0).T)
        constants["last"] = np.array([2], np.int64)
        return [
            helper.make_node("Gather", ["seen", NEIGHBOURS], ["neighbouring"], axis=1),
            helper.make_node("Mul", ["neighbouring", WEIGHTS], ["weighed"]),
            helper.make_node("ReduceSum", ["weighed", "last"], ["from_some"], keepdims=0),
        ]

    @classmethod
    def from_onnx(cls, content: bytes, subject: str) -> ListModel:
        """The model behind the verified bytes of `to_onnx`.

        Raises:
            ArtifactRejected: They are another model's.
        """
        import onnx
        from onnx import numpy_helper

        graph = onnx.load_model_from_string(content).graph
        found = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        if not {OWN, POPULARITY} <= found.keys():
            raise ArtifactRejected(
                subject,
                found=f"a model with the constants {', '.join(sorted(found)) or '(none)'}",
                expected="the model of a list",
                remedy="It was not used. Train the list again.",
            )
        weights: Any = found.get(WEIGHTS)
        if NEIGHBOURS in found and weights is not None:
            items = len(weights)
            dense = np.zeros((items, items), np.float32)
            np.add.at(
                dense, (found[NEIGHBOURS].ravel(), np.repeat(np.arange(items), weights.shape[1])), weights.ravel()
            )
            weights = dense
        if INTO in found and OUT in found:
            weights = Factors(found[INTO], found[OUT])
        return cls(float(found[OWN][0]), weights, found[POPULARITY], found.get(GROUPS))


def _widened(constants: dict[str, NDArray[Any]], weighed: int, items: int) -> list[Any]:
    """What others speak for the items without weights: nothing."""
    from onnx import helper

    constants["others"], constants["nothing"] = np.arange(weighed, items), np.array(0, np.float32)
    return [
        helper.make_node("Gather", ["seen", "others"], ["unweighed"], axis=1),
        helper.make_node("Mul", ["unweighed", "nothing"], ["from_none"]),
        helper.make_node("Concat", ["from_some", "from_none"], ["from_others"], axis=1),
    ]


def _places(history: csr_matrix) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Row and column of every entry."""
    rows = np.repeat(np.arange(history.shape[0]), np.diff(history.indptr))
    return rows, history.indices
