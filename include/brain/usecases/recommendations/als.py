"""ALS (Hu, Koren, Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008) by `implicit`.

For shops with so many items that a matrix of items by items is too dear. What ALS gives is kept as a product of two
thin matrices: a customer's factors are the ridge regression of her basket on the factors of the items,
u = x Y (YᵀY + l2 I)⁻¹, in closed form, so that a customer who is new since training has hers; her scores are u Yᵀ.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

PACKAGE = "implicit"
INSTALL = f"pip install {PACKAGE}"
ROUNDS = 15
SEED = 0


def has_als() -> bool:
    """Whether the package is installed."""
    return find_spec(PACKAGE) is not None


def als_weights(seen: csr_matrix, factors: int, l2: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The two matrices whose product says how much having one item speaks for another.

    Args:
        seen: Shape (customers, items), 0 to 1.
        factors: Their width, below the number of items and customers.
        l2: The penalty on squared factors.

    Returns:
        Shapes (items, factors) and (factors, items); the same for the same `seen`, on one thread.
    """
    from implicit.cpu.als import AlternatingLeastSquares  # of an optional package
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=factors, regularization=l2, iterations=ROUNDS, num_threads=1, random_state=SEED
        )
        model.fit(seen.astype(np.float32), show_progress=False)
        items = model.item_factors.astype(np.float64)
        gram = items.T @ items + l2 * np.eye(factors)
        into = np.linalg.solve(gram, items.T).T
    return np.ascontiguousarray(into, np.float32), np.ascontiguousarray(items.T, np.float32)
