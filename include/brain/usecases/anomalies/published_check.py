"""The gate in front of the published tables: the rows of a run, before they replace the last ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from brain.quality.engine import validate
from brain.quality.result import GateResult
from brain.quality.rules import between
from brain.usecases.anomalies.tables import ANOMALIES, ANOMALY_FEEDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brain.core.moment import Moment

_RULES = (
    between("alerts", "fail", "anomalies", "score", "{count} anomalies below the threshold ({examples})", min_value=1),
    between("ends_after_start", "fail", "anomalies", "seconds", "{count} anomalies end before they start ({examples})",
        min_value=0),
    between("not_from_the_future", "fail", "anomalies", "ahead", "{count} anomalies after the moment ({examples})",
        max_value=0),
    between("few", "warn", "table", "by_symbol",
        "{found} new anomalies a watched symbol: far above the budget; look at the feed before the symbols",
        max_value=10),
)  # fmt: skip


def check_anomalies(rows: Mapping[str, pd.DataFrame], moment: Moment) -> GateResult:
    """Judge the rows about to be published."""
    found, feeds = rows[ANOMALIES.name], rows[ANOMALY_FEEDS.name]
    started, ended = (pd.to_datetime(found[name], utc=True) for name in ("started_at", "ended_at"))
    facts = pd.DataFrame(
        {
            "anomaly": found["anomaly"],
            "score": found["score"].astype(float),
            "seconds": (ended - started).dt.total_seconds(),
            "ahead": (ended - pd.Timestamp(moment.at)).dt.total_seconds(),
        }
    )
    watched = float(feeds["symbols"].fillna(0).sum())
    new = float(feeds["anomalies"].fillna(0).sum())
    table = pd.DataFrame([{"by_symbol": new / watched if watched else 0.0}])
    given = {"table": table} if facts.empty else {"anomalies": facts, "table": table}
    rules = tuple(rule for rule in _RULES if rule.suite in given)
    findings, results = validate(rules, given, {"anomalies": "anomaly"}, ANOMALIES.name)
    return GateResult(ANOMALIES.name, len(found), tuple(rule.name for rule in rules), tuple(findings), results)
