"""Scoring many dates at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from brain.scoring.hindcast import score_history

from brain.core.errors import ScoringError
from brain.scoring.batch import score_assets
from brain.usecases.direction.catalogue import AssetSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from brain.core.moment import Moment
    from brain.lake.lake import Lake
    from brain.lake.snapshot import Snapshot
    from brain.learning.candidate import Candidate
    from brain.store.models import ModelStore

    MakeCandidate = Callable[..., Candidate]
    WriteSnapshot = Callable[..., Snapshot]

SPEC = AssetSpec(name="GOLD", table="GOLD", horizons=(5, 25))


def test_the_newest_date_is_what_scoring_publishes(
    store: ModelStore, lake: Lake, moment: Moment, make_candidate: MakeCandidate, write_snapshot: WriteSnapshot
) -> None:
    store.add([make_candidate(horizon=5), make_candidate(horizon=25, seed=1)])
    write_snapshot()
    past = score_history(store, lake, SPEC, moment, last=40)
    assert past.groupby("horizon").size().to_dict() == {5: 40, 25: 40}
    newest = past.groupby("horizon")["probability"].last().to_dict()
    assert newest == {s.horizon: s.probability for s in score_assets(store, lake, [SPEC], moment).scores}


def test_without_champions_there_is_nothing(
    store: ModelStore, lake: Lake, moment: Moment, write_snapshot: WriteSnapshot
) -> None:
    write_snapshot()
    assert score_history(store, lake, SPEC, moment).empty


def test_an_asset_that_was_never_extracted_is_named(store: ModelStore, lake: Lake, moment: Moment) -> None:
    with pytest.raises(ScoringError, match="GOLD"):
        score_history(store, lake, SPEC, moment)
