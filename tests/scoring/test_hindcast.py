"""Scoring many dates at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from brain.core.catalog import AssetSpec
from brain.core.errors import ScoringError
from brain.scoring.batch import score_assets
from brain.scoring.hindcast import score_history

if TYPE_CHECKING:
    from collections.abc import Callable

    from brain.core.keys import Interval
    from brain.extract.lake import Lake, Snapshot
    from brain.store.models import ModelStore
    from brain.training.candidate import Candidate

    MakeCandidate = Callable[..., Candidate]
    WriteSnapshot = Callable[..., Snapshot]

SPEC = AssetSpec(name="GOLD", table="GOLD", horizons=(5, 25))


def test_the_newest_date_is_what_scoring_publishes(
    store: ModelStore, lake: Lake, interval: Interval, make_candidate: MakeCandidate, write_snapshot: WriteSnapshot
) -> None:
    store.save([make_candidate(horizon=5), make_candidate(horizon=25, seed=1)])
    write_snapshot()
    past = score_history(store, lake, SPEC, interval, last=40)
    assert past.groupby("horizon").size().to_dict() == {5: 40, 25: 40}
    newest = past.groupby("horizon")["probability"].last().to_dict()
    assert newest == {s.horizon: s.probability for s in score_assets(store, lake, [SPEC], interval).scores}


def test_without_champions_there_is_nothing(
    store: ModelStore, lake: Lake, interval: Interval, write_snapshot: WriteSnapshot
) -> None:
    write_snapshot()
    assert score_history(store, lake, SPEC, interval).empty


def test_an_asset_that_was_never_extracted_is_named(store: ModelStore, lake: Lake, interval: Interval) -> None:
    with pytest.raises(ScoringError, match="GOLD"):
        score_history(store, lake, SPEC, interval)
