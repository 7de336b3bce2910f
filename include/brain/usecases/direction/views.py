"""What people ask of direction's ledger in SQL: how good, since when, which claims held, what is fresh."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import sql

from brain.usecases.direction.ledger import PROBABILITY_LEDGER
from brain.usecases.direction.names import NAME
from brain.usecases.direction.tables import PROBABILITY_DETAILS
from brain.usecases.protocol import Overview
from brain.warehouse.feature_drift import FEATURE_DRIFT
from brain.warehouse.pools import POOLS
from brain.warehouse.tables import Column
from brain.warehouse.views import View

if TYPE_CHECKING:
    from collections.abc import Sequence

# 95 % quantiles of Student's t for 1, 2, … degrees of freedom: intervals of 90 %. Beyond them the last is near enough.
STUDENT = (
    *(6.3138, 2.9200, 2.3534, 2.1318, 2.0150, 1.9432, 1.8946, 1.8595, 1.8331, 1.8125),
    *(1.7959, 1.7823, 1.7709, 1.7613, 1.7531, 1.7459, 1.7396, 1.7341, 1.7291, 1.7247),
    *(1.7207, 1.7171, 1.7139, 1.7109, 1.7081, 1.7056, 1.7033, 1.7011, 1.6991, 1.6973),
)
SHOWN_CALLS = 20

LEDGER, BLOCKS, DETAILS = (
    PROBABILITY_LEDGER.layout.identifier,
    PROBABILITY_LEDGER.blocks.identifier,
    PROBABILITY_DETAILS.layout.identifier,
)
ASSET = Column("asset", "text", "Name of the asset.")
HORIZON = Column("horizon", "integer", "How many rows (trading days) after as_of the probability is about.")
HINDCAST = Column("hindcast", "boolean", "True for numbers that were computed after their day and nobody saw then.")
RESOLVED = Column("resolved", "bigint", "Numbers that have come true or not.")
SKILL = (
    Column("skill", "double precision", "1 - log_loss / base_log_loss: above 0 the numbers beat the base rate."),
    Column(
        "skill_low",
        "double precision",
        "Lower end of the interval of skill, at 90 %, from blocks of days twice as long as outcomes overlap; empty"
        " where there are fewer than two.",
    ),
    Column("skill_high", "double precision", "Its upper end."),
)
LOSSES = (
    Column("log_loss", "double precision", "Mean log loss of the probabilities, in nats; less is better."),
    Column("base_log_loss", "double precision", "The same of the base rates that were published with them."),
)


def _quantiles() -> sql.Composed:
    """Two-sided quantiles of the t distribution, by degrees of freedom."""
    values = [
        sql.SQL("({}, {}::double precision)").format(sql.Literal(degrees), sql.Literal(quantile))
        for degrees, quantile in enumerate(STUDENT, 1)
    ]
    return sql.SQL("(VALUES {}) AS student (degrees, quantile)").format(sql.SQL(", ").join(values))


CELL = ("asset", "horizon", "hindcast")


def _cells(where: str, by: Sequence[str] = CELL) -> sql.Composed:
    """Sums over the blocks, and the standard error of skill.

    Skill is a ratio of sums, so its error is that of what each block gains beyond it; neighbours may go together, and
    so may all that is summed into one block.
    """
    return sql.SQL(
        """
    WITH days AS (
        SELECT {by}, block, sum(resolved)::bigint AS resolved, sum(sum_hits) AS hits,
            sum(sum_happened) AS happened, sum(sum_said) AS said, sum(sum_base_said) AS base_said,
            sum(sum_log_loss) AS loss, sum(sum_base_log_loss) AS base_loss,
            sum(sum_brier) AS brier, sum(sum_base_brier) AS base_brier,
            min(first_as_of) AS first_as_of, max(last_as_of) AS last_as_of, max(last_known_at) AS last_known_at
        FROM {blocks} WHERE {where} GROUP BY {by}, block
    ), beyond AS (
        SELECT *, base_loss - loss - base_loss * (1 - sum(loss) OVER cell / nullif(sum(base_loss) OVER cell, 0)) AS gain
        FROM days WINDOW cell AS (PARTITION BY {by})
    ), beside AS (
        SELECT *, gain * lag(gain) OVER (PARTITION BY {by} ORDER BY block) AS together FROM beyond
    ), cells AS (
        SELECT {by}, sum(resolved)::bigint AS resolved, count(*) AS blocks, sum(hits) AS hits,
            sum(happened) AS happened, sum(said) AS said, sum(base_said) AS base_said, sum(loss) AS loss,
            sum(base_loss) AS base_loss, sum(brier) AS brier, sum(base_brier) AS base_brier,
            1 - sum(loss) / nullif(sum(base_loss), 0) AS skill,
            sqrt((sum(gain * gain) + greatest(2 * sum(together), 0)) * count(*) / nullif(count(*) - 1, 0))
                / nullif(sum(base_loss), 0) AS error,
            min(first_as_of) AS first_as_of, max(last_as_of) AS last_as_of, max(last_known_at) AS last_known_at
        FROM beside GROUP BY {by}
    )
    SELECT cells.*, skill - quantile * error AS skill_low, skill + quantile * error AS skill_high
    FROM cells LEFT JOIN {student} ON degrees = least(blocks - 1, {most})
    """
    ).format(
        by=sql.SQL(", ").join(map(sql.Identifier, by)),
        blocks=sql.Identifier(BLOCKS),
        where=sql.SQL(where),
        student=_quantiles(),
        most=sql.Literal(len(STUDENT)),
    )


_CARD = (
    RESOLVED,
    Column("hit_rate", "double precision", "Share of them on the right side of one half."),
    *LOSSES,
    *SKILL,
    Column("brier", "double precision", "Mean Brier score: the squared error."),
    Column("base_brier", "double precision", "The same of the base rates."),
    Column("mean_probability", "double precision", "What was said, on average."),
    Column("came_true", "double precision", "Share that came true: near mean_probability where it is calibrated."),
    Column("first_as_of", "date", "Day of the oldest of them."),
    Column("last_as_of", "date", "Day of the newest of them."),
    Column("last_outcome", "date", "The newest day on which an outcome was known."),
)


def _card(by: Sequence[str]) -> sql.Composed:
    return sql.SQL(
        "SELECT {by}, resolved, hits / resolved, loss / resolved, base_loss / resolved, skill,"
        " skill_low, skill_high, brier / resolved, base_brier / resolved, said / resolved, happened / resolved,"
        " first_as_of, last_as_of, last_known_at FROM ({cells}) AS card"
    ).format(by=sql.SQL(", ").join(map(sql.Identifier, by)), cells=_cells("true", by))


SCORECARD = View(
    name="model_scorecard",
    meaning="A row per asset and horizon: how good its published probabilities were, once their days had come.",
    columns=(ASSET, HORIZON, HINDCAST, *_CARD),
    select=_card(CELL),
    needs=(BLOCKS,),
)

HORIZON_SCORECARD = View(
    name="horizon_scorecard",
    meaning="A row per horizon: how good the published probabilities of all assets together were. Assets go together,"
    " so the interval of skill counts a block of days once, however many assets it has.",
    columns=(HORIZON, HINDCAST, *_CARD),
    select=_card(CELL[1:]),
    needs=(BLOCKS,),
)

CLAIMS = View(
    name="claims",
    meaning="A row per asset and horizon for which skill was ever claimed: since when, and what became of it.",
    columns=(
        ASSET,
        HORIZON,
        HINDCAST,
        Column("claimed_from", "date", "Day of the first number that claimed skill."),
        Column("claimed_until", "date", "Day of the last one."),
        Column("claimed", "bigint", "Numbers that claimed skill."),
        Column("resolved", "bigint", "Those of them that have come true or not."),
        *LOSSES,
        *SKILL,
        Column(
            "became",
            "text",
            "held: the interval of skill is above 0; failed: it is below 0; open: neither is certain yet.",
        ),
    ),
    select=sql.SQL(
        "SELECT asset, horizon, hindcast, claimed_from, claimed_until, claimed, coalesce(resolved, 0), loss / resolved,"
        " base_loss / resolved, skill, skill_low, skill_high,"
        " CASE WHEN skill_low > 0 THEN 'held' WHEN skill_high < 0 THEN 'failed' ELSE 'open' END"
        " FROM (SELECT asset, horizon, hindcast, min(as_of) AS claimed_from, max(as_of) AS claimed_until,"
        " count(*) AS claimed FROM {ledger} WHERE has_skill GROUP BY asset, horizon, hindcast) AS said"
        " LEFT JOIN ({cells}) AS card USING (asset, horizon, hindcast)"
    ).format(ledger=sql.Identifier(LEDGER), cells=_cells("claimed")),
    needs=(LEDGER, BLOCKS),
)

SKILL_OVER_TIME = View(
    name="skill_over_time",
    meaning="A row per horizon and block of days: how the skill of all assets together went, and where it stands.",
    columns=(
        HORIZON,
        HINDCAST,
        Column("since", "date", "First day of the block, by as_of."),
        RESOLVED,
        *LOSSES,
        Column("skill", "double precision", "1 - log_loss / base_log_loss of the block."),
        Column("skill_so_far", "double precision", "The same of all blocks up to this one."),
    ),
    select=sql.SQL(
        "SELECT horizon, hindcast, block, resolved, loss / resolved, base_loss / resolved,"
        " 1 - loss / nullif(base_loss, 0),"
        " 1 - sum(loss) OVER so_far / nullif(sum(base_loss) OVER so_far, 0)"
        " FROM (SELECT horizon, hindcast, block, sum(resolved)::bigint AS resolved, sum(sum_log_loss) AS loss,"
        " sum(sum_base_log_loss) AS base_loss FROM {blocks} GROUP BY horizon, hindcast, block) AS days"
        " WINDOW so_far AS (PARTITION BY horizon, hindcast ORDER BY block)"
    ).format(blocks=sql.Identifier(BLOCKS)),
    needs=(BLOCKS,),
)

RELIABILITY = View(
    name="reliability",
    meaning="A row per horizon and pool of probabilities: what was said and how often it came true. Brier ="
    " miscalibration - discrimination + uncertainty; each is over all of the horizon, and the same in its rows.",
    columns=(
        Column("horizon", "integer", "Rows ahead; empty over all horizons."),
        *POOLS.columns[3:],
    ),
    select=sql.SQL(
        "SELECT CASE WHEN target <> 'all' THEN target::integer END, {columns} FROM reliability_pools"
        " WHERE use_case = {name} AND ledger = {ledger}"
    ).format(
        columns=sql.SQL(", ").join(sql.Identifier(column.name) for column in POOLS.columns[3:]),
        name=sql.Literal(NAME),
        ledger=sql.Literal(PROBABILITY_LEDGER.name),
    ),
    needs=(POOLS.name,),
)


# A name as one word of a POSIX shell: nothing is special between apostrophes, and one itself is written '\''.
_IN_A_SHELL = sql.SQL("'''' || replace(asset, {apostrophe}, {escaped}) || ''''").format(
    apostrophe=sql.Literal("'"), escaped=sql.Literal("'\\''")
)


def _calls(call: str, order: str) -> sql.Composed:
    return sql.SQL(
        "(SELECT {call}, asset, horizon, as_of, probability, base_rate, outcome, realised_return,"
        " base_log_loss - log_loss, hindcast,"
        " format('brain replay %s %s --as-of %s', {quoted}, horizon, as_of)"
        " FROM {ledger} WHERE outcome IS NOT NULL AND base_log_loss - log_loss {sign} 0"
        " ORDER BY base_log_loss - log_loss {order} LIMIT {count})"
    ).format(
        call=sql.Literal(call),
        quoted=_IN_A_SHELL,
        ledger=sql.Identifier(LEDGER),
        sign=sql.SQL(">" if order == "DESC" else "<"),
        order=sql.SQL(order),
        count=sql.Literal(SHOWN_CALLS),
    )


BEST_AND_WORST_CALLS = View(
    name="best_and_worst_calls",
    meaning=f"The {SHOWN_CALLS} numbers that gained most against the base rate, and the {SHOWN_CALLS} that lost most.",
    columns=(
        Column("call", "text", "best or worst."),
        ASSET,
        HORIZON,
        Column("as_of", "date", "The day that the number was about."),
        Column("probability", "double precision", "What was said."),
        Column("base_rate", "double precision", "What one would have said without a model."),
        Column("outcome", "integer", "What came true: 1 where Close was not lower."),
        Column("realised_return", "double precision", "By how much Close had changed."),
        Column("gain", "double precision", "Log loss of the base rate - log loss of the probability, in nats."),
        HINDCAST,
        Column("replay", "text", "The command that recomputes the number."),
    ),
    select=sql.SQL("{} UNION ALL {}").format(_calls("best", "DESC"), _calls("worst", "ASC")),
    needs=(LEDGER,),
)

COVERAGE = View(
    name="coverage",
    meaning="A row per asset: which of its numbers in probability_details are fresh, stale, without skill or missing.",
    columns=(
        ASSET,
        Column("cells", "bigint", "Horizons of the asset."),
        Column("fresh", "bigint", "Numbers that the newest run computed."),
        Column("stale", "bigint", "Numbers kept from an earlier run, or computed from old data."),
        Column("with_skill", "bigint", "Numbers whose model has proven skill."),
        Column("no_skill", "bigint", "Numbers that are the base rate, because no skill is proven."),
        Column("failed", "bigint", "Horizons that never had a number."),
        Column("oldest_as_of", "date", "Day of the oldest number."),
        Column("reasons", "text", "Why numbers are stale or missing."),
    ),
    select=sql.SQL(
        "SELECT asset, count(*), count(*) FILTER (WHERE probability IS NOT NULL AND NOT stale),"
        " count(*) FILTER (WHERE probability IS NOT NULL AND stale), count(*) FILTER (WHERE has_skill),"
        " count(*) FILTER (WHERE probability IS NOT NULL AND has_skill IS NOT TRUE),"
        " count(*) FILTER (WHERE probability IS NULL), min(as_of), string_agg(DISTINCT reason, '; ')"
        " FROM {details} GROUP BY asset"
    ).format(details=sql.Identifier(DETAILS)),
    needs=(DETAILS,),
)

DRIFT = View(
    name="drift",
    meaning="A row per asset: whether the features of its models had drifted when they were last measured.",
    columns=(
        ASSET,
        Column("as_of", "date", "Day of the newest row then."),
        Column("features", "bigint", "Features that its models use."),
        Column("measured", "bigint", "How many of them had enough past to be judged by."),
        Column("drifted", "bigint", "How many of them had drifted; empty where none could be judged."),
        Column("which", "text", "Their names; empty where there are none."),
        Column("last_drifted", "date", "The newest day on which any of its features had drifted; empty if none ever."),
    ),
    select=sql.SQL(
        "SELECT entity, as_of, count(*), count(quantile),"
        " CASE WHEN count(quantile) > 0 THEN count(*) FILTER (WHERE drifted) END,"
        " string_agg(feature, ', ' ORDER BY feature) FILTER (WHERE drifted), last_drifted"
        " FROM (SELECT entity, max(as_of) AS as_of, max(as_of) FILTER (WHERE drifted) AS last_drifted FROM {drift}"
        " WHERE use_case = {name} GROUP BY entity) AS newest JOIN {drift} USING (entity, as_of)"
        " WHERE use_case = {name} GROUP BY entity, as_of, last_drifted"
    ).format(drift=sql.Identifier(FEATURE_DRIFT.identifier), name=sql.Literal(NAME)),
    needs=(FEATURE_DRIFT.name,),
)

VIEWS = (SCORECARD, HORIZON_SCORECARD, RELIABILITY, SKILL_OVER_TIME, CLAIMS, BEST_AND_WORST_CALLS, COVERAGE, DRIFT)

_HEADINGS = {"hit_rate": "hit rate", "skill_low": "from", "skill_high": "to", "came_true": "came true"}
SHOWN_SCORECARD = Overview(
    "Scorecard (skill with its interval at 90 %)",
    "SELECT horizon, resolved, hit_rate, skill, skill_low, skill_high, mean_probability AS said, came_true,"
    " CASE WHEN hindcast THEN 'hindcast' ELSE 'live' END AS how FROM horizon_scorecard ORDER BY hindcast, horizon",
    lambda column: _HEADINGS.get(column, column),
)
