"""How well scores point at labelled stretches: average precision, and the volume under the surface of precision-recall.

VUS-PR is of Paparrizos et al., VLDB 2022: the area under precision and recall with labels that fade in and out around
each stretch, averaged over how far they fade. Written anew: the package `vus` pulls TensorFlow.
"""

from __future__ import annotations

import numpy as np

THRESHOLDS, WIDTHS = 200, 8


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """Mean precision over the labelled bars, taken in descending order of score; ties share theirs."""
    order = np.argsort(-scores, kind="stable")
    found, ranked = np.cumsum(labels[order]), scores[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    precision, recall = found[last] / (last + 1), found[last] / max(found[-1], 1)
    return float(np.sum(np.diff(np.append(0.0, recall)) * precision))


def vus_pr(labels: np.ndarray, scores: np.ndarray, widest: int) -> float:
    """Volume under the surface, over fading widths from 0 to `widest`."""
    widths = np.unique(np.linspace(0, widest, WIDTHS).astype(int))
    return float(np.mean([_area(labels, scores, int(width)) for width in widths]))


def _area(labels: np.ndarray, scores: np.ndarray, width: int) -> float:
    """Area under range-based precision and recall with labels that fade over `width` bars, half on each side."""
    soft, stretches = _fading(labels, width)
    positive = (labels.sum() + soft.sum()) / 2
    limits = np.unique(np.quantile(scores, np.linspace(1, 0, THRESHOLDS)))[::-1]
    points = [(0.0, 1.0)]
    for limit in limits:
        said = scores >= limit
        hit = float(np.sum(soft * said))
        exists = float(np.mean([said[first:last].any() for first, last in stretches]))
        points.append((min(hit / positive, 1.0) * exists, hit / said.sum()))
    recall, precision = map(np.array, zip(*points, strict=True))
    return float(np.sum(np.diff(recall) * precision[1:]))


def _fading(labels: np.ndarray, width: int) -> tuple[np.ndarray, list[tuple[int, int]]]:
    edges = np.diff(np.concatenate([[0], labels.astype(int), [0]]))
    soft, half = labels.astype(float), width // 2
    stretches = []
    for first, last in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        for away in range(1, half + 1):
            weight = np.sqrt(1 - away / width)
            for place in (first - away, last - 1 + away):
                if 0 <= place < len(soft):
                    soft[place] = max(soft[place], weight)
        stretches.append((max(int(first) - half, 0), min(int(last) + half, len(soft))))
    return soft, stretches
