"""Walk-forward splits in which no training label overlaps a test row."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import BaseCrossValidator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Rows = NDArray[np.intp]


class PurgedWalkForward(BaseCrossValidator):  # type: ignore[misc]
    """Train on the past, test on the next stretch, and leave out what the two would share.

    The label of row i is known at row i + `span`. A test fold that starts at row a is therefore preceded by training
    rows i with i + `span` + `embargo` < a: the last training label is known before the first test row. After
    M. López de Prado, *Advances in Financial Machine Learning* (2018), chapter 7, restricted to training rows that
    precede the test.

    Args:
        n_splits: Number of test folds, equally long but for rounding.
        span: Rows until a label is known.
        embargo: Rows left out on top of the purge.
        start: Share of the rows, in (0, 1), that lies before the first test fold.
    """

    def __init__(self, n_splits: int = 5, *, span: int = 1, embargo: int = 0, start: float = 0.5) -> None:
        if n_splits < 1 or span < 1 or embargo < 0 or not 0 < start < 1:
            raise ValueError(
                f"n_splits={n_splits} and span={span} must be positive, "
                f"embargo={embargo} not negative, start={start} between 0 and 1"
            )
        self.n_splits = n_splits
        self.span = span
        self.embargo = embargo
        self.start = start

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Rows, Rows]]:  # noqa: ARG002
        """Positions of training and test rows, earliest test first.

        Raises:
            ValueError: Too few rows for every fold to have a training and a test row.
        """
        rows = X if isinstance(X, int) else len(X)
        edges = np.linspace(round(rows * self.start), rows, self.n_splits + 1).round().astype(int)
        if edges[0] - self.span - self.embargo < 1 or (np.diff(edges) < 1).any():
            raise ValueError(
                f"{rows} rows are too few for {self.n_splits} folds from {self.start:.0%} on "
                f"with a purge of {self.span} and an embargo of {self.embargo} rows"
            )
        for first, end in pairwise(edges):
            yield np.arange(first - self.span - self.embargo), np.arange(first, end)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002
        return self.n_splits


@dataclass(frozen=True)
class Fold:
    """One walk-forward fold: positions of labelled training and test rows, ascending."""

    train: Rows
    test: Rows


@dataclass(frozen=True)
class WalkForward:
    """The folds of one model: parameters are chosen on `selection`, skill is measured on the later `evidence`.

    No label of a selection row reaches into the evidence, so the measured skill owes nothing to the search.
    """

    selection: tuple[Fold, ...] = ()
    evidence: tuple[Fold, ...] = ()

    @property
    def all(self) -> tuple[Fold, ...]:
        return self.selection + self.evidence


SELECTION_FOLDS = 2
EVIDENCE_START = 0.5
SELECTION_START = 0.6  # of the rows before the evidence


def walk_forward(labelled: NDArray[np.bool_], span: int, folds: int, embargo: int) -> WalkForward:
    """Selection and evidence folds over rows of which `labelled`, shape (n,), says whether the label is known.

    Raises:
        ValueError: Too few rows.
    """
    rows = int(np.flatnonzero(labelled)[-1]) + 1 if labelled.any() else 0
    before = round(rows * EVIDENCE_START) - span - embargo
    select = PurgedWalkForward(SELECTION_FOLDS, span=span, embargo=embargo, start=SELECTION_START)
    prove = PurgedWalkForward(folds, span=span, embargo=embargo, start=EVIDENCE_START)
    return WalkForward(_labelled(select.split(before), labelled), _labelled(prove.split(rows), labelled))


def _labelled(splits: Iterator[tuple[Rows, Rows]], labelled: NDArray[np.bool_]) -> tuple[Fold, ...]:
    if labelled[: int(labelled.sum())].all():  # none is missing before the last
        return tuple(Fold(train, test) for train, test in splits)
    return tuple(Fold(train[labelled[train]], test[labelled[test]]) for train, test in splits)


def thinned(rows: Rows, span: int) -> tuple[Rows, float]:
    """Every s-th row, the oldest included, and the average uniqueness of what is left.

    Labels of neighbouring rows overlap over `span` rows and say nearly the same. Of `span` rows about four are kept,
    each weighted s / span, its average uniqueness (López de Prado 2018, section 4.4), so that the weights sum to the
    number of independent labels, len(rows) / span. They are counted from the oldest row: a new row then leaves the
    others as they were. Counted from the newest, every day was trained on other rows than the day before, and numbers
    20 rows ahead moved by up to 10 points.
    """
    stride = max(1, span // 4)
    return rows[::stride], stride / span
