"""Recomputing what was published."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from brain.core.moment import Moment
from brain.core.source_table import KeyKind, SourceTable
from brain.lake.columns import Column
from brain.lake.commit import Commit, commit
from brain.lake.keyed import KeyedContent, ordered
from brain.lake.row_content import RowContent
from brain.lake.rows import Rows
from brain.portable.export import OnnxModel
from brain.portable.heads import Identity
from brain.portable.preparation import prepared, sequences
from brain.scoring.batch import Score, Wanted, score_newest
from brain.scoring.replay import Published, Replay, TableReplay, replay
from brain.store.verdicts import Verdict
from brain.usecases.direction.names import model_key
from tests.portable.test_outputs import said, written
from tests.store.conftest import END, FEATURES, MOMENT, training_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brain.lake.lake import Lake
    from brain.lake.snapshot import Snapshot
    from brain.learning.candidate import Candidate
    from brain.store.models import ModelStore

    MakeCandidate = Callable[..., Candidate]
    WriteSnapshot = Callable[..., Snapshot]

GOLD = model_key("GOLD", 25)
SPACE = "assets"
ROWS_OF_THE_FIXTURE, _ = training_rows()


def score_gold(store: ModelStore, lake: Lake, moment: Moment) -> Score:
    (score,) = score_newest(store, lake, SPACE, [Wanted("GOLD", (GOLD.target,))], moment)
    assert isinstance(score, Score)
    return score


@pytest.fixture
def published(
    store: ModelStore, lake: Lake, moment: Moment, make_candidate: MakeCandidate, write_snapshot: WriteSnapshot
) -> Published:
    store.add([make_candidate()])
    write_snapshot()
    score = score_gold(store, lake, moment)
    return Published(
        key=GOLD,
        as_of=score.as_of,
        published_at=END,
        value=score.value,
        has_skill=score.champion.has_skill,
        model_version=score.champion.model.version,
        data_sha256=score.data_sha256,
    )


def test_a_published_probability_comes_out_again(store: ModelStore, lake: Lake, published: Published) -> None:
    result = replay(store, lake, SPACE, published)
    assert result.identical
    assert result.recomputed == published.value
    assert result.raw == store.load(GOLD).evaluator().outputs(ROWS_OF_THE_FIXTURE[-1:])[0, -1]
    assert result.obstacles == ()


def test_what_could_not_be_recomputed_is_identical_to_nothing(published: Published) -> None:
    assert not Replay(replace(published, value=np.nan)).identical


def test_a_table_is_identical_if_it_has_rows_and_nothing_was_in_the_way() -> None:
    assert TableReplay(3).identical
    assert not TableReplay(0).identical
    assert not TableReplay(3, ("a customer has another list",)).identical


def test_a_number_that_all_rows_of_a_table_made_is_referred_to_its_table(
    store: ModelStore, lake: Lake, published: Published, moment: Moment
) -> None:
    table = SourceTable("any", SPACE, "SHOP", "orders", key=("line",), kind=KeyKind.NAMES)
    lines = ordered(table, pa.table({"line": pa.array(["a", "b"], pa.large_string()), "pieces": [1.0, 2.0]}))
    content = KeyedContent(table.key, lines, moment.day)
    orders = commit(lake, Commit(table, None, "new", content, moment, checked_in_full=True), warnings=0)
    of_shop = replace(published, key=model_key("SHOP", 25), data_sha256=orders.data_sha256)
    *_, obstacle = replay(store, lake, SPACE, of_shop).obstacles
    assert "`brain replay` recomputes the table" in obstacle


def test_a_row_that_the_model_cannot_take_is_named(
    store: ModelStore, lake: Lake, published: Published, write_snapshot: WriteSnapshot
) -> None:
    other = write_snapshot(columns=(*FEATURES[:3], "renamed"))
    (obstacle,) = replay(store, lake, SPACE, replace(published, data_sha256=other.data_sha256)).obstacles
    assert f"no column {FEATURES[3]}" in obstacle


def test_of_many_outputs_the_last_is_the_raw_one(
    store: ModelStore, lake: Lake, make_candidate: MakeCandidate, write_snapshot: WriteSnapshot
) -> None:
    values = np.nan_to_num(training_rows()[0])
    windows = sequences(prepared(values, "float32"), 6)
    means = OnnxModel(written(mean=True, first=2), windows[:60].mean(axis=1))
    changes = {"head": Identity(), "steps": 6, "preparation": "float32", "check_rows": windows[:60]}
    store.save([make_candidate(pipeline=means, **changes)], MOMENT)
    snapshot = write_snapshot(values=values)
    outputs = store.load(GOLD).evaluator().outputs(windows[-1:])
    assert outputs.shape == (1, 4)
    published = Published(GOLD, END.date(), END, float(outputs[0, -1]), None, 1, snapshot.data_sha256)
    result = replay(store, lake, SPACE, published)
    assert result.identical
    assert result.raw == published.value


def test_a_number_of_a_time_of_day_is_found_as_the_rows_up_to_that_time(
    store: ModelStore, lake: Lake, make_candidate: MakeCandidate
) -> None:
    """Published at noon for nine o'clock; the rows of the hours between were read in the afternoon."""
    store.add([make_candidate()])
    hours = np.datetime64("2024-01-05T14:00:00", "us") - np.arange(300)[::-1] * np.timedelta64(1, "h")
    rows = Rows(hours, FEATURES, np.ascontiguousarray(ROWS_OF_THE_FIXTURE.T))
    table = SourceTable("direction", SPACE, "GOLD", "GOLD", ("at",), KeyKind.TIME)
    content = RowContent("at", tuple(map(Column, FEATURES)), prefix=(), rows=rows, overlap=30)
    commit(lake, Commit(table, None, "new", content, Moment(END.replace(hour=15)), checked_in_full=True), warnings=0)
    nine = END.replace(hour=9)
    view = lake.as_of(SPACE, "GOLD", Moment(nine))
    assert view is not None
    model = store.load(GOLD)
    (value,) = model.head.apply(model.evaluator().outputs(ROWS_OF_THE_FIXTURE[294:295]), None)
    published = Published(GOLD, nine, END.replace(hour=12), float(value), None, 1, view.data_sha256)
    assert replay(store, lake, SPACE, published).identical


