"""EASE (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019): item weights in closed form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

ALL_BELOW = 2_500  # of fewer items, every weight is kept
NEIGHBOURS = 400  # of more, so many for an item


def ease_weights(seen: csr_matrix, l2: float, dropout: float = 0.0) -> NDArray[np.float32]:
    """The weights B that make seen @ B closest to `seen` while no item explains itself (formula 8 of the paper).

    Args:
        seen: Shape (customers, items), 0 to 1.
        l2: The penalty on squared weights.
        dropout: Share of a basket that is left out where the rest explains it (Steck, "Autoencoders that don't overfit
            towards the Identity", NeurIPS 2020): it adds dropout / (1 - dropout) · (how often an item was taken) to the
            item's penalty. A customer then counts less the more she took, by the square root.

    Returns:
        Shape (items, items): how much having the one speaks for the other. Of many items only the `NEIGHBOURS` largest
        weights for an item are kept.
    """
    if dropout:
        seen = _evened(seen)
    often = np.asarray(seen.multiply(seen).sum(axis=0), np.float64).ravel()
    penalty = l2 + dropout / (1 - dropout) * often
    by = _inverse_by_customers if seen.shape[0] < seen.shape[1] else _inverse_by_items
    inverse = by(seen, penalty)
    diagonal = inverse.diagonal().copy()
    weights: NDArray[np.float32] = np.empty(inverse.shape, np.float32)
    np.divide(inverse, -diagonal, out=weights, casting="unsafe")
    np.fill_diagonal(weights, 0)
    return _largest(weights)


def _evened(seen: csr_matrix) -> csr_matrix:
    """Rows weighed so that one counts less the larger it is, and all together as much as before."""
    from scipy.sparse import diags

    sizes = np.asarray(seen.sum(axis=1), np.float64).ravel()
    counts = 1 / np.sqrt(np.maximum(sizes, 1))
    counts *= sizes.sum() / max(float((counts * sizes).sum()), 1e-12)
    return (diags(np.sqrt(counts)) @ seen).tocsr()


def _inverse_by_items(seen: csr_matrix, penalty: NDArray[np.float64]) -> NDArray[np.float64]:
    """(XᵀX + diag(penalty))⁻¹ by a Cholesky decomposition."""
    from scipy.linalg.lapack import dpotrf, dpotri

    gram = (seen.T @ seen).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += penalty
    factor, failed = dpotrf(gram, lower=True, overwrite_a=True)
    assert not failed, "a matrix that is positive definite has a factor"
    inverse, _ = dpotri(factor, lower=True, overwrite_c=True)
    upper = np.triu_indices_from(inverse, 1)
    inverse[upper] = inverse.T[upper]
    found: NDArray[np.float64] = inverse
    return found


def _inverse_by_customers(seen: csr_matrix, penalty: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same by Woodbury's identity, D⁻¹ - D⁻¹Xᵀ(I + XD⁻¹Xᵀ)⁻¹XD⁻¹: cheaper where customers are fewer than items."""
    dense = seen.toarray().astype(np.float64)
    divided = dense / penalty
    gram = divided @ dense.T
    gram[np.diag_indices_from(gram)] += 1
    found: NDArray[np.float64] = -(divided.T @ np.linalg.solve(gram, divided))
    found[np.diag_indices_from(found)] += 1 / penalty
    return found


def _largest(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    if len(weights) <= ALL_BELOW:
        return weights
    for column in range(weights.shape[1]):
        values = weights[:, column]
        small = np.argpartition(np.abs(values), len(values) - NEIGHBOURS)[: len(values) - NEIGHBOURS]
        values[small] = 0
    return weights
