"""docs/changing.md has a recipe for each change, which names files and tests. That they exist is for test_paths."""

from __future__ import annotations

import re

import pytest

from tests.docs.reading import prose

TEXT = prose("docs/changing.md")
RECIPES = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n?)*)", TEXT, re.M))
WITHOUT_CODE = ("A new asset", "A new horizon")
CHANGES = (
    *WITHOUT_CODE,
    "A source dialect",
    "A quality rule",
    "A classifier family",
    "A published column",
    "A published table",
    "A pipeline step",
    "A use case",
)


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_has_a_recipe_of_numbered_steps(change: str) -> None:
    assert re.findall(r"^\d\. ", RECIPES[change], re.M)


@pytest.mark.parametrize("change", [change for change in CHANGES if change not in WITHOUT_CODE])
def test_a_recipe_names_its_files_and_its_tests(change: str) -> None:
    assert re.search(r"`include/[\w/]+\.py`", RECIPES[change])
    assert "`tests/" in RECIPES[change]


def test_the_reading_tour_takes_half_an_hour() -> None:
    minutes = [int(number) for number in re.findall(r"^\| (\d+) \|", RECIPES["A reading tour of half an hour"], re.M)]
    assert sum(minutes) == 30
