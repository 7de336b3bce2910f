"""Score the newest row of many units with their champions, a chunk of units at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from brain.core.errors import BrainError, ModelNotFound, ScoringError, Transient
from brain.core.keys import ModelKey
from brain.portable.evaluate import LinearModel, stacked
from brain.scoring.rows import FeatureRows, read_rows
from brain.store.champions import Champion, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from brain.core.keys import Sha256
    from brain.core.moment import Moment
    from brain.lake.lake import Lake
    from brain.portable.evaluate import Evaluator
    from brain.store.models import ModelStore

CHUNK_UNITS = 25  # a few hundred models: memory grows with this, not with the catalogue


@dataclass(frozen=True)
class Wanted:
    """What to score of one unit: its newest row, by the champion of each target.

    Args:
        rows: How many of the newest rows a model looks at: more than one for a sequence model.
    """

    unit: str
    targets: tuple[str, ...]
    rows: int = 1


@dataclass(frozen=True)
class Score:
    """What a champion gives for one row, and where it comes from.

    Args:
        as_of: Key of the row it was computed from.
        value: What is published: the model's output through its head.
        raw: The model's own output, shape (outputs,).
        data_sha256: Hash of the snapshot that the row is from.
        row: What the model took, shape (features,) or (steps, features).
        evaluator: The model; None where what it says was not published, for it takes memory.
    """

    champion: Champion
    as_of: date
    value: float
    raw: NDArray[np.float64]
    data_sha256: Sha256
    row: NDArray[np.float64]
    evaluator: Evaluator | None = field(default=None, repr=False)

    @property
    def key(self) -> ModelKey:
        return self.champion.key


@dataclass(frozen=True)
class Unscored:
    """A model that gave nothing, and why; the others go on."""

    key: ModelKey
    error: BrainError


def score_newest(
    store: ModelStore,
    lake: Lake,
    space: str,
    wanted: Sequence[Wanted],
    moment: Moment,
    *,
    past: bool = False,
    record: bool = False,
) -> Iterator[Score | Unscored]:
    """Score the newest row of every unit known at `moment`, each target once.

    One query a chunk of units streams the champions; each unit's newest row is read once.

    Args:
        space: The lake folder of the units' snapshots.
        past: Score with those that were champions at `moment`. By default with the present ones, unless one was trained
            or judged after `moment`: then with the one of that moment, too.
        record: Read and verify the record of the present ones, too.

    Raises:
        Transient: A server or the lake cannot be reached: nothing is known about any model, so try again.
    """
    for start in range(0, len(wanted), CHUNK_UNITS):
        yield from _score_chunk(store, lake, space, wanted[start : start + CHUNK_UNITS], moment, past, record)


def _score_chunk(
    store: ModelStore, lake: Lake, space: str, wanted: Sequence[Wanted], moment: Moment, past: bool, record: bool
) -> Iterator[Score | Unscored]:
    waiting: dict[ModelKey, None] = {}
    rows: dict[str, FeatureRows] = {}
    for one in wanted:
        keys = [ModelKey(store.use_case, one.unit, target) for target in one.targets]
        found = _newest_rows(lake, space, one, moment)
        if isinstance(found, FeatureRows):
            rows[one.unit] = found
            waiting |= dict.fromkeys(keys)
        else:
            yield from (Unscored(key, found) for key in keys)
    champions = champions_of(store, list(rows), moment, past=past, record=record)
    yield from _scored(_found(champions, waiting), rows)
    yield from (Unscored(key, untrained(key, moment)) for key in waiting)


def champions_of(
    store: ModelStore, units: Sequence[str], moment: Moment, *, past: bool, record: bool = False
) -> Iterator[Champion | Refused]:
    """The champions that score for `moment`, as `score_newest` takes them."""
    return store.champions(units, then=moment) if past else _known(store, units, moment, record)


def _known(store: ModelStore, units: Sequence[str], moment: Moment, record: bool) -> Iterator[Champion | Refused]:
    """The present champions; for one that `moment` cannot know yet, the champion of that moment."""
    later: set[ModelKey] = set()
    for champion in store.champions(units, record=record):
        if isinstance(champion, Champion) and champion.since > moment.at:
            later.add(champion.key)
        else:
            yield champion
    if later:
        entities, targets = ({getattr(key, part) for key in later} for part in ("entity", "target"))
        then = store.champions(sorted(entities), sorted(targets), then=moment)
        yield from (champion for champion in then if champion.key in later)


def _found(champions: Iterable[Champion | Refused], waiting: dict[ModelKey, None]) -> Iterator[Champion | Refused]:
    """The champions that are waited for; each is taken out of `waiting`."""
    for champion in champions:
        if champion.key in waiting:
            del waiting[champion.key]
            yield champion


def _scored(champions: Iterable[Champion | Refused], rows: Mapping[str, FeatureRows]) -> Iterator[Score | Unscored]:
    """One at a time, except for linear models, which are evaluated together at the end."""
    stack: list[tuple[Champion, NDArray[np.float64], LinearModel]] = []
    for champion in champions:
        if isinstance(champion, Refused):
            yield Unscored(champion.key, champion.error)
            continue
        try:
            matrix, evaluator = rows[champion.key.entity].matrix(champion.model), champion.model.evaluator()
            if isinstance(evaluator, LinearModel):
                stack.append((champion, matrix[-1:], evaluator))
            else:
                yield _score(champion, rows, matrix[-1], evaluator, evaluator.outputs(matrix))
        except BrainError as error:
            yield Unscored(champion.key, error)
    if stack:
        outputs = stacked([model for *_, model in stack], [matrix for _, matrix, _ in stack])
        for place, (champion, matrix, model) in enumerate(stack):
            yield _score(champion, rows, matrix[-1], model, outputs[place : place + 1])


def _score(
    champion: Champion,
    rows: Mapping[str, FeatureRows],
    row: NDArray[np.float64],
    evaluator: Evaluator,
    outputs: NDArray[np.float64],
) -> Score:
    of, value = rows[champion.key.entity], float(champion.apply(outputs)[-1])
    kept = None if champion.has_skill is False else evaluator
    return Score(champion, of.newest, value, outputs[-1], of.data_sha256, row, kept)


def _newest_rows(lake: Lake, space: str, wanted: Wanted, moment: Moment) -> FeatureRows | BrainError:
    try:
        snapshot = lake.as_of(space, wanted.unit, moment)
        return _unextracted(wanted.unit, moment) if snapshot is None else read_rows(lake, snapshot, wanted.rows)
    except Transient:
        raise
    except BrainError as error:
        return error


def untrained(key: ModelKey, moment: Moment) -> ModelNotFound:
    """The error for a model that nobody has trained by `moment`."""
    return ModelNotFound(
        f"{key.entity}, {key.target}",
        found=f"no champion by {moment.at:%Y-%m-%d %H:%M} UTC",
        expected="a trained model",
        remedy=f"Train it (`brain train {key.entity}`); `brain models decisions {key.entity}` says why there is none.",
    )


def _unextracted(unit: str, moment: Moment) -> ScoringError:
    return ScoringError(
        unit,
        found=f"no snapshot in the lake by {moment.day}",
        expected="one that passed the quality gate",
        remedy="Extract it; `brain extract` says why it was refused.",
    )
