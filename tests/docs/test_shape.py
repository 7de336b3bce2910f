"""The code's shape: files and functions that fit a screen. Complexity is ruff's to watch (C901)."""

from __future__ import annotations

import ast
import statistics

from tests.docs.leftovers import LONG_FUNCTIONS
from tests.docs.reading import ROOT, files

CODE = [path for path in files() if path.endswith(".py") and path.startswith(("include/", "dags/", "plugins/"))]
ALL = [path for path in files() if path.endswith(".py")]
LONGEST_FILE, LONGEST_FUNCTION, MEDIAN = 400, 60, 10


def functions(path: str) -> dict[str, int]:
    """The lines of every function, decorators and docstring included, by where it stands."""
    tree = ast.parse((ROOT / path).read_text())
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {f"{path}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1 for node in found}


LENGTHS = {name: lines for path in CODE for name, lines in functions(path).items()}


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {path: len((ROOT / path).read_text().splitlines()) for path in ALL}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    long = {(name.split(":")[0], name.split()[1]) for name, lines in LENGTHS.items() if lines > LONGEST_FUNCTION}
    assert long - LONG_FUNCTIONS == set()
    assert LONG_FUNCTIONS - long == set(), "take it out of tests/docs/leftovers.py"


def test_half_of_the_functions_have_at_most_ten_lines() -> None:
    assert statistics.median(LENGTHS.values()) <= MEDIAN
