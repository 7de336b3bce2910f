"""The model store: immutable versions, one champion a model key."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from brain.core.counters import Counters
from brain.core.errors import ArtifactRejected, ModelNotFound, StoreError
from brain.core.keys import ModelKey
from brain.learning.candidate import Decision
from brain.store import document, verdicts
from brain.store.backend import Backend, key_of
from brain.store.bson_values import to_plain
from brain.store.champions import Champion, Refused, record_verdicts, summary_of
from brain.store.connection import database, explained
from brain.store.decisions import Decided, candidates_of, newest_decisions, record_decisions
from brain.store.document import SIGNED_BY_ANY
from brain.store.large_artifacts import payload_of
from brain.store.past_champions import past_champions
from brain.store.pointers import SIGNED, Pointer, verify_pointer
from brain.store.reading import decoded, keyed, sound
from brain.store.retention import delete, prune, rollback
from brain.store.schema import CHAMPIONS, KEY, MODELS, prepare
from brain.store.stored_model import StoredModel, model_id
from brain.store.waiting import versions_waiting
from brain.store.writing import VALIDATION_FAILED, Saved, Writer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from brain.core.moment import Moment
    from brain.core.settings import Settings
    from brain.learning.candidate import Candidate, ChampionSummary, TrainingResult

_LOG = logging.getLogger(__name__)
FETCH = 100  # documents a round trip; bounds the memory of a stream
POINTER = dict.fromkeys((*SIGNED, "signature"), 1)


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
    def open(cls, settings: Settings, use_case: str, counters: Counters | None = None) -> ModelStore:
        """Connect, and create the collections if need be.

        Args:
            counters: What is remembered of every champion's counter; by default nothing but what this store sees.

        Raises:
            ServerUnreachable: Nothing answers.
            CredentialsRejected: The login is refused.
        """
        backend = Backend(database(settings.mongo_url), settings.models_signer, counters or Counters())
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
        stored = self.add(candidates_of(results, made))
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
            number = self.champion_version(key) if version is None else version
            raw = self.backend.raw(MODELS).find_one({**_filter(key), "version": number})
            if raw is None:
                raise _not_found(model_id(key, number))
            found = decoded(raw, model_id(key, number))
            document.verify(found, key, number, self.backend.signer, record=True)
            return document.read(found, payload_of(self.backend, found, model_id(key, number)), key, number)

    def rollback(self, key: ModelKey, version: int, *, at: datetime, reason: str) -> int | None:
        """Make a stored version, verified first, the champion again; returns the version it replaces.

        A pointer that failed verification is replaced; None is returned then.

        Its verdict is gone: until the judge has seen it again, it may claim no skill.

        Args:
            at: When: the time of the command.

        Raises:
            ModelNotFound: There is no such version, or no champion.
            ArtifactRejected: The version failed verification; the present champion stays.
        """
        model = self.load(key, version)
        model.evaluator()
        with explained():
            return rollback(self.backend, model, at=to_plain(at), reason=reason)

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

    def delete(self, key: ModelKey, version: int | None = None) -> int:
        """Delete one version, or without `version` the model altogether; returns how many versions are gone.

        Raises:
            StoreError: The version is the champion.
        """
        with explained():
            return delete(self.backend, key, version)

    def champion_version(self, key: ModelKey) -> int:
        """The version the champion pointer names.

        Raises:
            ModelNotFound: The key has no champion.
            ArtifactRejected: The pointer was altered.
        """
        pointer = self.pointer(key)
        if pointer is None:
            raise _not_found(str(key))
        return pointer.version

    def verdict(self, key: ModelKey, version: int) -> verdicts.Verdict | None:
        """The verdict on a version; None if it is not the champion, or was not judged yet.

        Raises:
            ArtifactRejected: The pointer or the verdict was altered.
        """
        pointer = self.pointer(key)
        return pointer.verdict_on(key) if pointer is not None and pointer.version == version else None

    def has_champion(self, key: ModelKey) -> bool:
        """Whether there is a champion, sound or not."""
        with explained():
            return self.backend.raw(CHAMPIONS).find_one(_filter(key), {"_id": 1}) is not None

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
        self,
        entities: Sequence[str],
        targets: Sequence[str] | None = None,
        *,
        then: Moment | None = None,
        record: bool = False,
    ) -> Iterator[Champion | Refused]:
        """Stream the verified champions of `entities`, in key order, with one query.

        Args:
            targets: Only these; all by default.
            then: The champions of that moment, each with its verdict only if that was passed by then and still stands;
                by default the present ones.
            record: Read and verify the record of the present ones, too.
        """
        fields = None if record else dict.fromkeys((*SIGNED_BY_ANY, "payload", "signature"), 1)
        with explained():
            if then is not None:
                yield from past_champions(self.backend, self.scope(entities, targets), then)
                return
            for key, joined in self.joined(entities, targets, fields):
                try:
                    yield self._champion(joined, key, record=record)
                except StoreError as error:
                    yield Refused(key, error)

    def champion_summaries(
        self, entities: Sequence[str], targets: Sequence[str] | None = None
    ) -> dict[ModelKey, ChampionSummary]:
        """The champions in brief, each with the version that waits to take its place: what decides whether to train.

        A champion that fails verification, its record included, is left out, with a warning in the log: it will be
        trained anew.
        """
        sound = {key_of(found): (found, pointer) for pointer, found in self._sound(entities, targets, record=True)}
        newer = self._newer({key: pointer for key, (_, pointer) in sound.items()})
        return {key: replace(summary_of(*one), newer=newer.get(key)) for key, one in sound.items()}

    def claims(self, entities: Sequence[str], targets: Sequence[str] | None = None) -> list[verdicts.Claim]:
        """What the champions claim of their skill, for the judge: skipped and refreshed models included.

        A model brought from elsewhere has no p-value and claims nothing. A champion that fails verification is left
        out, with a warning in the log.
        """
        return [
            verdicts.Claim(
                key_of(found), found["version"], found["metrics"]["p_value"], found["metrics"].get("barred", "")
            )
            for _, found in self._sound(entities, targets)
            if found["metrics"].get("p_value") is not None
        ]

    def record_verdicts(self, judged: Iterable[verdicts.Verdict]) -> int:
        """Sign the judge's verdicts onto the champions; returns how many still were the judged version."""
        with explained():
            return record_verdicts(self.backend, judged)

    def decided(self, entities: Sequence[str] | None = None) -> list[Decided]:
        """What was last decided for each model and why, in key order."""
        with explained():
            return newest_decisions(self.backend, self.scope(entities))

    def mark_revised(self, entity: str, reason: str, at: datetime, detail: str = "") -> int:
        """Note on the champions of `entity` that rows they were trained on have been corrected since.

        Lists show `reason`, the screen of one model `detail`. The note goes when a newer version is promoted. Returns
        the number of champions noted.
        """
        note = {"$set": {"revised": {"reason": reason, "detail": detail, "at": to_plain(at)}}}
        chosen = {"use_case": self.use_case, "entity": entity}
        with explained():
            ids = [raw["_id"] for raw in self.backend.raw(CHAMPIONS).find(chosen, {"_id": 1})]
            notes = [UpdateOne({**chosen, "_id": found}, note) for found in ids]
            try:
                return self.backend.champions.bulk_write(notes, ordered=False).matched_count if notes else 0
            except BulkWriteError as error:
                failed = error.details["writeErrors"]
                if {entry["code"] for entry in failed} != {VALIDATION_FAILED}:
                    raise
                _LOG.warning("not noted as revised: %d champions of %s that are malformed", len(failed), entity)
                return len(ids) - len(failed)

    def scope(self, entities: Sequence[str] | None, targets: Sequence[str] | None = None) -> dict[str, Any]:
        """A filter for the use case's documents of some entities and targets; None stands for all."""
        given = {"entity": entities, "target": targets}
        some = {name: {"$in": list(values)} for name, values in given.items() if values is not None}
        return {"use_case": self.use_case, **some}

    def joined(
        self,
        entities: Sequence[str] | None,
        targets: Sequence[str] | None,
        fields: Mapping[str, int] | None,
        *,
        payload: bool = True,
    ) -> Iterator[tuple[ModelKey, dict[str, Any] | ArtifactRejected]]:
        """Pointers in key order, each with the version it names as ``found``; nothing is verified yet.

        One that cannot be decoded is given as the reason.

        Args:
            fields: Of the version; None for all.
            payload: False leaves out the artifact, the greater part of a version.
        """
        # A projection inside the lookup costs three times as much as one behind it.
        stages: list[dict[str, Any]] = [
            {"$match": self.scope(entities, targets)},
            {"$sort": dict.fromkeys(KEY, 1)},
            {"$lookup": {"from": MODELS, "localField": "model", "foreignField": "_id", "as": "found"}},
            {"$project": {**POINTER, "revised": 1, "found": 1 if fields is None else dict(fields)}},
            *([] if payload else [{"$unset": "found.payload"}]),
        ]
        with self.backend.raw(CHAMPIONS).aggregate(stages, batchSize=FETCH) as cursor:
            for raw in cursor:
                key, content = keyed(raw, "champion")
                if key is None:
                    _LOG.warning("treated as absent: the champion %r, which names no model", raw["_id"])
                else:
                    yield key, content

    def verified(
        self, joined: dict[str, Any] | ArtifactRejected, key: ModelKey, *, record: bool = False
    ) -> tuple[Pointer, dict[str, Any]]:
        """A pointer of `joined`, and what was read of the version it names.

        Args:
            record: Whether the record was read and is to be verified, too.

        Raises:
            ArtifactRejected: One of them was altered, or the pointer is an old one.
            ModelNotFound: There is no such version.
        """
        content = sound(joined)
        pointer = verify_pointer(content, key, self.backend.signer, self.backend.counters)
        if not content["found"]:
            raise _not_found(pointer.model)
        (found,) = content["found"]
        document.verify(found, key, pointer.version, self.backend.signer, record=record)
        return pointer, found

    def _champion(self, joined: dict[str, Any] | ArtifactRejected, key: ModelKey, *, record: bool) -> Champion:
        pointer, found = self.verified(joined, key, record=record)
        payload = payload_of(self.backend, found, found["_id"])
        return Champion(document.read(found, payload, key, pointer.version), pointer.verdict_on(key))

    def _sound(
        self, entities: Sequence[str], targets: Sequence[str] | None, *, record: bool = False
    ) -> Iterator[tuple[Pointer, dict[str, Any]]]:
        """Pointers and signed parts of the champions that pass verification; with their records, if asked for."""
        fields = None if record else dict.fromkeys((*SIGNED_BY_ANY, "signature"), 1)
        with explained():
            for key, joined in self.joined(entities, targets, fields, payload=False):
                try:
                    yield self.verified(joined, key, record=record)
                except StoreError as error:
                    _LOG.warning("treated as absent: %s", error)

    def _newer(self, pointers: Mapping[ModelKey, Pointer]) -> dict[ModelKey, ChampionSummary]:
        """The versions that wait before some champions, or were rejected; one that is refused is trained anew."""
        with explained():
            return {
                key: replace(
                    summary_of(found, pointers[key]),
                    has_skill=False,
                    degraded=one.degraded,
                    rejected=one.rejected_at is not None,
                )
                for key, one, found in versions_waiting(self.backend, pointers)
            }

    def pointer(self, key: ModelKey) -> Pointer | None:
        """The verified pointer of a key, if it has one; an altered one is refused with `ArtifactRejected`."""
        with explained():
            raw = self.backend.raw(CHAMPIONS).find_one(_filter(key), POINTER)
        if raw is None:
            return None
        content = decoded(raw, f"the champion of {key}")
        return verify_pointer(content, key, self.backend.signer, self.backend.counters)


def _filter(key: ModelKey) -> dict[str, Any]:
    return {"use_case": key.use_case, "entity": key.entity, "target": key.target}


def _not_found(subject: str) -> ModelNotFound:
    return ModelNotFound(
        subject,
        found="no such model",
        expected="a stored version",
        remedy="`brain models list` shows what there is; `brain train` trains what is missing.",
    )
