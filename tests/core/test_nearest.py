from __future__ import annotations

import pytest

from brain.core.alike import by_reason, told_once
from brain.core.nearest import nearest, told_nearest

HORIZONS = ("RETURNS1", "RETURNS2", "RETURNS5", "RETURNS10", "RETURNS25", "RETURNS161")


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("golld", ("GOLD", "SILVER"), "GOLD"),
        ("gold", ("GOLD", "SILVER"), "GOLD"),
        ("RETURNS26", HORIZONS, "RETURNS25"),
        ("RETURNS100", HORIZONS, "RETURNS161"),
        ("RETURNS3", HORIZONS, "RETURNS2"),
        ("returns9", HORIZONS, "RETURNS10"),
        ("600520", ("600519", "000001"), "600519"),
        ("probabilites", ("probabilities", "probabilities_long", "coverage"), "probabilities"),
        ("GLOD", ("COPPER", "GOLD", "PFE"), "GOLD"),
        ("NOPE", ("COPPER", "GOLD", "PFE"), ""),
        ("\U0001f4a9", ("GOLD",), ""),
        ("anything", (), ""),
    ],
)
def test_the_nearest_name(name: str, known: tuple[str, ...], found: str) -> None:
    assert nearest(name, known) == found
    assert told_nearest(name, known) == (f"The nearest name is {found}. " if found else "")


def test_a_reason_is_said_once_with_all_that_it_is_the_reason_for() -> None:
    told = [("RETURNS5", "too few rows"), ("RETURNS20", "no column"), ("RETURNS21", "too few rows")]
    assert by_reason(told) == {"too few rows": ["RETURNS5", "RETURNS21"], "no column": ["RETURNS20"]}
    assert told_once(told) == "RETURNS5, RETURNS21: too few rows; RETURNS20: no column"
    assert told_once([]) == ""
