"""A picture of an anomaly, for the mail: what it reads, what is usual, and from when to when it is strange."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING

from brain.warehouse.read import ask

if TYPE_CHECKING:
    from datetime import datetime

    from pydantic import SecretStr

    from brain.warehouse.notices import Place

INCHES, DOTS = (7.2, 3.2), 110
AROUND = timedelta(hours=12)  # shown before and after, at least; twice its own length where that is more
BARS = 4000  # more are no picture
INK, BAND, MARK = "#20456b", "#b9cfe4", "#c0392b"

_OF = "SELECT feed, symbol, kind, started_at, ended_at FROM anomalies WHERE anomaly = %s"
_AROUND = (
    "SELECT at, value, usual_low, usual_high FROM anomaly_scores"
    " WHERE feed = %s AND symbol = %s AND at BETWEEN %s AND %s ORDER BY at LIMIT %s"
)


def picture(url: SecretStr, place: Place) -> bytes | None:
    """A PNG of the anomaly that a notice is about; None where its bars are not among the scores any more."""
    found = ask(url, _OF, (place.subject,)).rows
    if not found:
        return None
    feed, symbol, kind, start, end = found[0]
    around = max(AROUND, 2 * (end - start))
    rows = ask(url, _AROUND, (feed, symbol, start - around, end + around, BARS)).rows
    return _drawn(f"{symbol}: {kind}, {start:%Y-%m-%d %H:%M} UTC", rows, start, end) if rows else None


def _drawn(title: str, rows: list[tuple[datetime, float, float | None, float | None]], *marked: datetime) -> bytes:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    at, value, low, high = zip(*rows, strict=True)
    start, end = marked
    figure = Figure(figsize=INCHES, dpi=DOTS, layout="constrained")
    axes = figure.subplots()
    nothing = float("nan")
    axes.fill_between(
        at,
        [nothing if one is None else one for one in low],
        [nothing if one is None else one for one in high],
        color=BAND,
        linewidth=0,
        label="usual",
    )
    axes.plot(at, value, color=INK, linewidth=1.2, label="seen")
    axes.axvspan(start, end, color=MARK, alpha=0.18)  # type: ignore[arg-type]  # it takes dates as `plot` does
    axes.axvline(start, color=MARK, linewidth=1)  # type: ignore[arg-type]
    axes.set_title(title.replace("$", r"\$"), loc="left", fontsize=10)  # else matplotlib reads a formula
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="best")
    target = io.BytesIO()
    figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()
