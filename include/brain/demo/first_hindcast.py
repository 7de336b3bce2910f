"""The small hindcast that the demo begins with, so that its ledger has something to show on the first day."""

from __future__ import annotations

from datetime import date

UNITS = ("AAPL", "JPM", "XOM")
TARGETS = ("5", "20")
FIRST, LAST, EVERY = date(2021, 11, 30), date(2022, 10, 31), "month"
