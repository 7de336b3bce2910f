from __future__ import annotations

import copy
import inspect
import pickle
import re

import pytest

from brain.core import errors
from brain.core.errors import BrainError, Terminal, Transient

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, BrainError)]
LEAVES = [kind for kind in KINDS if kind not in {BrainError, Terminal, Transient}]


def _example(kind: type[BrainError]) -> BrainError:
    return kind("GOLD", found="no rows", expected="at least 500", remedy="Load the table.")


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_says_all_four_things(kind: type[BrainError]) -> None:
    assert str(_example(kind)) == "GOLD: found no rows; expected at least 500. Load the table."


@pytest.mark.parametrize("kind", LEAVES)
def test_a_retry_helps_or_it_does_not(kind: type[BrainError]) -> None:
    assert issubclass(kind, Transient) != issubclass(kind, Terminal)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("passed_on", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_an_error_survives_the_way_to_another_process(kind: type[BrainError], passed_on: object) -> None:
    assert callable(passed_on)
    error = passed_on(_example(kind))
    assert type(error) is kind
    assert (error.subject, error.found, error.expected, error.remedy, str(error)) == (
        "GOLD",
        "no rows",
        "at least 500",
        "Load the table.",
        str(_example(kind)),
    )


def test_the_drawn_tree_is_the_tree() -> None:
    assert _drawn_parents() == {kind.__name__: kind.__bases__[0].__name__ for kind in KINDS if kind is not BrainError}


def _drawn_parents() -> dict[str, str]:
    parents, stack = {}, ["BrainError"]
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"^(.*?)[├└]── (\w+)", line):
            depth = (len(match[1]) - 4) // 4 + 1
            del stack[depth:]
            parents[match[2]] = stack[-1]
            stack.append(match[2])
    return parents


@pytest.mark.parametrize("kind", KINDS)
def test_the_tree_says_what_the_class_says(kind: type[BrainError]) -> None:
    if match := re.search(rf"── {kind.__name__} +(.+)", errors.__doc__ or ""):
        assert (kind.__doc__ or "").strip().lower().startswith(match[1].lower().split(";")[0])
