"""What `brain models` shows and writes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest
from scipy.special import expit, logit

from brain.model_screen import screen_of
from brain.store.browse import diff, export_model, list_models, show_model, verify_models
from brain.store.verdicts import Verdict
from brain.usecases.direction.names import model_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brain.learning.candidate import Candidate
    from brain.store.models import ModelStore

    MakeCandidate = Callable[..., Candidate]

GOLD = model_key("GOLD", 25)
NOW = datetime(2024, 2, 1, tzinfo=UTC)


def test_the_list_shows_the_verdict_and_revised_data(store: ModelStore, make_candidate: MakeCandidate) -> None:
    store.add([make_candidate("SILVER"), make_candidate("GOLD")])
    store.record_verdicts([Verdict(GOLD, 1, False, 0.4, NOW)])
    store.mark_revised("SILVER", "corrected 3 rows", NOW, "SILVER: corrected, read 3, corrected 3 (…)")
    gold, silver = list_models(store)
    assert (gold.entity, gold.version, gold.classifier, gold.has_skill) == ("GOLD", 1, "logistic", False)
    assert (silver.has_skill, silver.note) == (None, "corrected 3 rows")
    shown = dict(screen_of(show_model(store, model_key("SILVER", 25))))
    assert shown["since then"] == "SILVER: corrected, read 3, corrected 3 (…)"
    assert "since then" not in dict(screen_of(show_model(store, GOLD)))


def test_a_model_shows_the_customary_metadata(store: ModelStore, make_candidate: MakeCandidate) -> None:
    store.add([make_candidate()])
    shown = show_model(store, GOLD)
    assert (shown["name"], shown["entity"], shown["target"]) == ("RETURNS25", "GOLD", "RETURNS25")
    assert [column["name"] for column in shown["schema"]] == list(make_candidate().features)
    assert shown["source_tables"] == ["GOLD"]
    assert shown["source_connection"] == {"reference": "brain_source"}
    assert shown["created_on"] == "2024-01-05T00:00:00+00:00"
    json.dumps(shown)


def test_diff_names_what_changed(store: ModelStore, make_candidate: MakeCandidate) -> None:
    store.add([make_candidate(), make_candidate(seed=1, parameters={"classifier": "logistic", "C": 0.1})])
    found = {difference.field: (difference.before, difference.after) for difference in diff(store, GOLD, 1, 2)}
    assert found["hyper_parameters.C"] == (1.0, 0.1)
    assert "name" not in found


def test_verification_names_the_altered_version(store: ModelStore, make_candidate: MakeCandidate) -> None:
    store.add([make_candidate(), make_candidate("SILVER")])
    store.backend.models.update_one({"entity": "SILVER"}, {"$set": {"description": "better than it is"}})
    problems = {checked.id: checked.problem for checked in verify_models(store)}
    assert problems["direction/GOLD/RETURNS25/v1"] == ""
    assert "altered" in problems["direction/SILVER/RETURNS25/v1"]


def test_an_exported_model_and_its_card_suffice_elsewhere(
    store: ModelStore, make_candidate: MakeCandidate, tmp_path: Path
) -> None:
    candidate = make_candidate()
    store.add([candidate])
    onnx, card_path = export_model(store, GOLD, None, tmp_path)
    card = json.loads(card_path.read_text())
    assert card["usage"]["input"]["features"] == list(candidate.features)
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    (both,) = session.run([card["usage"]["output"]["name"]], {session.get_inputs()[0].name: candidate.check_rows})
    c = card["usage"]["head"]
    published = expit(logit(c["base_rate"]) + c["intercept"] + c["slope"] * (logit(both[:, 1]) - c["center"]))
    outputs = candidate.pipeline.predict_proba(candidate.check_rows)
    np.testing.assert_allclose(published, candidate.head.apply(outputs, True), atol=1e-12)


@pytest.mark.parametrize("asset", ["A/B", "Ünïcode", "..", "a b"])
def test_any_asset_name_can_be_exported(
    store: ModelStore, make_candidate: MakeCandidate, tmp_path: Path, asset: str
) -> None:
    store.add([make_candidate(asset)])
    onnx, _ = export_model(store, model_key(asset, 25), None, tmp_path)
    assert onnx.parent == tmp_path
    assert onnx.exists()
