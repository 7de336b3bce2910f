"""The two calls for notebooks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from brain.core.errors import ScoringError, StoreError
from brain.core.settings import Settings
from brain.portable.export import OnnxModel
from brain.portable.heads import Identity
from brain.portable.preparation import prepared, sequences
from brain.store.models import ModelStore
from brain.store.notebook import load_model_from_brain, save_model_to_brain
from brain.store.verdicts import Verdict
from tests.portable.test_outputs import said, written
from tests.store.conftest import FEATURES, MOMENT, logistic_pipeline, training_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from brain.learning.candidate import Candidate
    from brain.store.notebook import SavedModel

    MakeCandidate = Callable[..., Candidate]

URL = "postgresql+psycopg2://reader:hunter2@db.example:5432/market"
CREATED = datetime(2024, 1, 5, 12, 30, tzinfo=UTC)


@pytest.fixture
def sample() -> pd.DataFrame:
    return pd.DataFrame(training_rows()[0], columns=list(FEATURES))


def save(settings: Settings, sample: pd.DataFrame, **changes: Any) -> SavedModel:
    model = changes.pop("model", None) or logistic_pipeline().fit(*training_rows())
    return save_model_to_brain(
        model,
        sample,
        use_case="direction",
        collection="GOLD",
        model_name="RETURNS25",
        source_tables=["GOLD"],
        created_on=CREATED,
        settings=settings,
        **changes,
    )


def test_saving_returns_id_name_and_time(settings: Settings, sample: pd.DataFrame) -> None:
    assert save(settings, sample) == ("direction/GOLD/RETURNS25/v1", "RETURNS25", CREATED)


def test_a_loaded_model_predicts_from_a_frame_in_any_column_order(settings: Settings, sample: pd.DataFrame) -> None:
    save(settings, sample, description="from a notebook")
    model = load_model_from_brain("RETURNS25", use_case="direction", collection="GOLD", settings=settings)
    shuffled = sample[list(reversed(FEATURES))].assign(unrelated="text")
    expected = logistic_pipeline().fit(*training_rows()).predict_proba(sample.to_numpy())
    np.testing.assert_allclose(model.predict_proba(shuffled), expected, atol=1e-12)
    assert (model.schema, model.source_tables, model.source_connection) == (FEATURES, ("GOLD",), "brain_source")
    np.testing.assert_allclose(model.probability(sample), expected[:, 1], atol=1e-12)


@pytest.mark.parametrize("damage", [{"drop": "rsi_14"}, {"text": "rsi_14"}])
def test_a_frame_that_does_not_fit_is_refused(settings: Settings, sample: pd.DataFrame, damage: dict[str, str]) -> None:
    save(settings, sample)
    model = load_model_from_brain("RETURNS25", use_case="direction", collection="GOLD", settings=settings)
    frame = sample.drop(columns="rsi_14") if "drop" in damage else sample.assign(rsi_14="high")
    with pytest.raises(ScoringError, match="rsi_14"):
        model.predict_proba(frame)


def test_a_source_url_is_stored_encrypted_and_comes_back_as_a_secret(settings: Settings, sample: pd.DataFrame) -> None:
    save(settings, sample, source_conn=URL)
    stored = ModelStore.open(settings, "direction").backend.models.find_one()
    assert "hunter2" not in repr(stored)
    model = load_model_from_brain("RETURNS25", use_case="direction", collection="GOLD", settings=settings)
    assert model.source_connection == SecretStr(URL)
    assert "hunter2" not in repr(model)


def test_a_source_url_survives_the_rotation_of_keys(settings: Settings, sample: pd.DataFrame) -> None:
    save(settings, sample, source_conn=SecretStr(URL))
    new = SecretStr(Fernet.generate_key().decode())
    rotated = settings.model_copy(update={"encryption_keys": (new, *settings.encryption_keys)})
    assert load_model_from_brain(
        "RETURNS25", use_case="direction", collection="GOLD", settings=rotated
    ).source_connection == SecretStr(URL)
    lost = settings.model_copy(update={"encryption_keys": (new,)})
    with pytest.raises(StoreError, match="BRAIN_ENCRYPTION_KEYS"):
        load_model_from_brain("RETURNS25", use_case="direction", collection="GOLD", settings=lost)


def test_a_model_that_cannot_be_exported_is_refused_with_the_reason(settings: Settings, sample: pd.DataFrame) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(max_iter=5).fit(*training_rows())
    with pytest.raises(StoreError, match="HistGradientBoostingClassifier"):
        save(settings, sample, model=model)


def test_a_loaded_champion_says_what_is_published_for_it(settings: Settings, make_candidate: MakeCandidate) -> None:
    """The judge's verdict on it counts, and while there is none, the base rate."""
    store = ModelStore.open(settings, "direction")
    candidate = make_candidate(metrics={"p_value": 0.01})
    frame = pd.DataFrame(candidate.check_rows, columns=list(FEATURES))
    store.save([candidate], MOMENT)
    before = load_model_from_brain("RETURNS25", use_case="direction", collection="GOLD", settings=settings)
    assert set(before.probability(frame)) == {0.55}
    store.record_verdicts([Verdict(candidate.key, 1, True, 0.01, MOMENT.at)])
    model = load_model_from_brain("RETURNS25", use_case="direction", collection="GOLD", settings=settings)
    expected = candidate.head.apply(candidate.pipeline.predict_proba(candidate.check_rows), True)
    np.testing.assert_allclose(model.probability(frame), expected, atol=1e-12)


def test_a_regressor_can_be_saved_and_loaded(settings: Settings, sample: pd.DataFrame) -> None:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    matrix, outcome = training_rows()
    pipeline = make_pipeline(SimpleImputer(), Ridge()).fit(matrix, outcome * 7.0)
    save(settings, sample, model=pipeline)
    model = load_model_from_brain("RETURNS25", use_case="direction", collection="GOLD", settings=settings)
    assert model.head == Identity()
    np.testing.assert_allclose(model.probability(sample), pipeline.predict(matrix), atol=1e-4)


def test_a_loaded_model_of_sequences_takes_the_rows_before_each(
    settings: Settings, sample: pd.DataFrame, make_candidate: MakeCandidate
) -> None:
    rows = prepared(sample.fillna(0.0).to_numpy(), "float32")
    windows = sequences(rows, 6)
    changes = {"head": Identity(), "steps": 6, "preparation": "float32", "check_rows": windows}
    candidate = make_candidate(pipeline=OnnxModel(written(), said(windows)), **changes)
    ModelStore.open(settings, "direction").save([candidate], MOMENT)
    model = load_model_from_brain("RETURNS25", use_case="direction", collection="GOLD", settings=settings)
    np.testing.assert_allclose(model.predict_proba(sample.fillna(0.0)), said(windows), atol=1e-9)
