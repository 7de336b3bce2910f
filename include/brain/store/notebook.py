"""The two calls for notebooks: put a fitted model into the brain, and take one out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from brain.core.keys import ModelKey, Sha256
from brain.core.moment import entered
from brain.core.settings import Settings
from brain.learning.candidate import Candidate, DataReference, Decision, TrainingWindow
from brain.portable.evaluate import Evaluator
from brain.portable.heads import Blend, Head, Identity
from brain.portable.preprocessing import split_pipeline
from brain.portable.reference import TWO_CLASSES
from brain.store.champions import Refused
from brain.store.models import ModelStore
from brain.store.notebook_input import (
    days_of,
    matrix_of,
    refused,
    require_model,
    sample_rows,
    text,
    texts,
    version_number,
)
from brain.store.provenance import describe_source, read_source
from brain.store.stored_model import StoredModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from pydantic import SecretStr

    from brain.core.counters import Counters

CHECK_ROWS = 256
AS_IT_IS = Blend(base_rate=0.5, slope=1.0)  # a probability stays what it is


class _Saved(NamedTuple):
    inserted_id: str
    model_name: str
    created_on: datetime


class SavedModel(_Saved):
    """What `save_model_to_brain` returns: id, name and time; and whether the model is the champion now (`promoted`)."""

    promoted: bool

    def __new__(cls, inserted_id: str, model_name: str, created_on: datetime, promoted: bool = False) -> Self:
        made = super().__new__(cls, inserted_id, model_name, created_on)
        made.promoted = promoted  # beside the tuple: notebooks unpack three values
        return made

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, promoted={self.promoted})"


@dataclass(frozen=True)
class LoadedModel:
    """A verified model with its bread crumbs.

    Args:
        schema: Feature columns, in order.
        source_connection: The name of the connection, or its URL as a secret that does not print.
        has_skill: Whether it may claim skill; None if it never will be judged.
    """

    name: str
    collection: str
    version: int
    created_on: datetime
    schema: tuple[str, ...]
    source_tables: tuple[str, ...]
    source_connection: str | SecretStr
    description: str
    head: Head
    has_skill: bool | None
    evaluator: Evaluator = field(repr=False)
    _model: StoredModel = field(repr=False)

    def predict_proba(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """The model's own outputs, shape (n, outputs): the probability of each class; columns are found by name.

        A model of sequences gives a row for each row of the frame that has enough rows before it.

        Raises:
            ScoringError: It is no frame, or a column of the schema is missing, there twice, or not numeric.
        """
        matrix = matrix_of(frame, self.schema, f"{self.collection}/{self.name} v{self.version}")
        return self.evaluator.outputs(self._model.rows(matrix))

    def probability(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """What would be published, shape (n,)."""
        return self.head.apply(self.predict_proba(frame), self.has_skill)


def save_model_to_brain(
    model: Any,
    sample: pd.DataFrame,
    *,
    use_case: str,
    collection: str,
    model_name: str,
    features: Sequence[str] | None = None,
    source_tables: Sequence[str] = (),
    source_conn: Any = None,
    description: str = "",
    created_on: datetime | None = None,
    settings: Settings | None = None,
    counters: Counters | None = None,
) -> SavedModel:
    """Store a fitted scikit-learn or LightGBM model as the new champion, unless a newer one is there.

    The model is stored as ONNX and compared with the fitted one on rows of `sample` first. Nobody judges its skill: its
    own output is what is published.

    Args:
        model: A fitted pipeline, a classifier with classes 0, 1, …, or a regressor.
        sample: Real training rows with the feature columns, and ``Date`` if at hand.
        use_case: What it is for: direction.
        collection: What it is about: GOLD.
        model_name: What it predicts: RETURNS25.
        features: The columns it takes, in order; by default all numeric columns of `sample`.
        source_conn: The name of the source connection (stored as it is), or its URL or engine (stored encrypted).
        created_on: With a time zone, not in the future; now by default. One before the champion's is not promoted.
        settings, counters: As of `ModelStore.open`; settings by default from the environment.

    Raises:
        MomentRefused: `created_on` lies in the future, where no run would publish the model, nor training replace it.
        StoreError: Something given is not what it should be, or the model cannot be exported faithfully.
    """
    require_model(model)
    (names, rows), created = sample_rows(sample, features), _created(created_on)
    window = _window(sample, created)
    settings = settings or Settings.load()
    candidate = Candidate(
        key=_key(use_case, collection, model_name),
        pipeline=model,
        parameters=_parameters(model),
        features=names,
        head=AS_IT_IS if len(getattr(model, "classes_", ())) == TWO_CLASSES else Identity(),
        metrics={},
        window=window,
        data=_data(rows, window, source_tables),
        decision=Decision("search", "saved from a notebook"),
        seed=0,
        trained_at=created,
        searched_at=created,
        check_rows=rows[-CHECK_ROWS:],
        description=text("description", description, empty=True),
    )
    source = describe_source(source_conn if source_conn is not None else settings.source_ref, settings.encryption_keys)
    (outcome,) = ModelStore.open(settings, use_case, counters).add([candidate], connection=source)
    if isinstance(outcome, Refused):
        raise outcome.error
    return SavedModel(outcome.id, model_name, created, outcome.promoted)


def load_model_from_brain(
    model_name: str,
    *,
    use_case: str,
    collection: str,
    version: int | None = None,
    settings: Settings | None = None,
) -> LoadedModel:
    """Load a verified model, the champion by default.

    Raises:
        ModelNotFound: There is no such model.
        ArtifactRejected: It failed verification.
        StoreError: A name is no text, or the version no number.
    """
    key, number = _key(use_case, collection, model_name), version_number(version)
    settings = settings or Settings.load()
    store = ModelStore.open(settings, use_case)
    model = store.load(key, number)
    verdict = store.verdict(key, model.version)
    document = model.document
    return LoadedModel(
        name=document["name"],
        collection=collection,
        version=model.version,
        created_on=document["created_on"],
        schema=model.features,
        source_tables=tuple(document["source_tables"]),
        source_connection=read_source(document["source_connection"], settings.encryption_keys),
        description=document["description"],
        head=model.head,
        has_skill=model.before_verdict if verdict is None else verdict.has_skill,
        evaluator=model.evaluator(),
        _model=model,
    )


def _key(use_case: Any, collection: Any, model_name: Any) -> ModelKey:
    given = {"use_case": use_case, "collection": collection, "model_name": model_name}
    return ModelKey(*(text(f"the {what}", value) for what, value in given.items()))


def _created(created_on: Any) -> datetime:
    clock = datetime.now(UTC)
    if created_on is None:
        return clock
    if not isinstance(created_on, datetime):
        raise refused("created_on", f"a value of type {type(created_on).__name__}", "a datetime with a time zone")
    return entered(created_on, clock, "created_on").at


def _window(sample: pd.DataFrame, created: datetime) -> TrainingWindow:
    """As far as the sample tells; without dates, the day the model was saved."""
    day = created.astimezone(UTC).date()
    first, last = days_of(sample) or (day, day)
    return TrainingWindow(first, last, last, len(sample))


def _data(rows: NDArray[np.float64], window: TrainingWindow, source_tables: Any) -> DataReference:
    sha256 = Sha256(hashlib.sha256(rows.tobytes()).hexdigest())
    return DataReference(sha256, window.last, texts("source_tables", source_tables))


def _parameters(model: Any) -> dict[str, Any]:
    """The last step's plain settings, for people to read."""
    _, last = split_pipeline(model)
    plain = {
        name: value
        for name, value in last.get_params(deep=False).items()
        if value is None or isinstance(value, (bool, int, float, str))
    }
    return {"classifier": type(last).__name__, **plain}
