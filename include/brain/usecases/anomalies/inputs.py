"""Which tables extraction reads for a feed, and the gate in front of its bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brain.core.source_table import KeyKind, SourceTable
from brain.core.table_settings import ExtractionSettings
from brain.quality.facts import Facts
from brain.quality.rules import between
from brain.usecases.anomalies.names import KEY, NAME, NOTE, SPACE, VERDICT, feedback_name
from brain.usecases.protocol import Input

if TYPE_CHECKING:
    from brain.core.moment import Moment
    from brain.quality.gate import Check
    from brain.usecases.anomalies.catalogue import AnomaliesSection, Feed

_RULES = (
    between("values", "warn", "table", "unknown",
        "a share of {found} of the lines without a finite value: they are left out", max_value=0.05),
    between("repeated", "warn", "table", "repeated",
        "a share of {found} of the lines has a symbol and time that is there twice: one counts", max_value=0.0),
)  # fmt: skip


def feed_inputs(section: AnomaliesSection, feed: Feed) -> tuple[Input, ...]:
    """The bars, and the table in which people confirm or dismiss if the catalogue names one; it may be empty."""
    numbers = tuple(filter(None, [feed.value, feed.volume]))
    bars = SourceTable(
        use_case=NAME,
        space=SPACE,
        name=feed.name,
        table=feed.table,
        key=(feed.time,),
        kind=KeyKind.EVENTS,
        required=tuple(dict.fromkeys(filter(None, [feed.symbol, *numbers]))),
        numeric=numbers,
        extraction=section.extraction,
        retention=section.retention,
        database=feed.database,
        changed=feed.changed,
        identity=tuple(filter(None, [feed.symbol])),
    )
    if section.feedback is None:
        return (Input(bars, bars_check(feed)),)
    called = feedback_name(feed.name)
    told = SourceTable(
        use_case=NAME,
        space=SPACE,
        name=called,
        table=section.feedback,
        key=(KEY,),
        kind=KeyKind.NAMES,
        required=(VERDICT, NOTE),
        extraction=ExtractionSettings(max_loss=1.0),
        retention=section.retention,
        may_be_empty=True,
    )
    return Input(bars, bars_check(feed)), Input(told, _anything(called))


def bars_check(feed: Feed) -> Check:
    """What the gate says of new bars; strange ones are what detectors are for, so it only warns."""

    def check(frame: pd.DataFrame, moment: Moment, /, *, total_rows: int, unchanged: bool) -> Facts:  # noqa: ARG001
        return Facts(feed.name, len(frame), _RULES, {"table": bar_facts(frame, feed)})

    return check


def bar_facts(frame: pd.DataFrame, feed: Feed) -> pd.DataFrame:
    """One line: shares of the lines in `frame`; NaN where there is none."""
    values = frame[feed.value].astype("Float64").to_numpy(np.float64, na_value=np.nan)
    again = frame.duplicated([name for name in (feed.symbol, feed.time) if name]).to_numpy()
    shares = {"unknown": ~np.isfinite(values), "repeated": again}
    facts = {name: round(float(np.mean(where)), 4) if len(frame) else np.nan for name, where in shares.items()}
    return pd.DataFrame([facts], dtype=np.float64)


def _anything(subject: str) -> Check:
    def check(frame: pd.DataFrame, moment: Moment, /, *, total_rows: int, unchanged: bool) -> Facts:  # noqa: ARG001
        return Facts(subject, len(frame))

    return check
