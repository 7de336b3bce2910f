"""Forecasts of folds that another fit would only repeat: found again by all that makes them.

A day's new row moves the edges of the folds, but most fits start from the same training rows as the day before, above
all where labels overlap and rows are thinned. What such a fit would say is kept under a hash of its recipe, rows,
labels, code and libraries. So a correction, another release or another version of a library finds nothing, and the fits
that it concerns are made again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.core.own_code import hash_of_code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Rows = NDArray[np.intp]
    Values = NDArray[np.float64]

STEP = 64
"""Forecasts are made for a multiple of so many rows.

A product of matrices has other last bits at another place or in another number of rows. With the first row given by the
training rows, and a number of rows that seldom changes, a row gets the same bits however many rows follow it.
"""

_CODE = ("learning", "portable")
_LIBRARIES = ("numpy", "pandas", "scikit-learn", "lightgbm", "scipy")


def made_by() -> str:
    """A hash of the code and the libraries that make forecasts."""
    return hash_of_code(_CODE, _LIBRARIES)


@dataclass(frozen=True)
class Stretch:
    """The rows about which a model is asked, from the first that follows its training rows.

    Args:
        first: Position of the first.
        length: How many; a multiple of `STEP`, and more than there are where the table ends before.
    """

    first: int
    length: int

    @classmethod
    def covering(cls, first: int, last: int) -> Stretch:
        """The stretch from `first` on that holds the row `last`."""
        return cls(first, -(-(last + 1 - first) // STEP) * STEP)

    def known(self, X: Values) -> Values:
        """Those of its rows that `X`, shape (n, d), has."""
        return X[self.first : self.first + self.length]

    def filled(self, X: Values) -> Values:
        """All its rows; the last one known stands in for those that are not, shape (length, d)."""
        rows = np.minimum(np.arange(self.first, self.first + self.length), len(X) - 1)
        filled: Values = X[rows]
        return filled


@dataclass(frozen=True)
class Said:
    """What a model said of the rows that follow its training rows.

    Args:
        rows_sha256: Hash of these rows.
        center: Mean log-odds over the training rows.
        odds: Log-odds of these rows, shape (n,).
    """

    rows_sha256: str
    center: float
    odds: Values


@dataclass
class KeptForecasts:
    """What is kept of one model, and what its training now has used or made.

    Args:
        known: Said before, by a hash of all that made it.
        said: Of this training: what is to be kept next.
        found: How many forecasts were found.
    """

    known: Mapping[str, Said] = field(default_factory=dict)
    said: dict[str, Said] = field(default_factory=dict)
    found: int = 0

    def find(self, key: str, X: Values, stretch: Stretch, last: int) -> Said | None:
        """What is known of the rows up to the position `last`, if these rows of `X` are still the same."""
        kept = self.known.get(key) or self.said.get(key)
        if kept is None or stretch.first + len(kept.odds) <= last:
            return None
        if sha256_of(X[stretch.first : stretch.first + len(kept.odds)]) != kept.rows_sha256:
            return None
        self.found += key not in self.said
        self.said[key] = kept
        return kept

    def keep(self, key: str, X: Values, stretch: Stretch, center: float, odds: Values) -> Said:
        """Keep what was said of a stretch; what stands in for rows that are not known yet is left out."""
        known = stretch.known(X)
        self.said[key] = Said(sha256_of(known), center, odds[: len(known)])
        return self.said[key]


def key_of(recipe: Mapping[str, Any], weight: float, rows_sha256: str, labels_sha256: str, stretch: Stretch) -> str:
    """A hash of all that decides what a model says of a stretch, but for the rows of the stretch."""
    told = [made_by(), dict(recipe), weight, rows_sha256, labels_sha256, stretch.length]
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def sha256_of(values: Values) -> str:
    """Hash of numbers, bit for bit."""
    return sha256(np.ascontiguousarray(values).data).hexdigest()


def growing_sha256(values: Values, ends: Rows) -> dict[int, str]:
    """By number of rows, the hash of that many first rows of `values`, each row hashed once."""
    told, done, hashes = sha256(), 0, {}
    for end in sorted({int(end) for end in ends}):
        told.update(np.ascontiguousarray(values[done:end]).data)
        done, hashes[end] = end, told.copy().hexdigest()
    return hashes


def to_bytes(kept: Mapping[str, Mapping[str, Said]]) -> bytes:
    """What is kept of several models, by name: a line of JSON, then all log-odds one after another."""
    names = [(name, key, said) for name, model in sorted(kept.items()) for key, said in sorted(model.items())]
    told = [[name, key, said.rows_sha256, said.center, len(said.odds)] for name, key, said in names]
    odds = [said.odds.astype("<f8").tobytes() for _, _, said in names]
    return json.dumps({"made_by": made_by(), "said": told}).encode() + b"\n" + b"".join(odds)


def from_bytes(content: bytes) -> dict[str, dict[str, Said]] | None:
    """The reverse of `to_bytes`; None where another code or other libraries have made it.

    Raises:
        ValueError: It is nothing of the kind.
    """
    first, _, rest = content.partition(b"\n")
    told = json.loads(first)
    if told["made_by"] != made_by():
        return None
    kept: dict[str, dict[str, Said]] = {}
    values, place = np.frombuffer(rest, "<f8").astype(np.float64), 0
    for name, key, rows_sha256, center, length in told["said"]:
        kept.setdefault(name, {})[key] = Said(rows_sha256, center, values[place : place + length])
        place += length
    if place != len(values):
        raise ValueError(f"{len(values)} log-odds; expected {place}")
    return kept
