"""What `make run` asks at its end is about what the catalogue has."""

from __future__ import annotations

import pytest

from brain.core.catalogue import Catalogue
from brain.demo.questions import FALL_ANSWER, FALL_QUESTION, GOLD_ANSWER, GOLD_QUESTION, questions
from brain.usecases.direction.catalogue import parse_assets
from tests.conftest import CATALOGUE


def asked(text: str) -> list[str]:
    found = questions(Catalogue(sections={"direction": parse_assets(text)}))
    return [f"{question}\n{query}" for question, query in found]


def test_of_the_demo_they_are_those_of_the_readme() -> None:
    assert asked(CATALOGUE.read_text()) == [f"{GOLD_QUESTION}\n{GOLD_ANSWER}", f"{FALL_QUESTION}\n{FALL_ANSWER}"]


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        (
            "defaults: {horizons: [5, 20]}\nassets: [VIX, GOLD]\n",
            ["gold is higher in 5, 20 days?", '"5_Day_Probability", "20_Day_Probability"', "'GOLD'"],
            ["Which 2 assets are most likely to fall in 20 days?", '"20_Day_Probability"', "LIMIT 2"],
        ),
        (
            'defaults: {horizons: [1]}\nassets: {"O\'NEIL": {table: VIX}}\n',
            ["O'NEIL is higher in 1 day?", '"1_Day_Probability"', "'O''NEIL'"],
            ["Which asset is most likely to fall in 1 day?", "LIMIT 1"],
        ),
    ],
)
def test_of_others_they_name_what_is_there(text: str, first: list[str], second: list[str]) -> None:
    one, all_of_them = asked(text)
    assert [part for part in first if part not in one] == []
    assert [part for part in second if part not in all_of_them] == []


def test_without_direction_there_is_nothing_to_ask() -> None:
    assert questions(Catalogue()) == ()
