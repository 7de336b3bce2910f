"""EASE (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019): item weights in closed form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

ALL_BELOW = 2_500  # of fewer items, every weight is kept
NEIGHBOURS = 400  # of more, so many for an item


def ease_weights(seen: csr_matrix, l2: float) -> NDArray[np.float32]:
    """The weights B that make seen @ B closest to `seen` while no item explains itself (formula 8 of the paper).

    Args:
        seen: Shape (customers, items), 0 to 1.
        l2: The penalty on squared weights.

    Returns:
        Shape (items, items): how much having the one speaks for the other. Of many items only the `NEIGHBOURS` largest
        weights for an item are kept.
    """
    inverse = _inverse_by_customers(seen, l2) if seen.shape[0] < seen.shape[1] else _inverse_by_items(seen, l2)
    diagonal = inverse.diagonal().copy()
    weights: NDArray[np.float32] = np.empty(inverse.shape, np.float32)
    np.divide(inverse, -diagonal, out=weights, casting="unsafe")
    np.fill_diagonal(weights, 0)
    return _largest(weights)


def _inverse_by_items(seen: csr_matrix, l2: float) -> NDArray[np.float64]:
    """(XᵀX + l2 I)⁻¹ by a Cholesky decomposition."""
    from scipy.linalg.lapack import dpotrf, dpotri

    gram = (seen.T @ seen).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += l2
    factor, failed = dpotrf(gram, lower=True, overwrite_a=True)
    assert not failed, "a matrix that is positive definite has a factor"
    inverse, _ = dpotri(factor, lower=True, overwrite_c=True)
    upper = np.triu_indices_from(inverse, 1)
    inverse[upper] = inverse.T[upper]
    found: NDArray[np.float64] = inverse
    return found


def _inverse_by_customers(seen: csr_matrix, l2: float) -> NDArray[np.float64]:
    """The same by Woodbury's identity, (I - Xᵀ(l2 I + XXᵀ)⁻¹X) / l2: cheaper where customers are fewer than items."""
    gram = (seen @ seen.T).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += l2
    dense = seen.toarray().astype(np.float64)
    found: NDArray[np.float64] = -(dense.T @ np.linalg.solve(gram, dense)) / l2
    found[np.diag_indices_from(found)] += 1 / l2
    return found


def _largest(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    if len(weights) <= ALL_BELOW:
        return weights
    for column in range(weights.shape[1]):
        values = weights[:, column]
        small = np.argpartition(np.abs(values), len(values) - NEIGHBOURS)[: len(values) - NEIGHBOURS]
        values[small] = 0
    return weights
