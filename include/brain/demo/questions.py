"""The two questions that the demo asks of the published table, as any SQL client would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brain.usecases.direction.catalogue import Assets
from brain.usecases.direction.names import NAME, probability_column

if TYPE_CHECKING:
    from brain.core.catalogue import Catalogue
    from brain.usecases.direction.catalogue import AssetSpec

GOLD_QUESTION = "What is the probability that gold is higher in 5, 20, 161 days?"
GOLD_ANSWER = """SELECT "5_Day_Probability", "20_Day_Probability", "161_Day_Probability"
FROM Probabilities WHERE AssetName = 'GOLD'"""

FALL_QUESTION = "Which five assets are most likely to fall in a month?"
FALL_ANSWER = """SELECT AssetName, "21_Day_Probability"
FROM Probabilities ORDER BY "21_Day_Probability" ASC LIMIT 5"""

FAVOURITE, DAYS, MONTH, COUNT = "GOLD", (5, 20, 161), 21, 5


def questions(catalogue: Catalogue) -> tuple[tuple[str, str], ...]:
    """The questions, each with its SQL, about assets and horizons that the catalogue has.

    Of the demo's catalogue they are those of the README.
    """
    section = catalogue.sections.get(NAME)
    if not isinstance(section, Assets) or not section.assets:
        return ()
    asset = next((one for one in section.assets if one.name == FAVOURITE), section.assets[0])
    return _of_one(asset), _of_all(section.horizons, len(section.assets))


def _of_one(asset: AssetSpec) -> tuple[str, str]:
    days = [day for day in DAYS if day in asset.horizons] or sorted(asset.horizons)[:3]
    name = "gold" if asset.name == FAVOURITE else asset.name
    columns = ", ".join(_quoted(day) for day in days)
    told = f"What is the probability that {name} is higher in {', '.join(map(str, days))} {_days(days[-1])}?"
    escaped = asset.name.replace("'", "''")
    return told, f"SELECT {columns}\nFROM Probabilities WHERE AssetName = '{escaped}'"


def _of_all(horizons: tuple[int, ...], assets: int) -> tuple[str, str]:
    day = min(horizons, key=lambda horizon: (abs(horizon - MONTH), horizon))
    count = min(COUNT, assets)
    which = {1: "Which asset is", 5: "Which five assets are"}.get(count, f"Which {count} assets are")
    when = "a month" if day == MONTH else f"{day} {_days(day)}"
    column = _quoted(day)
    sql = f"SELECT AssetName, {column}\nFROM Probabilities ORDER BY {column} ASC LIMIT {count}"
    return f"{which} most likely to fall in {when}?", sql


def _quoted(day: int) -> str:
    return f'"{probability_column(day)}"'


def _days(number: int) -> str:
    return "day" if number == 1 else "days"
