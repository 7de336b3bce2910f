"""The two calls for notebooks: put a fitted model into the brain, and take one out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from brain.core.errors import ScoringError
from brain.core.keys import ModelKey, Sha256
from brain.core.settings import Settings
from brain.learning.candidate import Candidate, DataReference, Decision, TrainingWindow
from brain.portable.evaluate import Evaluator
from brain.portable.heads import Blend, Head, Identity
from brain.portable.preprocessing import split_pipeline
from brain.portable.reference import TWO_CLASSES
from brain.store.champions import Refused
from brain.store.models import ModelStore
from brain.store.provenance import describe_source, read_source
from brain.store.stored_model import StoredModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from pydantic import SecretStr

    from brain.core.counters import Counters

CHECK_ROWS = 256
DATE = "Date"
AS_IT_IS = Blend(base_rate=0.5, slope=1.0)  # a probability stays what it is


class SavedModel(NamedTuple):
    """What `save_model_to_brain` returns."""

    inserted_id: str
    model_name: str
    created_on: datetime


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
            ScoringError: A column of the schema is missing or not numeric.
        """
        return self.evaluator.outputs(self._model.rows(self._matrix(frame)))

    def probability(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """What would be published, shape (n,)."""
        return self.head.apply(self.predict_proba(frame), self.has_skill)

    def _matrix(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        missing = [name for name in self.schema if name not in frame.columns]
        text = [n for n in self.schema if n not in missing and not pd.api.types.is_numeric_dtype(frame[n])]
        if missing or text:
            raise ScoringError(
                f"{self.collection}/{self.name} v{self.version}",
                found=f"no column {', '.join(missing)}" if missing else f"no numbers in {', '.join(text)}",
                expected=f"numeric columns {', '.join(self.schema)}",
                remedy="Give the frame the columns the model was trained on; their order does not matter.",
            )
        return frame[list(self.schema)].to_numpy(dtype=np.float64)


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
    """Store a fitted scikit-learn or LightGBM model as the new champion.

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
        created_on: Now by default.
        settings: By default from the environment.
        counters: As of `ModelStore.open`.

    Raises:
        StoreError: The model cannot be exported faithfully.
    """
    settings = settings or Settings.load()
    names = tuple(features) if features is not None else tuple(sample.select_dtypes("number").columns)
    created = created_on or datetime.now(UTC)
    rows, window = sample[list(names)].to_numpy(dtype=np.float64), _window(sample, created)
    candidate = Candidate(
        key=ModelKey(use_case, collection, model_name),
        pipeline=model,
        parameters=_parameters(model),
        features=names,
        head=AS_IT_IS if len(getattr(model, "classes_", ())) == TWO_CLASSES else Identity(),
        metrics={},
        window=window,
        data=DataReference(Sha256(hashlib.sha256(rows.tobytes()).hexdigest()), window.last, tuple(source_tables)),
        decision=Decision("search", "saved from a notebook"),
        seed=0,
        trained_at=created,
        searched_at=created,
        check_rows=rows[-CHECK_ROWS:],
        description=description,
    )
    source = describe_source(source_conn if source_conn is not None else settings.source_ref, settings.encryption_keys)
    (outcome,) = ModelStore.open(settings, use_case, counters).add([candidate], connection=source)
    if isinstance(outcome, Refused):
        raise outcome.error
    return SavedModel(outcome.id, model_name, created)


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
    """
    settings = settings or Settings.load()
    store, key = ModelStore.open(settings, use_case), ModelKey(use_case, collection, model_name)
    model = store.load(key, version)
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


def _window(sample: pd.DataFrame, created: datetime) -> TrainingWindow:
    """As far as the sample tells; without dates, the day the model was saved."""
    if DATE not in sample.columns:
        day = created.astimezone(UTC).date()
        return TrainingWindow(day, day, day, len(sample))
    first, last = sample[DATE].min().date(), sample[DATE].max().date()
    return TrainingWindow(first, last, last, len(sample))


def _parameters(model: Any) -> dict[str, Any]:
    """The last step's plain settings, for people to read."""
    _, last = split_pipeline(model)
    plain = {
        name: value
        for name, value in last.get_params(deep=False).items()
        if value is None or isinstance(value, (bool, int, float, str))
    }
    return {"classifier": type(last).__name__, **plain}
