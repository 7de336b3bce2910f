"""Real bars and labelled readings that packages carry; nothing is downloaded, what is not there is left out."""

from __future__ import annotations

import importlib.util
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from brain.usecases.anomalies.series import Series

ROOT = Path(__file__).parents[2]
# Debian's r-cran-timeseries; or its file, unpacked by `dpkg -x` and put into .brain.
RDB = (Path("/usr/lib/R/site-library/timeSeries/data/Rdata.rdb"), ROOT / ".brain" / "Rdata.rdb")
USDCHF_PLACE, USDCHF_BARS = 32410, 62_496


def eurusd() -> Series | None:
    """6,225 hourly bars of 2017 (gym-anytrading, MIT)."""
    path = _inside("gym_anytrading", "datasets/data/FOREX_EURUSD_1H_ASK.csv")
    if path is None:
        return None
    found = pd.read_csv(path)
    at = pd.to_datetime(found["Time"], format="%d.%m.%Y %H:%M:%S.%f").astype("datetime64[s]").astype(np.int64)
    value, volume = (found[name].to_numpy(float) for name in ("Close", "Volume"))
    return Series("EURUSD", at.to_numpy().astype(float), value, volume)


def usdchf() -> Series | None:
    """62,496 half-hour closes from April 1996 to March 2001 (timeSeries of R, GPL)."""
    path = next((path for path in RDB if path.exists()), None)
    if path is None:
        return None
    content = zlib.decompress(path.read_bytes()[USDCHF_PLACE + 4 :])
    size = USDCHF_BARS.to_bytes(4, "big")  # R writes a vector as its length and big-endian doubles
    first = content.index(size) + 4
    second = content.index(size, first + 8 * USDCHF_BARS + 64) + 4
    value, at = (np.frombuffer(content, ">f8", USDCHF_BARS, start).astype(float) for start in (first, second))
    return Series("USDCHF", at, value, np.full(USDCHF_BARS, np.nan), "Europe/Zurich")


def daphnet() -> dict[str, tuple[Series, np.ndarray]]:
    """By channel, readings of one patient's accelerometers, and whether her gait was frozen (aeon, BSD)."""
    path = _inside("aeon", "datasets/data/Daphnet_S06R02E0/S06R02E0.csv")
    if path is None:
        return {}
    found = pd.read_csv(path)
    at = pd.to_datetime(found["timestamp"]).astype("datetime64[ms]").astype(np.int64).to_numpy() / 1000
    none, frozen = np.full(len(at), np.nan), found["is_anomaly"].to_numpy(bool)
    channels = [name for name in found.columns if name not in ("timestamp", "is_anomaly")]
    return {name: (Series(name, at, found[name].to_numpy(float), none), frozen) for name in channels}


def _inside(package: str, path: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    found = None if spec is None or spec.origin is None else Path(spec.origin).parent / path
    return found if found is not None and found.exists() else None
