"""The model store: immutable versions, one champion a key."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from brain.core.errors import ArtifactRejected, BrainError, ModelNotFound
from brain.core.keys import ModelKey, Sha256
from brain.learning.candidate import ChampionSummary
from brain.store import decisions, document, verdicts
from brain.store.backend import Backend, key_of
from brain.store.bson_values import to_plain
from brain.store.champions import Champion, Refused, verify_pointer
from brain.store.connection import database, explained
from brain.store.document import HEAD, StoredModel, model_id
from brain.store.large_artifacts import payload_of
from brain.store.retention import prune, rollback
from brain.store.schema import KEY, MODELS, prepare
from brain.store.signing import Signer
from brain.store.writing import Saved, Writer
from brain.usecases.direction.names import NAME as DIRECTION

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from brain.core.moment import Moment
    from brain.core.settings import Settings
    from brain.learning.candidate import Candidate, Decision

_LOG = logging.getLogger(__name__)
FETCH = 100  # documents a round trip; bounds the memory of a stream
POINTER = {"_id": 1, **dict.fromkeys(KEY, 1), "version": 1, "model": 1, "trained_at": 1, "signature": 1, "verdict": 1}


class ModelStore:
    """All model versions of one database, and the pointers to the champions."""

    def __init__(self, backend: Backend, source_ref: str) -> None:
        self.backend = backend
        self._source_ref = source_ref

    @classmethod
    def open(cls, settings: Settings) -> ModelStore:
        """Connect, and create the collections if need be.

        Raises:
            ServerUnreachable: Nothing answers.
            CredentialsRejected: The login is refused.
        """
        store = cls(Backend(database(settings.mongo_url), Signer(settings.signing_keys)), settings.source_ref)
        with explained():
            prepare(store.backend.database)
        return store

    def save(
        self, candidates: Iterable[Candidate], *, promote: bool = True, connection: Mapping[str, str] | None = None
    ) -> list[Saved | Refused]:
        """Export, check and store candidates as new versions, and make them champions.

        A candidate equal to the newest version of its key is not stored twice. One trained for an earlier interval than
        the present champion is stored but not promoted. Memory is bounded whatever the number of candidates.

        Args:
            candidates: May be a generator; each is exported as it comes.
            connection: Where the rows came from; by default a reference to the configured source.

        Returns:
            One outcome a candidate, in order; a `Refused` one stops no other.
        """
        origin = connection or {"reference": self._source_ref}
        with explained():
            return Writer(self.backend, origin, promote=promote).save(candidates)

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

        Its verdict is gone: the base rate is published until the gate judges it (unless training had proven skill).

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
        older_than: datetime | None = None,
        referenced: Collection[tuple[ModelKey, int]] = (),
        entities: Sequence[str] | None = None,
    ) -> list[tuple[ModelKey, int]]:
        """Delete versions that nothing needs; returns which.

        A version goes if it is older than the champion, not `referenced` (what was published still points to it), not
        among the newest `keep` besides the champion, and, where `older_than` is given, was made before it.
        """
        with explained():
            return prune(self.backend, keep, to_plain(older_than), frozenset(referenced), entities)

    def champion_version(self, key: ModelKey) -> int:
        """The version the champion pointer names.

        Raises:
            ModelNotFound: The key has no champion.
            ArtifactRejected: The pointer was altered.
        """
        pointer = self.backend.champions.find_one(_filter(key), POINTER)
        if pointer is None:
            raise _not_found(str(key))
        verify_pointer(pointer, key, self.backend.signer)
        return int(pointer["version"])

    def champions(
        self, entities: Sequence[str], targets: Sequence[str] | None = None, *, use_case: str = DIRECTION
    ) -> Iterator[Champion | Refused]:
        """Stream the verified champions of `entities`, in key order, with one query.

        Args:
            targets: Only these; all by default.
        """
        fields = dict.fromkeys((*HEAD, "payload", "signature"), 1)
        with explained():
            for pointer in self._joined(entities, targets, use_case, fields):
                key = key_of(pointer)
                try:
                    yield self._champion(pointer, key)
                except (ArtifactRejected, ModelNotFound) as error:
                    yield Refused(key, error)

    def champion_summaries(
        self, entities: Sequence[str], targets: Sequence[str] | None = None, *, use_case: str = DIRECTION
    ) -> dict[ModelKey, ChampionSummary]:
        """The champions in brief, without artifacts: what decides whether to train, refresh or skip.

        A champion that fails verification is left out, with a warning in the log: it will be trained anew.
        """
        fields = dict.fromkeys((*HEAD, "signature"), 1)
        champion_summaries = {}
        with explained():
            for pointer in self._joined(entities, targets, use_case, fields):
                if (found := self._verified_or_none(pointer)) is not None:
                    champion_summaries[key_of(pointer)] = _summary(found, pointer)
        return champion_summaries

    def claims(
        self, entities: Sequence[str], targets: Sequence[str] | None = None, *, use_case: str = DIRECTION
    ) -> list[verdicts.Claim]:
        """What the champions claim of their skill, for the grid-wide gate: skipped and refreshed models included.

        A model brought from elsewhere has no p-value and claims nothing. A champion that fails verification is left
        out, with a warning in the log.
        """
        fields = dict.fromkeys((*HEAD, "signature"), 1)
        with explained():
            verified = map(self._verified_or_none, self._joined(entities, targets, use_case, fields))
            return [
                verdicts.Claim(key_of(found), found["version"], found["metrics"]["p_value"])
                for found in verified
                if found is not None and found["metrics"].get("p_value") is not None
            ]

    def record_verdicts(self, judged: Iterable[verdicts.Verdict]) -> int:
        """Sign the grid-wide gate's verdicts onto the champions; returns how many still were the judged version."""
        with explained():
            return verdicts.record(self.backend, judged)

    def record_decisions(self, moment: Moment, made: Mapping[ModelKey, Decision]) -> None:
        """Keep what was decided for each model in `moment` and why; a rerun replaces it."""
        with explained():
            decisions.record(self.backend, moment, made)

    def mark_revised(self, entity: str, reason: str, at: datetime, *, use_case: str = DIRECTION) -> int:
        """Note on the champions of `entity` that rows they were trained on have been corrected since.

        The note goes when a newer version is promoted. Returns the number of champions noted.
        """
        note = {"$set": {"revised": {"reason": reason, "at": to_plain(at)}}}
        with explained():
            return self.backend.champions.update_many({"use_case": use_case, "entity": entity}, note).matched_count

    def mark_degraded(self, reasons: Mapping[ModelKey, str]) -> None:
        """Note why champions are thought worse than when they were promoted; promotion of another clears it."""
        with explained():
            for key, reason in reasons.items():
                self.backend.champions.update_one(_filter(key), {"$set": {"degraded": reason}})

    def _joined(
        self, entities: Sequence[str], targets: Sequence[str] | None, use_case: str, fields: dict[str, int]
    ) -> Iterator[dict[str, Any]]:
        match: dict[str, Any] = {"use_case": use_case, "entity": {"$in": list(entities)}}
        if targets is not None:
            match["target"] = {"$in": list(targets)}
        # A projection inside the lookup costs three times as much as one behind it.
        stages: list[dict[str, Any]] = [
            {"$match": match},
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

    def _verified_or_none(self, pointer: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return self._verified(pointer, key_of(pointer))[1]
        except BrainError as error:
            _LOG.warning("treated as absent: %s", error)
            return None

    def _verified(self, pointer: dict[str, Any], key: ModelKey) -> tuple[verdicts.Verdict | None, dict[str, Any]]:
        signer = self.backend.signer
        verdict = verify_pointer(pointer, key, signer)
        if not pointer["found"]:
            raise _not_found(pointer["model"])
        (found,) = pointer["found"]
        document.verify(found, key, pointer["version"], signer)
        return verdict, found


def _summary(found: dict[str, Any], pointer: dict[str, Any]) -> ChampionSummary:
    return ChampionSummary(
        version=found["version"],
        parameters=found["hyper_parameters"],
        features=tuple(column["name"] for column in found["schema"]),
        searched_at=found["searched_at"],
        trained_at=found["trained_at"],
        snapshot=Sha256(found["data"]["snapshot"]),
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
