"""Why a published probability is what it is, in words and in log-odds."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from brain.core.errors import ArtifactRejected, ScoringError
from brain.portable.export import export
from brain.portable.heads import Blend, Identity
from brain.scoring.reasons import Reason, added_parts
from brain.store.stored_model import StoredModel
from brain.usecases.direction.base_rate import LONG_RUN, BaseRates
from brain.usecases.direction.catalogue import AssetSpec
from brain.usecases.direction.names import model_key
from brain.usecases.direction.reasons import probabilities_on_the_way, reasons_of
from brain.usecases.direction.scoring import score_tables
from tests.portable.test_export import MATRIX, cases, fitted
from tests.portable.test_mean import mean
from tests.scoring.conftest import connections, lake, make_candidate, moment, store, write_snapshot
from tests.store.conftest import END, FEATURES, training_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from brain.core.moment import Moment
    from brain.lake.lake import Lake
    from brain.lake.snapshot import Snapshot
    from brain.learning.candidate import Candidate
    from brain.store.models import ModelStore

__all__ = ["connections", "lake", "make_candidate", "moment", "store", "write_snapshot"]

UNSEEN = training_rows(seed=9)[0]
MADE = {"share": 0.532, "usual_share": 0.546, "strength": 3100.0, "likeness": 0.85, "window": LONG_RUN}
WINDOW = {"first": datetime(1977, 12, 30, tzinfo=UTC), "last": datetime(2012, 12, 24, tzinfo=UTC), "rows": 9127}


def model_of(pipeline: Any, head: Any = None, **document: Any) -> StoredModel:
    whole = {"metrics": {}, "extra": {"base_rate": MADE}, "window": WINDOW, **document}
    return StoredModel(
        key=model_key("GOLD", 5),
        version=3,
        features=FEATURES,
        steps=None,
        preparation="float32",
        head=head or Blend(0.535, 0.7, 0.0, 0.12),
        before_verdict=None,
        skill=None,
        trained_at=END,
        data_sha256="a" * 64,  # type: ignore[arg-type]
        content=export(pipeline, MATRIX[:100], "x").content,
        document=whole,
    )


def published(model: StoredModel, row: np.ndarray[Any, Any]) -> float:
    return float(model.head.apply(model.evaluator().outputs(row[None]), None)[0])


def log_odds_of(reasons: Sequence[Reason]) -> float:
    return math.fsum(reason.part for reason in reasons)


def logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


STANDARD = [case for case in cases() if case["scale"] in ("standard", "none") and case["select"] == "none"]


@pytest.mark.parametrize("parameters", STANDARD, ids=lambda p: f"{p['classifier']}-{p['scale']}")
def test_the_reasons_of_every_family_add_up_to_the_published_log_odds(parameters: dict[str, Any]) -> None:
    model = model_of(fitted(parameters))
    for row in UNSEEN[:5]:
        said = published(model, row)
        reasons = reasons_of(model, row, True, said)
        assert log_odds_of(reasons) == pytest.approx(logit(said), abs=1e-9)
        assert probabilities_on_the_way(reasons, said)[-1] == said
        assert {reason.feature for reason in reasons} <= {None, *FEATURES}
        assert [reason.kind for reason in reasons[:3]] == ["share", "peers", "feature"]


def test_a_certain_model_is_held_back_and_says_so() -> None:
    model = model_of(fitted(STANDARD[0]), Blend(0.535, 4.0, 0.0, -20.0))
    said = published(model, UNSEEN[0])
    reasons = reasons_of(model, UNSEEN[0], True, said)
    assert said == pytest.approx(1 - 1e-6)
    assert log_odds_of(reasons) == pytest.approx(logit(said), abs=1e-9)
    assert reasons[-1].kind == "limit"
    assert "one in a million" in reasons[-1].words


def test_where_no_skill_is_proven_it_says_so_first_and_tells_the_base_rate() -> None:
    model = model_of(fitted(STANDARD[0]))
    reasons = reasons_of(model, UNSEEN[0], False, 0.535)
    assert [reason.kind for reason in reasons] == ["share", "peers"]
    assert reasons[0].words == (
        "No skill is proven: the number is the base rate. Close was not lower 5 rows later after 53.2% of 9,127 rows"
        " (2,414 independent outcomes), 1977-12-30 to 2012-12-24."
    )
    assert reasons[1].words == "Drawn to 53.5% by 54.6%, the share of other assets."
    assert log_odds_of(reasons) == pytest.approx(logit(0.535), abs=1e-12)


def test_where_no_other_asset_has_the_horizon_no_other_asset_is_named() -> None:
    extra = {"base_rate": {**MADE, "usual_share": 0.5}}
    reasons = reasons_of(model_of(fitted(STANDARD[0]), extra=extra), UNSEEN[0], False, 0.535)
    assert reasons[1].words.endswith(" toward 50%, since no other asset has this horizon.")


@pytest.mark.parametrize("metrics", [{"barred": "less than 0.05 %"}, {"reason": "500 rows hold 3 labels"}])
def test_it_says_why_no_skill_can_be_claimed(metrics: dict[str, str]) -> None:
    (told,) = metrics.values()
    first = reasons_of(model_of(fitted(STANDARD[0]), metrics=metrics), UNSEEN[0], False, 0.535)[0]
    assert first.words.startswith(f"No skill is proven ({told}): the number is the base rate.")


def test_a_model_without_a_record_of_its_base_rate_tells_it_whole() -> None:
    (only,) = reasons_of(model_of(fitted(STANDARD[0]), extra={}), UNSEEN[0], False, 0.535)
    assert only.kind == "base_rate"
    assert only.part == pytest.approx(logit(0.535))


def test_the_recent_window_and_the_peers_are_told_apart_as_the_base_rate_was_made() -> None:
    """The counts of a document give the very rates that a history of labels gave."""
    labels = (np.random.default_rng(3).random(4000) < np.where(np.arange(4000) < 3000, 0.48, 0.62)).astype(float)
    labels[-5:] = np.nan
    rates = BaseRates.of({5: labels}, {5: 0.54})
    row, window = len(labels) - 1, 500
    long_run, recent = (float(rates._rates(np.array([row]), which)[0, 0]) for which in (LONG_RUN, window))
    made = {
        "share": float(rates.shares(5, np.array([row]))[0]),
        "usual_share": rates.peers_at(5, row),
        "strength": rates.strength_at(5, row),
        "likeness": rates.likeness(row),
        "window": window,
    }
    document = {"extra": {"base_rate": made}, "window": {**WINDOW, "rows": 3995}}
    model = model_of(fitted(STANDARD[0]), Blend(recent, 0.0), **document)
    share, peers, newest = reasons_of(model, UNSEEN[0], False, recent)
    assert share.part == pytest.approx(logit(made["share"]), abs=1e-12)
    assert peers.part == pytest.approx(logit(long_run) - logit(made["share"]), abs=1e-12)
    assert newest.part == pytest.approx(logit(recent) - logit(long_run), abs=1e-12)
    assert newest.part > 0.01
    assert newest.words.startswith(f"Moved to {recent:.1%} by the newest 500 rows")


def test_features_come_by_size_with_their_value_and_what_is_known_of_it() -> None:
    linear, mixed = model_of(fitted(STANDARD[0])), model_of(mean("logistic", "boosting", scale="none"))
    row = UNSEEN[0].copy()
    row[3] = np.nan
    for model in (linear, mixed):
        told = [reason for reason in reasons_of(model, row, True, published(model, row)) if reason.feature]
        sizes = [abs(reason.part) for reason in told]
        assert sizes == sorted(sizes, reverse=True)
        assert all(reason.words.startswith(f"{reason.feature} is ") for reason in told)
        values = {reason.feature: reason.value for reason in told}
        assert values["momentum_5"] == row[0]
        assert "rsi_14" not in values or values["rsi_14"] is None
    assert any("; its mean in training " in reason.words for reason in told)


def test_a_head_without_a_base_rate_is_refused() -> None:
    model = replace(model_of(fitted(STANDARD[0])), head=Identity())
    with pytest.raises(ScoringError, match="a head 'identity'"):
        added_parts(model, UNSEEN[0], 0.5)


GOLD = AssetSpec(name="GOLD", table="GOLD", horizons=(5, 25))


def test_scored_cells_have_reasons_and_failed_ones_have_none(
    store: ModelStore,
    lake: Lake,
    moment: Moment,
    write_snapshot: Callable[..., Snapshot],
    make_candidate: Callable[..., Candidate],
) -> None:
    write_snapshot()
    extra = {"base_rate": {**MADE, "share": 0.5}}
    store.add([make_candidate("GOLD", 25, extra=extra)])
    tables = score_tables(store, lake, [GOLD], moment)
    cells, reasons = tables["probability_details"].set_index("horizon"), tables["probability_reasons"]
    assert set(reasons["horizon"]) == {25}
    assert reasons["part"].sum() == pytest.approx(logit(cells["probability"][25]), abs=1e-9)
    assert list(reasons["position"]) == list(range(1, len(reasons) + 1))
    assert reasons["probability"].iloc[-1] == cells["probability"][25]
    assert set(reasons["as_of"]) == {END.date()}
    again = score_tables(store, lake, [GOLD], moment)["probability_reasons"]
    assert again.equals(reasons)
    assert score_tables(store, lake, [GOLD], moment, past=True)["probability_reasons"].empty


@pytest.mark.parametrize("altered", ["extra.base_rate.share", "head.base_rate", "window.rows"])
def test_a_document_that_was_altered_is_refused(
    store: ModelStore,
    lake: Lake,
    moment: Moment,
    write_snapshot: Callable[..., Snapshot],
    make_candidate: Callable[..., Candidate],
    altered: str,
) -> None:
    write_snapshot()
    store.add([make_candidate("GOLD", 25, extra={"base_rate": MADE})])
    value = 7 if altered == "window.rows" else 0.9
    assert store.backend.models.update_one({"entity": "GOLD"}, {"$set": {altered: value}}).modified_count == 1
    tables = score_tables(store, lake, [GOLD], moment)
    assert tables["probability_reasons"].empty
    assert tables["probability_details"]["probability"].isna().all()
    with pytest.raises(ArtifactRejected):
        store.load(model_key("GOLD", 25))
