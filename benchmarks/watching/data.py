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


def daphnet() -> dict[str, Series]:
    """By channel, 7,040 readings of one patient's accelerometers (aeon, BSD); no freeze of her gait is among them."""
    path = _inside("aeon", "datasets/data/Daphnet_S06R02E0/S06R02E0.csv")
    if path is None:
        return {}
    found = pd.read_csv(path)
    at = pd.to_datetime(found["timestamp"]).astype("datetime64[ms]").astype(np.int64).to_numpy() / 1000
    none = np.full(len(at), np.nan)
    channels = [name for name in found.columns if name not in ("timestamp", "is_anomaly")]
    return {name: Series(name, at, found[name].to_numpy(float), none) for name in channels}


def bleeding() -> tuple[Series, np.ndarray] | None:
    """Blood pressure with 12 of 7,501 readings labelled, after a past without (UCR 135, in aeon), and the labels."""
    folder = "datasets/data/KDD-TSAD_135/135_UCR_Anomaly_InternalBleeding16_"
    paths = [_inside("aeon", f"{folder}{part}.csv") for part in ("TRAIN", "TEST")]
    if None in paths:
        return None
    parts = [pd.read_csv(path) for path in paths if path is not None]
    whole = pd.concat([part[["value"]].assign(label=part.iloc[:, -1] == 1) for part in parts])
    label = np.concatenate([np.zeros(len(parts[0]), bool), parts[1]["is_anomaly"].to_numpy(bool)])
    value = whole["value"].to_numpy(float)
    return Series("UCR 135", np.arange(len(value)).astype(float), value, np.full(len(value), np.nan)), label


def _inside(package: str, path: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    found = None if spec is None or spec.origin is None else Path(spec.origin).parent / path
    return found if found is not None and found.exists() else None