def test_it_does_after_another_champion_another_verdict_and_new_rows(
    store: ModelStore,
    lake: Lake,
    published: Published,
    make_candidate: MakeCandidate,
    write_snapshot: WriteSnapshot,
) -> None:
    later = END.replace(day=8)
    store.add([make_candidate(seed=1, trained_at=later)])
    store.record_verdicts([Verdict(GOLD, 2, False, 0.3, later)])
    write_snapshot(values=training_rows(seed=5)[0], end=later)
    assert replay(store, lake, SPACE, published).identical


def test_a_published_base_rate_comes_out_again(
    store: ModelStore, lake: Lake, moment: Moment, published: Published
) -> None:
    store.record_verdicts([Verdict(GOLD, 1, False, 0.3, END)])
    score = score_gold(store, lake, moment)
    without = replace(published, value=score.value, has_skill=score.champion.has_skill)
    assert replay(store, lake, SPACE, without).identical
    assert score.value == 0.55


def test_a_missing_model_version_is_named(store: ModelStore, lake: Lake, published: Published) -> None:
    (obstacle,) = replay(store, lake, SPACE, replace(published, model_version=9)).obstacles
    assert "model version 9" in obstacle
    assert "missing" in obstacle


def test_an_altered_model_is_named(store: ModelStore, lake: Lake, published: Published) -> None:
    store.backend.models.update_one({}, {"$set": {"head.slope": 2.0}})
    (obstacle,) = replay(store, lake, SPACE, published).obstacles
    assert "model version 1 has changed" in obstacle


def test_a_missing_snapshot_is_named(store: ModelStore, lake: Lake, published: Published) -> None:
    (obstacle,) = replay(store, lake, SPACE, replace(published, data_sha256="f" * 64)).obstacles
    assert "the snapshot ffffffffffff… of GOLD is missing" in obstacle
    first = replace(
        published, data_sha256="f" * 64, as_of=date(1990, 1, 2), published_at=datetime(1990, 1, 3, tzinfo=UTC)
    )
    (obstacle,) = replay(store, lake, SPACE, first).obstacles  # the lake knew nothing then
    assert "the snapshot ffffffffffff… of GOLD is missing" in obstacle


def test_a_snapshot_that_was_corrected_within_the_day_is_found_by_its_hash(
    store: ModelStore, lake: Lake, published: Published, write_snapshot: WriteSnapshot
) -> None:
    """Every view of that day has the corrected rows."""
    corrected = write_snapshot(values=training_rows(seed=3)[0])
    assert corrected.data_sha256 != published.data_sha256
    assert lake.as_of(SPACE, "GOLD", published.as_of) == lake.as_of(SPACE, "GOLD", Moment(END)) == corrected
    assert replay(store, lake, SPACE, published).identical


