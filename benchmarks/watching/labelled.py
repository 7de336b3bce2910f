"""Series with labelled anomalies that packages carry, in groups by where they come from."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.rivals.environment import HOME, UV
from benchmarks.watching.data import bleeding
from brain.usecases.anomalies.series import Series

REQUIREMENTS = Path(__file__).parent / "requirements.txt"
PAST = 0.4  # of the readings, or all before the first label where that comes sooner: what is learned on


@dataclass(frozen=True)
class Feed:
    """Series that are watched together.

    Args:
        labels: By series, which readings are labelled.
        cut: The time from which on they are judged.
    """

    series: dict[str, Series]
    labels: dict[str, np.ndarray]
    cut: float


@dataclass(frozen=True)
class Group:
    """Feeds of one kind.

    Args:
        source: The package, and who has labelled.
    """

    name: str
    source: str
    feeds: tuple[Feed, ...]


def groups(*, wheels: bool) -> list[Group]:
    """All that can be had; without `wheels` only what the development environment has."""
    found = []
    pressure = bleeding()
    if pressure is not None:
        series, labels = pressure
        found.append(Group("blood pressure", "aeon: UCR 135", (_feed({"pressure": (series, labels)}),)))
    if wheels:
        folder = _unpacked()
        found += [_heart(folder), _web(folder), _accelerometer(folder), _solar(folder)]
    return found


def _heart(folder: Path) -> Group:
    """An electrocardiogram of the MIT-BIH arrhythmia database, one stretch labelled."""
    given = _table(folder / "sktime/datasets/data/mitdb/mitdb.csv", "data", "label")
    return Group("electrocardiogram", "sktime: MIT-BIH", (_feed({"ecg": given}),))


def _web(folder: Path) -> Group:
    """Two hourly series of Yahoo's S5."""
    feeds = (
        _feed({"yahoo": _table(folder / "sktime/datasets/data/yahoo/yahoo.csv", "data", "label", step=3600.0)}),
        _feed({"uniDS": _table(folder / "streamad/util/data/uniDS.csv", "value", "label")}),
    )
    return Group("web traffic", "sktime and streamad: Yahoo S5", feeds)


def _accelerometer(folder: Path) -> Group:
    """Three axes, a reading a minute, one minute labelled."""
    path = folder / "streamad/util/data/multiDS.csv"
    return Group(
        "accelerometer", "streamad: multiDS", (_feed({n: _table(path, n, "label") for n in ("v1", "v2", "v3")}),)
    )


def _solar(folder: Path) -> Group:
    """Power of an inverter every quarter of an hour; the package's authors have put three stuck stretches into it.

    The first is so early that nothing can be learned before it: it stays in the past, which ends before the third, and
    so does the second; nobody is told.
    """
    path = folder / "pvanalytics/data/ac_power_inv_2173_stale_data.csv"
    series, labels = _table(path, "value_normalized", "stale_data_mask")
    cut = float(series.at[(_stretches(labels)[1][1] + _stretches(labels)[2][0]) // 2])
    feed = Feed({"inverter": series}, {"inverter": labels}, cut)
    return Group("solar power", "pvanalytics: inverter 2173, stuck values put in", (feed,))


def _feed(given: dict[str, tuple[Series, np.ndarray]]) -> Feed:
    cut = np.inf
    for series, labels in given.values():
        first = min(int(np.flatnonzero(labels)[0]), int(len(series) * PAST))
        cut = min(cut, float(series.at[first]))
    return Feed({n: one for n, (one, _) in given.items()}, {n: labels for n, (_, labels) in given.items()}, cut)


def _stretches(labels: np.ndarray) -> np.ndarray:
    """First and after the last of each labelled stretch, shape (stretches, 2)."""
    found: np.ndarray = np.flatnonzero(np.diff(np.concatenate([[0], labels.astype(int), [0]]))).reshape(-1, 2)
    return found


def _table(path: Path, value: str, label: str, step: float = 1.0) -> tuple[Series, np.ndarray]:
    """A series and its labels; readings that are missing are left out.

    Args:
        step: Seconds between two readings, where the file tells no time.
    """
    table = pd.read_csv(path)
    table = table[table[value].notna()]
    if "timestamp" in table:
        at = pd.to_datetime(table["timestamp"]).to_numpy("datetime64[s]").astype(np.int64).astype(float)
    else:
        at = table.index.to_numpy(float) * step
    none = np.full(len(table), np.nan)
    return Series(value, at, table[value].to_numpy(float), none), table[label].to_numpy(float) == 1


def _unpacked() -> Path:
    """The wheels' files, got on first use and whenever others are asked for."""
    folder, ready = HOME / "labelled", HOME / "labelled" / "ready"
    wanted = REQUIREMENTS.read_text()
    if not ready.exists() or ready.read_text() != wanted:
        install = ["pip", "install", "-q", "--no-deps", "--target", str(folder), "-r", str(REQUIREMENTS)]
        subprocess.run([*UV, *install], check=True)
        ready.write_text(wanted)
    return folder
