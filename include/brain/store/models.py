"""The model store: immutable versions, one champion a model key."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from brain.core.errors import ArtifactRejected, BrainError, ModelNotFound
from brain.core.keys import ModelKey, Sha256
from brain.core.signing import Signer
from brain.learning.candidate import Candidate, ChampionSummary, Decision, Failed
from brain.store import document, verdicts
from brain.store.backend import Backend, key_of
from brain.store.bson_values import to_plain
from brain.store.champions import Champion, Refused, verify_pointer
from brain.store.connection import database, explained
from brain.store.decisions import record_decisions
from brain.store.document import SIGNED_BY_ANY
from brain.store.large_artifacts import payload_of
from brain.store.past_champions import past_champions
from brain.store.retention import prune, rollback
from brain.store.schema import KEY, MODELS, prepare
from brain.store.stored_model import StoredModel, model_id
from brain.store.writing import Saved, Writer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from brain.core.moment import Moment
    from brain.core.settings import Settings
    from brain.learning.candidate import TrainingResult

_LOG = logging.getLogger(__name__)
FETCH = 100  # documents a round trip; bounds the memory of a stream
POINTER = {"_id": 1, **dict.fromkeys(KEY, 1), "version": 1, "model": 1, "trained_at": 1, "signature": 1, "verdict": 1}


class ModelStore:
    """All model versions of one use case, and the pointers to the champions.

    Args:
        source_ref: The name of the source that training reads.
    """

    def __init__(self, backend: Backend, source_ref: str, use_case: str) -> None:
        self.backend = backend
        self.use_case = use_case
        self._source_ref = source_ref

    @classmethod
    def open(cls, settings: Settings, use_case: str) -> ModelStore:
        """Connect, and create the collections if need be.

        Raises:
            ServerUnreachable: Nothing answers.
            CredentialsRejected: The login is refused.
        """
        backend = Backend(database(settings.mongo_url), Signer(settings.signing_keys))
        with explained():
            prepare(backend.database)
        return cls(backend, settings.source_ref, use_case)

    def save(self, results: Iterable[TrainingResult], moment: Moment) -> list[Saved | Refused]:
        """Store what training gives: candidates as new versions and champions, and what was decided for every model.

        As `add` for candidates. The decisions of all results are recorded for `moment`; a rerun replaces them. A failed
        result and a candidate that is refused have the action ``failed``.

        Args:
            results: May be a generator; each candidate is exported as it comes.

        Returns:
            How each candidate was stored, or why not, in order.
        """
        made: dict[ModelKey, Decision] = {}
        stored = self.add(_candidates(results, made))
        made |= {one.key: Decision("failed", str(one.error)) for one in stored if isinstance(one, Refused)}
        with explained():
            record_decisions(self.backend, moment, made)
        return stored

    def add(
        self, candidates: Iterable[Candidate], *, connection: Mapping[str, str] | None = None
    ) -> list[Saved | Refused]:
        """Export, check and store candidates as new versions, and make them champions.

        A candidate equal to the newest version of its key is not stored twice. One trained for an earlier moment than
        the present champion is stored but not promoted. Memory is bounded whatever the number of candidates.

        Args:
            candidates: May be a generator; each is exported as it comes.
            connection: Where the rows came from; by default a reference to the configured source.

        Returns:
            One outcome a candidate, in order; a `Refused` one stops no other.
        """
        with explained():
            return Writer(self.backend, connection or {"reference": self._source_ref}).write(candidates)

    def load(self, key: ModelKey, version: int | None = None) -> StoredModel:
        """One version, the champion by default, with its whole document verified.

        Raises:
            ModelNotFound: There is no such version.
            ArtifactRejected: It failed verification.
        """
        with explained():
            number = version or self.champion_version(key)
            found = self.backend.models.find_one({**_filter(key), "version": number})
            if found is None:
                raise _not_found(model_id(key, number))
            document.verify(found, key, number, self.backend.signer, record=True)
            return document.read(found, payload_of(self.backend, found, model_id(key, number)), key, number)

    def rollback(self, key: ModelKey, version: int, *, at: datetime, reason: str) -> int:
        """Make a stored version, verified first, the champion again; returns the version it replaces.

        Its verdict is gone: until the judge has seen it again, it may claim no skill.

        Args:
            at: When: the time of the command.

        Raises:
            ModelNotFound: There is no such version, or no champion.
            ArtifactRejected: The version failed verification; the present champion stays.
        """
        self.load(key, version).evaluator()
        with explained():
            return rollback(self.backend, key, version, at=to_plain(at), reason=reason)

    def prune(
        self,
        *,
        keep: int,
        referenced: Collection[tuple[ModelKey, int]] = (),
        entities: Sequence[str] | None = None,
    ) -> list[tuple[ModelKey, int]]:
        """Delete versions that nothing needs; returns which.

        A version goes if it is older than the champion, not `referenced` (what was published still points to it), and
        not among the newest `keep` besides the champion.
        """
        with explained():
            return prune(self.backend, keep, frozenset(referenced), self.scope(entities))

    def champion_version(self, key: ModelKey) -> int:
        """The version the champion pointer names.

        Raises:
            ModelNotFound: The key has no champion.
            ArtifactRejected: The pointer was altered.
        """
        pointer = self._pointer(key)
        if pointer is None:
            raise _not_found(str(key))
        return pointer[0]

    def verdict(self, key: ModelKey, version: int) -> verdicts.Verdict | None:
        """The verdict on a version; None if it is not the champion, or was not judged yet.

        Raises:
            ArtifactRejected: The pointer or the verdict was altered.
        """
        champion, verdict = self._pointer(key) or (None, None)
        return verdict if champion == version else None

    def has_champion(self, key: ModelKey) -> bool:
        """Whether there is a champion, sound or not."""
        with explained():
            return self.backend.champions.find_one(_filter(key), {"_id": 1}) is not None

    def champion(self, key: ModelKey) -> Champion | Refused:
        """The champion of one key, verified as scoring does.

        Raises:
            ModelNotFound: There is none.
        """
        found = next(self.champions([key.entity], [key.target]), None)
        if found is None:
            raise _not_found(str(key))
        return found

    def champions(
        self, entities: Sequence[str], targets: Sequence[str] | None = None, *, then: Moment | None = None
    ) -> Iterator[Champion | Refused]:
        """Stream the verified champions of `entities`, in key order, with one query.

        Args:
            targets: Only these; all by default.
            then: The champions of that moment, each with its verdict only if that was passed by then and still stands;
                by default the present ones.
        """
        fields = dict.fromkeys((*SIGNED_BY_ANY, "payload", "signature"), 1)
        with explained():
            if then is not None:
                yield from past_champions(self.backend, self.scope(entities, targets), then)
                return
            for pointer in self._joined(entities, targets, fields):
                key = key_of(pointer)
                try:
                    yield self._champion(pointer, key)
                except (ArtifactRejected, ModelNotFound) as error:
                    yield Refused(key, error)

    def champion_summaries(
        self, entities: Sequence[str], targets: Sequence[str] | None = None
    ) -> dict[ModelKey, ChampionSummary]:
        """The champions in brief, without artifacts: what decides whether to train, refresh or skip.

        A champion that fails verification is left out, with a warning in the log: it will be trained anew.
        """
        return {key_of(found): _summary(found, pointer) for pointer, found in self._sound(entities, targets)}

    def claims(self, entities: Sequence[str], targets: Sequence[str] | None = None) -> list[verdicts.Claim]:
        """What the champions claim of their skill, for the judge: skipped and refreshed models included.

        A model brought from elsewhere has no p-value and claims nothing. A champion that fails verification is left
        out, with a warning in the log.
        """
        return [
            verdicts.Claim(key_of(found), found["version"], found["metrics"]["p_value"])
            for _, found in self._sound(entities, targets)
            if found["metrics"].get("p_value") is not None
        ]

    def record_verdicts(self, judged: Iterable[verdicts.Verdict]) -> int:
        """Sign the judge's verdicts onto the champions; returns how many still were the judged version."""
        with explained():
            return verdicts.record(self.backend, judged)

    def mark_revised(self, entity: str, reason: str, at: datetime) -> int:
        """Note on the champions of `entity` that rows they were trained on have been corrected since.

        The note goes when a newer version is promoted. Returns the number of champions noted.
        """
        note = {"$set": {"revised": {"reason": reason, "at": to_plain(at)}}}
        chosen = {"use_case": self.use_case, "entity": entity}
        with explained():
            return self.backend.champions.update_many(chosen, note).matched_count

    def scope(self, entities: Sequence[str] | None, targets: Sequence[str] | None = None) -> dict[str, Any]:
        """A filter for the use case's documents of some entities and targets; None stands for all."""
        given = {"entity": entities, "target": targets}
        some = {name: {"$in": list(values)} for name, values in given.items() if values is not None}
        return {"use_case": self.use_case, **some}

    def _joined(
        self, entities: Sequence[str], targets: Sequence[str] | None, fields: dict[str, int]
    ) -> Iterator[dict[str, Any]]:
        # A projection inside the lookup costs three times as much as one behind it.
        stages: list[dict[str, Any]] = [
            {"$match": self.scope(entities, targets)},
            {"$sort": dict.fromkeys(KEY, 1)},
            {"$lookup": {"from": MODELS, "localField": "model", "foreignField": "_id", "as": "found"}},
            {"$project": {**POINTER, "revised": 1, "degraded": 1, "found": fields}},
        ]
        with self.backend.champions.aggregate(stages, batchSize=FETCH) as cursor:
            yield from cursor

    def _champion(self, pointer: dict[str, Any], key: ModelKey) -> Champion:
        verdict, found = self._verified(pointer, key)
        payload = payload_of(self.backend, found, found["_id"])
        return Champion(document.read(found, payload, key, pointer["version"]), verdict)

    def _sound(
        self, entities: Sequence[str], targets: Sequence[str] | None
    ) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Pointers and signed parts of the champions that pass verification."""
        fields = dict.fromkeys((*SIGNED_BY_ANY, "signature"), 1)
        with explained():
            for pointer in self._joined(entities, targets, fields):
                try:
                    found = self._verified(pointer, key_of(pointer))[1]
                except BrainError as error:
                    _LOG.warning("treated as absent: %s", error)
                else:
                    yield pointer, found

    def _verified(self, pointer: dict[str, Any], key: ModelKey) -> tuple[verdicts.Verdict | None, dict[str, Any]]:
        signer = self.backend.signer
        verdict = verify_pointer(pointer, key, signer)
        if not pointer["found"]:
            raise _not_found(pointer["model"])
        (found,) = pointer["found"]
        document.verify(found, key, pointer["version"], signer)
        return verdict, found

    def _pointer(self, key: ModelKey) -> tuple[int, verdicts.Verdict | None] | None:
        """The verified version of the champion, and the verdict on it."""
        with explained():
            pointer = self.backend.champions.find_one(_filter(key), POINTER)
        if pointer is None:
            return None
        verdict = verify_pointer(pointer, key, self.backend.signer)
        return int(pointer["version"]), verdict


def _candidates(results: Iterable[TrainingResult], made: dict[ModelKey, Decision]) -> Iterator[Candidate]:
    """The candidates among the results, as they come; the decision of every result goes to `made`."""
    for result in results:
        if isinstance(result, Failed):
            made[result.key] = Decision("failed", f"{result.reason}. {result.remedy}")
        else:
            made[result.key] = result.decision
        if isinstance(result, Candidate):
            yield result


def _summary(found: dict[str, Any], pointer: dict[str, Any]) -> ChampionSummary:
    return ChampionSummary(
        version=found["version"],
        parameters=found["hyper_parameters"],
        features=tuple(column["name"] for column in found["schema"]),
        searched_at=found["searched_at"],
        trained_at=found["trained_at"],
        data_sha256=Sha256(found["data"]["snapshot"]),
        has_skill=bool((pointer.get("verdict") or {}).get("has_skill")),
        degraded=pointer.get("degraded", ""),
    )


def _filter(key: ModelKey) -> dict[str, Any]:
    return {"use_case": key.use_case, "entity": key.entity, "target": key.target}


def _not_found(subject: str) -> ModelNotFound:
    return ModelNotFound(
        subject,
        found="no such model",
        expected="a stored version",
        remedy="`brain models list` shows what there is; `brain train` trains what is missing.",
    )
