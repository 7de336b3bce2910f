"""What the published table says of a cell that has no number: the cause, not where else to look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brain.learning.candidate import Failed
from brain.usecases.direction.catalogue import AssetSpec
from brain.usecases.direction.names import model_key
from brain.usecases.direction.scoring import score_cells

if TYPE_CHECKING:
    from collections.abc import Callable

    from brain.core.moment import Moment
    from brain.lake.lake import Lake
    from brain.lake.snapshot import Snapshot
    from brain.learning.candidate import Candidate
    from brain.store.models import ModelStore

GOLD = AssetSpec(name="GOLD", table="GOLD", horizons=(5, 25))


def test_a_cell_without_a_model_says_why_its_training_failed(
    store: ModelStore, lake: Lake, moment: Moment, write_snapshot: Callable[..., Snapshot]
) -> None:
    write_snapshot()
    store.save([Failed(model_key("GOLD", 5), "found 0 labelled rows; expected at least 500", "Fill it.")], moment)
    reasons = score_cells(store, lake, [GOLD], moment).set_index("horizon")["reason"]
    assert "found 0 labelled rows; expected at least 500" in reasons[5]
    assert "no champion" in reasons[25]


def test_an_asset_that_was_never_extracted_says_why(store: ModelStore, lake: Lake, moment: Moment) -> None:
    failing = {"GOLD": "its last extraction quarantined: 20 rows; expected at least 100"}
    cells = score_cells(store, lake, [GOLD], moment, failing=failing)
    assert set(cells["reason"]) == set(failing.values())


def test_a_row_names_the_features_that_training_left_out(
    store: ModelStore,
    lake: Lake,
    moment: Moment,
    write_snapshot: Callable[..., Snapshot],
    make_candidate: Callable[..., Candidate],
) -> None:
    write_snapshot()
    store.add([make_candidate("GOLD", 5), make_candidate("GOLD", 25, metrics={"leaks": {"ahead": "it knows"}})])
    cells = score_cells(store, lake, [GOLD], moment).set_index("horizon")["left_out"]
    assert cells[25] == "ahead: it knows"
    assert cells[5] is None or cells[5] != cells[5]
