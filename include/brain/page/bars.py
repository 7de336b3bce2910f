"""How bars arrive: when the last one of each topic came, how far it is behind, and what was refused lately."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from brain.warehouse.bars import BAR_DEAD_LETTERS, BAR_OFFSETS, BARS

if TYPE_CHECKING:
    from brain.page.reading import Reader

LATELY = timedelta(days=7)  # before the last reading, for which refusals are told
MOST_TOPICS, MOST_REASONS = 200, 20

# The newest bar of each symbol by the key, symbol after symbol: a look at whole months of bars would take too long.
_NEWEST = """
WITH RECURSIVE known AS (
    (SELECT symbol FROM bars ORDER BY symbol LIMIT 1)
    UNION ALL
    SELECT (SELECT symbol FROM bars WHERE symbol > known.symbol ORDER BY symbol LIMIT 1) FROM known
    WHERE known.symbol IS NOT NULL
), newest AS (
    SELECT origin, at FROM known CROSS JOIN LATERAL
        (SELECT origin, at FROM bars WHERE bars.symbol = known.symbol ORDER BY at DESC LIMIT 1) AS last
    WHERE known.symbol IS NOT NULL
)
SELECT topic, count(DISTINCT partition) AS partitions, max(newest.at) AS newest, count(newest.at) AS symbols,
    (SELECT max(arrived_at) FROM bar_offsets AS of WHERE of.topic = read.topic) AS read_at,
    (SELECT sum(messages)::bigint FROM bar_offsets AS of WHERE of.topic = read.topic) AS messages,
    (SELECT sum(lost)::bigint FROM bar_offsets AS of WHERE of.topic = read.topic) AS lost,
    (SELECT count(*) FROM bar_dead_letters AS letter WHERE letter.topic = read.topic AND arrived_at > %s) AS refused,
    count(*) OVER () AS there, max(max(newest.at)) OVER () AS of_all
FROM bar_offsets AS read LEFT JOIN newest USING (origin) GROUP BY topic ORDER BY newest NULLS FIRST, topic LIMIT %s
"""
_LAST = "SELECT max(arrived_at) FROM bar_offsets"
_REFUSED = "SELECT count(*) FROM bar_dead_letters WHERE arrived_at > %s"
_REASONS = """
SELECT reason, count(*) AS messages, count(DISTINCT topic) AS topics, max(arrived_at) AS last FROM bar_dead_letters
WHERE arrived_at > %s GROUP BY reason ORDER BY messages DESC, reason LIMIT %s
"""


def arriving(reader: Reader) -> dict[str, Any] | None:
    """What the warehouse knows of the topics of bars; None where none has been read.

    Returns:
        ``topics``, those first that are most behind: ``newest``, the time of the newest bar; ``behind``, seconds it
        is before the newest of all topics; ``read_at``, the run that last found something; ``messages``, ``lost``,
        and ``refused`` lately; ``there``: how many topics there are. ``refused`` and ``reasons`` of all
        refusals since ``since``.
    """
    if not all(map(reader.has, (BARS.identifier, BAR_OFFSETS.identifier, BAR_DEAD_LETTERS.identifier))):
        return None
    ((last,),) = reader.rows(_LAST)
    if last is None:
        return None
    since = last - LATELY
    topics = reader.records(_NEWEST, [since, MOST_TOPICS])
    newest = topics[0]["of_all"]
    for one in topics:
        one["behind"] = (newest - one["newest"]).total_seconds() if one["newest"] else None
    return {
        "topics": topics,
        "there": topics[0]["there"],
        "newest": newest,
        "read_at": last,
        "since": since,
        "refused": reader.rows(_REFUSED, [since])[0][0],
        "reasons": reader.records(_REASONS, [since, MOST_REASONS]),
    }
