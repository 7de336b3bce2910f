"""Outside direction, its demo and what is named below, no identifier and no text names a price, a return or a horizon.

Docstrings and comments may: they explain by the example that every reader knows.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from tests.docs.leftovers import WORDS_OF_DIRECTION
from tests.docs.reading import ROOT, files

if TYPE_CHECKING:
    from collections.abc import Iterator

WORDS = re.compile(r"horizon|RETURNS|\bClose\b|(?<![a-z])[pP]rices?(?![a-z])")
GENERIC = ("include/brain/", "include/orchestration/")
DIRECTIONS = ("include/brain/usecases/direction/", "include/brain/demo/")
LOOKED_AT = [
    path for path in files() if path.startswith(GENERIC) and path.endswith(".py") and not path.startswith(DIRECTIONS)
]


def words_in(source: str) -> set[str]:
    """The words of direction among the identifiers and texts of a module."""
    return {word for text in _texts(ast.parse(source)) for word in WORDS.findall(text)}


def _texts(tree: ast.Module) -> Iterator[str]:
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value
        for name in ("id", "attr", "arg", "name", "asname", "module"):
            if isinstance(found := getattr(node, name, None), str):
                yield found


def test_no_generic_room_speaks_of_direction() -> None:
    found = {(path, word) for path in LOOKED_AT for word in words_in((ROOT / path).read_text())}
    assert found - set(WORDS_OF_DIRECTION) == set()
    assert set(WORDS_OF_DIRECTION) - found == set(), "take it out of tests/docs/leftovers.py"


def test_no_step_asks_for_a_use_case_by_its_name() -> None:
    asked = re.compile(r"use_case(?:\.name)?\s*[!=]=\s*[\"']")
    assert [path for path in LOOKED_AT if asked.search((ROOT / path).read_text())] == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def f(horizon): ...", {"horizon"}),
        ("min_horizons = 1", {"horizon"}),
        ("x = 'RETURNS5'", {"RETURNS"}),
        ("x = f'{y} Close'", {"Close"}),
        ("from brain import price", {"price"}),
        ("frame.price_range", {"price"}),
        ("class Prices: ...", {"Prices"}),
        ('"""A horizon."""', set()),
        ("# a price", set()),
        ("closed = enterprise = 1", set()),
    ],
)
def test_a_word_of_direction_is_found_in_names_and_texts(source: str, found: set[str]) -> None:
    assert words_in(source) == found