ROWS, _ = training_rows(rows=310)
LAST = np.datetime64("2024-01-10")


def days_up_to(day: int, *others: int) -> dict[str, Any]:
    """Rows of every day up to one of January 2024, and of some others."""
    numbers = [*range(300 + day), *(299 + other for other in others)]
    return {"values": ROWS[numbers], "dates": LAST - (309 - np.array(numbers)).astype("timedelta64[D]")}


def published_later(store: ModelStore, lake: Lake) -> Published:
    """The number of 5 January, published three days later; its version is then thinned out."""
    published_at = END.replace(day=8)
    score = score_gold(store, lake, Moment(published_at))
    return Published(GOLD, score.as_of, published_at, score.value, score.champion.has_skill, 1, score.data_sha256)


def thin_out(lake: Lake, data_sha256: str) -> None:
    manifest = lake.manifest(SPACE, "GOLD")
    assert manifest is not None
    kept = [version for version in manifest.versions if version.data_sha256 != data_sha256]
    with lake.writing(SPACE, "GOLD", manifest):
        lake.replace_manifest(manifest.with_versions(kept))
    assert lake.find(SPACE, "GOLD", data_sha256) is None


def test_a_snapshot_that_was_thinned_out_is_found_as_known_when_it_was_published(
    store: ModelStore, lake: Lake, make_candidate: MakeCandidate, write_snapshot: WriteSnapshot
) -> None:
    """The row came days late: of its own day the lake knows that it was not there yet."""
    store.add([make_candidate()])
    write_snapshot(end=END.replace(day=5), **days_up_to(3))
    write_snapshot(end=END.replace(day=6), **days_up_to(4))
    write_snapshot(end=END.replace(day=8), **days_up_to(5))
    published = published_later(store, lake)
    assert published.as_of == date(2024, 1, 5)
    write_snapshot(end=END.replace(day=10), **days_up_to(5, 9, 10))
    thin_out(lake, published.data_sha256)
    assert replay(store, lake, SPACE, published).identical


def test_a_snapshot_that_was_thinned_out_is_found_as_the_rows_up_to_its_own_day(
    store: ModelStore, lake: Lake, make_candidate: MakeCandidate, write_snapshot: WriteSnapshot
) -> None:
    """Rows of the days between came later still, so that the view of the publication holds more than was known."""
    store.add([make_candidate()])
    write_snapshot(end=END.replace(day=8), **days_up_to(5))
    published = published_later(store, lake)
    write_snapshot(end=END.replace(day=10), **days_up_to(10))
    thin_out(lake, published.data_sha256)
    assert replay(store, lake, SPACE, published).identical


def test_an_altered_snapshot_file_is_named(store: ModelStore, lake: Lake, home: Path, published: Published) -> None:
    segment = max((home / "lake").rglob("*.parquet"))
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)
    (obstacle,) = replay(store, lake, SPACE, published).obstacles
    assert "has changed" in obstacle


def test_another_watermark_is_named(store: ModelStore, lake: Lake, published: Published) -> None:
    (obstacle,) = replay(store, lake, SPACE, replace(published, as_of=END.replace(day=3).date())).obstacles
    assert "watermark" in obstacle


def test_an_altered_number_is_told_from_the_true_one(store: ModelStore, lake: Lake, published: Published) -> None:
    result = replay(store, lake, SPACE, replace(published, value=published.value + 1e-12))
    assert not result.identical
    assert "altered" in result.obstacles[0]


def test_a_value_of_a_sequence_model_comes_out_again(
    store: ModelStore, lake: Lake, make_candidate: MakeCandidate, write_snapshot: WriteSnapshot
) -> None:
    values = np.nan_to_num(training_rows()[0])
    windows = sequences(prepared(values, "float32"), 6)
    changes = {"head": Identity(), "steps": 6, "preparation": "float32", "check_rows": windows[:60]}
    store.save([make_candidate(pipeline=OnnxModel(written(), said(windows[:60])), **changes)], MOMENT)
    snapshot = write_snapshot(values=values)
    value = float(store.load(GOLD).evaluator().outputs(windows[-1:])[0, -1])
    published = Published(GOLD, END.date(), END, value, None, 1, snapshot.data_sha256)
    assert replay(store, lake, SPACE, published).identical
    assert value == pytest.approx(said(windows[-1:])[0, -1])
