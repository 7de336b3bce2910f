"""Scoring many past rows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from brain.core.errors import ModelNotFound, ScoringError
from brain.scoring.backcast import backcast
from brain.scoring.batch import Score, Wanted, score_newest
from brain.usecases.direction.names import model_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from brain.core.moment import Moment
    from brain.lake.lake import Lake
    from brain.lake.snapshot import Snapshot
    from brain.learning.candidate import Candidate
    from brain.store.models import ModelStore

    MakeCandidate = Callable[..., Candidate]
    WriteSnapshot = Callable[..., Snapshot]

SPACE = "assets"
GOLD = model_key("GOLD", 25)


def test_the_newest_row_is_bit_identical_to_what_scoring_publishes(
    store: ModelStore, lake: Lake, moment: Moment, make_candidate: MakeCandidate, write_snapshot: WriteSnapshot
) -> None:
    store.add([make_candidate()])
    write_snapshot()
    past = backcast(store, lake, SPACE, GOLD, moment, last=40)
    (score,) = score_newest(store, lake, SPACE, [Wanted("GOLD", (GOLD.target,))], moment)
    assert isinstance(score, Score)
    assert len(past) == 40
    assert past["value"].iloc[-1] == score.value


def test_without_a_champion_there_is_nothing(
    store: ModelStore, lake: Lake, moment: Moment, write_snapshot: WriteSnapshot
) -> None:
    write_snapshot()
    with pytest.raises(ModelNotFound):
        backcast(store, lake, SPACE, GOLD, moment)


def test_a_unit_that_was_never_extracted_is_named(store: ModelStore, lake: Lake, moment: Moment) -> None:
    with pytest.raises(ScoringError, match="GOLD"):
        backcast(store, lake, SPACE, GOLD, moment)
