"""The highest counters are remembered from run to run, and only ever grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from brain.core.errors import ServerUnreachable
from brain.warehouse.counters import KeptCounters

if TYPE_CHECKING:
    from brain.core.settings import Settings


def test_what_one_process_kept_another_finds(settings: Settings) -> None:
    first, second = KeptCounters(settings.warehouse_url), KeptCounters(settings.warehouse_url)
    assert first.last("a") == second.last("a") == 0
    first.saw("a", 3)
    first.saw("b", 1)
    first.keep()
    second.saw("a", 2)
    second.keep()  # it does not know of 3, and takes nothing back
    third = KeptCounters(settings.warehouse_url)
    assert (third.last("a"), third.last("b"), third.last("c")) == (3, 1, 0)


def test_what_was_only_noted_does_not_count_yet(settings: Settings) -> None:
    counters = KeptCounters(settings.warehouse_url)
    counters.saw("a", 3)
    assert counters.last("a") == 0
    assert KeptCounters(settings.warehouse_url).last("a") == 0


def test_a_warehouse_that_does_not_answer_is_said_so(settings: Settings) -> None:
    url = type(settings.warehouse_url)("postgresql+psycopg2://nobody:hidden@127.0.0.1:1/none")
    with pytest.raises(ServerUnreachable):
        KeptCounters(url).last("a")
