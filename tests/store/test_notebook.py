"""The two calls for notebooks."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from brain.core.errors import BrainError, ScoringError, StoreError
from brain.core.settings import Settings
from brain.portable.export import OnnxModel
from brain.portable.heads import Identity
from brain.portable.preparation import prepared, sequences
from brain.store.models import ModelStore
from brain.store.notebook import load_model_from_brain, save_model_to_brain
from brain.store.verdicts import Verdict
from brain.usecases.direction.names import model_key
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


FITTED = logistic_pipeline().fit(*training_rows())
TEXT_DATES = {"Date": ["2024-01-05"] * 300}
GAPS = {"Date": [pd.NaT, *pd.date_range("2020-01-01", periods=299)]}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"model": logistic_pipeline()}, "cannot score the rows it is given: .*[Ff]itted"),
        ({"model": None}, "model: found nothing"),
        ({"model": "logistic"}, "model: found a value of type str"),
        ({"sample": [[1.0]]}, "sample: found a value of type list"),
        ({"sample": pd.DataFrame()}, "0 rows of 0 features"),
        ({"features": ["rsi_15"]}, "no column rsi_15"),
        ({"features": ["rsi_14", "rsi_14"]}, "rsi_14 twice"),
        ({"features": FEATURES[:2]}, "cannot score the rows it is given: ValueError"),
        ({"features": "rsi_14"}, "features: found a value of type str"),
        ({"source_tables": [5]}, "one of source_tables: found a value of type int"),
        ({"description": "\ud800"}, "no UTF-8"),
        ({"description": "x" * 20_000}, "20000 characters"),
        ({"source_conn": object()}, "source_conn: found a value of type object"),
        ({"created_on": "2024-01-05"}, "created_on: found a value of type str"),
        ({"created_on": datetime(2024, 1, 5)}, "without a time zone"),  # noqa: DTZ001
        ({"created_on": datetime(2999, 1, 1, tzinfo=UTC)}, "created_on: .* expected a moment that has come"),
        ({"collection": 5}, "collection: found a value of type int"),
        ({"model_name": 5}, "model_name: found a value of type int"),
        ({"use_case": ["direction"]}, "use_case: found a value of type list"),
    ],
)
def test_what_is_no_model_no_rows_or_no_name_is_refused(
    settings: Settings, sample: pd.DataFrame, given: dict[str, Any], told: str
) -> None:
    names = {"use_case": "direction", "collection": "GOLD", "model_name": "RETURNS25"}
    values: dict[str, Any] = {"model": FITTED, "sample": sample, **names, **given}
    with pytest.raises(BrainError, match=told):
        save_model_to_brain(values.pop("model"), values.pop("sample"), settings=settings, **values)
    assert ModelStore.open(settings, "direction").backend.models.count_documents({}) == 0


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (TEXT_DATES, "Date: found a value of type str; expected dates"),
        (GAPS, "1 rows without a date"),
        ({"rsi_14": "high"}, "no numbers in rsi_14"),
        ({"rsi_14": 1j}, "no numbers in rsi_14"),
    ],
)
def test_a_sample_whose_columns_are_something_else_is_refused(
    settings: Settings, sample: pd.DataFrame, columns: dict[str, Any], told: str
) -> None:
    with pytest.raises(StoreError, match=told):
        save(settings, sample.assign(**columns), features=FEATURES)


def test_a_model_that_takes_no_gaps_is_refused_with_its_own_words(settings: Settings, sample: pd.DataFrame) -> None:
    from sklearn.linear_model import LogisticRegression

    matrix, outcome = training_rows()
    model = LogisticRegression().fit(sample.fillna(0.0).to_numpy(), outcome)
    with pytest.raises(StoreError, match="cannot score the rows it is given: ValueError: Input X contains NaN"):
        save(settings, pd.DataFrame(matrix * float("nan"), columns=list(FEATURES)), model=model)


def test_days_of_any_kind_become_the_window(settings: Settings, sample: pd.DataFrame) -> None:
    for days in (pd.date_range("2020-01-01", periods=300), pd.date_range("2020-01-01", periods=300).date):
        save(settings, sample.assign(Date=days), features=FEATURES)
    stored = ModelStore.open(settings, "direction").load(model_key("GOLD", 25)).document
    assert f"{stored['data']['watermark']:%Y-%m-%d}" == "2020-10-26"


def test_a_saved_model_says_whether_it_is_the_champion(settings: Settings, sample: pd.DataFrame) -> None:
    first = save(settings, sample)
    other = logistic_pipeline().fit(*training_rows(seed=1))
    earlier = brain_save(settings, sample, other, created_on=CREATED - timedelta(days=1))
    assert (first.promoted, earlier.promoted) == (True, False)
    assert ModelStore.open(settings, "direction").champion_version(model_key("GOLD", 25)) == 1
    assert "promoted=False" in repr(earlier)
    identifier, _, created = pickle.loads(pickle.dumps(earlier))
    assert (identifier, created) == ("direction/GOLD/RETURNS25/v2", CREATED - timedelta(days=1))


def brain_save(settings: Settings, sample: pd.DataFrame, model: Any, **others: Any) -> SavedModel:
    names: dict[str, Any] = {"use_case": "direction", "collection": "GOLD", "model_name": "RETURNS25"}
    return save_model_to_brain(model, sample, settings=settings, **names, **others)


@pytest.mark.parametrize("version", [0, -1, 2**70, "1", 1.5, True, {}])
def test_a_version_that_is_no_number_of_one_is_refused(
    settings: Settings, sample: pd.DataFrame, version: object
) -> None:
    save(settings, sample)
    with pytest.raises(StoreError, match=r"version: found .* expected a whole number from 1"):
        load_model_from_brain(
            "RETURNS25",
            use_case="direction",
            collection="GOLD",
            version=version,  # type: ignore[arg-type]
            settings=settings,
        )


@pytest.mark.parametrize("given", [{"model_name": {}}, {"collection": 5}, {"use_case": None}])
def test_a_name_to_load_that_is_no_text_is_refused(settings: Settings, given: dict[str, Any]) -> None:
    named = {"model_name": "RETURNS25", "use_case": "direction", "collection": "GOLD", **given}
    with pytest.raises(StoreError, match="expected text"):
        load_model_from_brain(**named, settings=settings)


@pytest.mark.parametrize("frame", [None, [[1.0, 2.0]], 5])
def test_what_is_no_frame_is_not_predicted(settings: Settings, sample: pd.DataFrame, frame: Any) -> None:
    save(settings, sample)
    model = load_model_from_brain("RETURNS25", use_case="direction", collection="GOLD", settings=settings)
    with pytest.raises(ScoringError, match="expected a DataFrame"):
        model.predict_proba(frame)
    with pytest.raises(ScoringError, match="two columns rsi_14"):
        model.probability(pd.concat([sample, sample[["rsi_14"]]], axis=1))
