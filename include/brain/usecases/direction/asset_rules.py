"""The rules of an asset's table, generated from the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brain.quality.rules import Rule, between
from brain.usecases.direction.names import DATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brain.usecases.direction.catalogue import QualitySettings


def asset_rules(quality: QualitySettings) -> tuple[Rule, ...]:
    """The rules of an asset's table that are not switched off."""
    rules = (*_key_rules(), *_price_rules(quality), *_column_rules(quality), *table_rules(quality))
    return tuple(rule for rule in rules if rule.severity != "off")


def _key_rules() -> Sequence[Rule]:
    return (
        Rule(
            "unique_dates",
            "fail",
            "rows",
            "ExpectColumnValuesToBeUnique",
            {"column": DATE},
            "{count} row(s) share a date ({examples}); expected one row a date",
        ),
        Rule(
            "ordered_dates",
            "fail",
            "rows",
            "ExpectColumnValuesToBeIncreasing",
            {"column": DATE, "strictly": True},
            "{count} date(s) are out of order ({examples}); expected ascending dates",
        ),
    )


def _price_rules(quality: QualitySettings) -> Sequence[Rule]:
    return (
        between(
            "close", quality.close, "rows", "no_close",
            "{count} row(s) without Close ({examples})",
            max_value=0,
        ),
        between(
            "positive", quality.positive, "rows", "lowest_price",
            "{count} row(s) with a price that is not above zero ({examples})",
            min_value=0, strict_min=True,
        ),
        between(
            "high_low", quality.high_low, "rows", "high_minus_low",
            "{count} row(s) with High below Low ({examples})",
            min_value=0,
        ),
        between(
            "price_range", quality.price_range, "rows", "outside_range",
            "{count} row(s) with Open or Close outside Low to High ({examples})",
            max_value=1e-6,
        ),
        between(
            "jumps", quality.jumps, "rows", "jump",
            f"{{count}} change(s) of Close beyond {quality.max_jump:g} robust standard deviations ({{examples}})",
            max_value=quality.max_jump,
        ),
        between(
            "bad_ticks", quality.bad_ticks, "rows", "bad_tick",
            "{count} row(s) on which Close jumps away and comes straight back ({examples}); returns that begin or end "
            "there are left out of training",
            max_value=0,
        ),
        between(
            "gaps", quality.gaps, "rows", "gap",
            f"{{count}} gap(s) of more than {quality.max_gap} trading days, ending on {{examples}}",
            max_value=quality.max_gap,
        ),
        between(
            "flat", quality.flat, "rows", "flat_run",
            f"{{count}} row(s) on which Close has not moved for more than {quality.max_flat} rows ({{examples}})",
            max_value=quality.max_flat,
        ),
    )  # fmt: skip


def _column_rules(quality: QualitySettings) -> Sequence[Rule]:
    return (
        between(
            "missing", quality.missing, "columns", "missing_share",
            f"{{count}} column(s) with more than {quality.max_missing:.0%} empty cells ({{examples}})",
            max_value=quality.max_missing,
        ),
        between(
            "infinite", quality.infinite, "columns", "infinite",
            "{count} column(s) with infinite numbers ({examples})",
            max_value=0,
        ),
        between(
            "constant_target", quality.constant_target, "columns", "minority",
            "{count} target(s) that are empty or only ever go one way ({examples}), and none that does not; expected "
            "ups and downs",
            min_value=1,
        ),
        between(
            "constant_horizon", quality.constant_horizon, "columns", "minority_beside",
            "{count} target(s) that are empty or only ever go one way ({examples}); such a horizon is not trained, the "
            "others are",
            min_value=1,
        ),
        between(
            "forward_looking", quality.forward_looking, "columns", "disagreement",
            "{count} target(s) whose sign is not that of the coming change of Close ({examples}); they do not "
            "look ahead as many rows as their name says",
            max_value=quality.max_disagreement,
        ),
        between(
            "leaks", quality.leaks, "features", "leak",
            "{count} feature(s) that know the future and are left out of training: {examples}. `trust_features` in the "
            "catalogue takes them in",
            max_value=0,
        ),
        between(
            "returns", quality.returns, "columns", "return_error",
            "{count} target(s) that are not Close n rows ahead / Close - 1 ({examples}); once they are corrected, "
            "`brain extract --full` reads old rows again",
            max_value=quality.returns_tolerance,
        ),
    )  # fmt: skip


def table_rules(quality: QualitySettings) -> tuple[Rule, ...]:
    """The rules that can be broken by time or the catalogue alone, or by the table as a whole."""
    rules = (
        between(
            "known_names", "warn", "names", "absent",
            "{count} name(s) under `leave_out` or `trust_features` that no numeric column has: {examples}",
            max_value=0,
        ),
        between(
            "min_rows", "fail", "table", "rows",
            f"{{found}} rows; expected at least {quality.min_rows}",
            min_value=quality.min_rows,
        ),
        between(
            "overdue", quality.overdue, "table", "days_overdue",
            f"the newest row is {{found}} trading days old; expected at most {quality.max_overdue}",
            max_value=quality.max_overdue,
        ),
    )  # fmt: skip
    return tuple(rule for rule in rules if rule.severity != "off")
