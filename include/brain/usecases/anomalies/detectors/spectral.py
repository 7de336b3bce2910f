"""Spectral residual: what stands out of the usual spectrum of the last values (Ren et al., KDD 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brain.usecases.anomalies.detectors.rule import Rule, column
from brain.usecases.anomalies.detectors.windows import last

if TYPE_CHECKING:
    from brain.usecases.anomalies.detectors.detector import Known, Values

WINDOW, SMOOTH, AHEAD, BASIS, SLOPES = 64, 3, 5, 21, 5
BLOCK = 20_000  # bars at a time, for memory


class SpectralResidual(Rule):
    """Saliency of the last value beside the mean of those before it, as the paper has it: a window a bar."""

    name, kind = "spectral_residual", "strange shape"
    about = "a value that stands out of the spectrum of the last ones"
    features = ("saliency",)
    bars_before = WINDOW

    def look(self, known: Known) -> Values:
        z = np.clip(known.moves.z, -50, 50)  # a path that wanders has its spectrum at its ends
        parts = [saliency(windows) for windows in _blocks(last(z, WINDOW))]
        return column(np.concatenate(parts) if parts else np.empty(0))


def saliency(windows: Values) -> Values:
    """How far the saliency of each window's last value is above that of those before it, in units of it; shape (n,)."""
    slope = (windows[:, -1:] - windows[:, -1 - SLOPES : -1]) / np.arange(SLOPES, 0, -1)
    ahead = windows[:, -SLOPES : -SLOPES + 1] + slope.mean(axis=1, keepdims=True) * SLOPES
    extended = np.concatenate([windows, np.repeat(ahead, AHEAD, axis=1)], axis=1)
    spectrum = np.fft.fft(extended - extended.mean(axis=1, keepdims=True), axis=1)
    amplitude = np.maximum(np.abs(spectrum), 1e-8)
    logs = np.log(amplitude)
    usual = sum(np.roll(logs, shift, axis=1) for shift in range(-(SMOOTH // 2), SMOOTH // 2 + 1)) / SMOOTH
    stands = np.abs(np.fft.ifft(np.exp(logs - usual) * spectrum / amplitude, axis=1))
    at = windows.shape[1] - 1
    basis = stands[:, at - BASIS : at].mean(axis=1)
    found: Values = (stands[:, at] - basis) / np.maximum(basis, 1e-8)
    return np.maximum(found, 0.0)


def _blocks(windows: Values) -> list[Values]:
    return [windows[start : start + BLOCK] for start in range(0, len(windows), BLOCK)]
