"""The detectors, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brain.usecases.anomalies.detectors.burst import Burst
from brain.usecases.anomalies.detectors.drift import Drift
from brain.usecases.anomalies.detectors.forest import IsolationForest
from brain.usecases.anomalies.detectors.gap import Gap
from brain.usecases.anomalies.detectors.jump import Jump
from brain.usecases.anomalies.detectors.lstm import Lstm
from brain.usecases.anomalies.detectors.robust_z import RobustZ
from brain.usecases.anomalies.detectors.spectral import SpectralResidual
from brain.usecases.anomalies.detectors.stuck import Stuck
from brain.usecases.anomalies.detectors.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brain.usecases.anomalies.detectors.detector import Detector

_ALL: tuple[Detector, ...] = (
    RobustZ(),
    Jump(),
    Stuck(),
    Burst(),
    Drift(),
    Gap(),
    Volume(),
    SpectralResidual(),
    IsolationForest(),
    Lstm(),
)
DETECTORS: Mapping[str, Detector] = {detector.name: detector for detector in _ALL}
