"""The champions of one past moment in a folder of this machine: a hindcast's, which MongoDB never sees.

::

    <folder>/<unit>.bson       its champions' signed documents and artifacts, and what training decided
    <folder>/verdicts.json     what the judge said of them

A unit's file is written in one go, so that a process that is killed leaves a unit trained or untouched.
"""

from __future__ import annotations

import json
import os
import shutil
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import bson

from brain.core.errors import ArtifactRejected, StoreError
from brain.learning.candidate import Decision
from brain.portable.export import export
from brain.store import document
from brain.store.backend import key_of
from brain.store.bson_values import to_plain
from brain.store.champions import Champion, Refused
from brain.store.decisions import Decided, candidates_of
from brain.store.models import ModelStore
from brain.store.pointers import Pointer, VerdictPart
from brain.store.reading import OPTIONS
from brain.store.stored_model import model_id
from brain.store.writing import Saved

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from brain.core.keys import ModelKey
    from brain.core.moment import Moment
    from brain.core.settings import Settings
    from brain.learning.candidate import Candidate, ChampionSummary, TrainingResult
    from brain.store.verdicts import Verdict

Document = dict[str, Any]
VERDICTS = "verdicts.json"
SUFFIX = ".bson"


class FolderStore(ModelStore):
    """What steps ask of a store, of one moment; what people ask of one (versions, rollback) it does not have.

    Args:
        folder: Of this moment.
        before: Of the moment before, whose champions are served until there are newer ones; None for the first.
    """

    def __init__(self, settings: Settings, use_case: str, folder: Path, before: Path | None) -> None:
        self.use_case = use_case
        self._signer = settings.models_signer
        self._connection = {"reference": settings.source_ref}
        self._folder, self._before = folder, before
        self._said: dict[Path, dict[str, Document]] = {}

    def has(self, entity: str) -> bool:
        """Whether a unit's training for this moment is done."""
        return self._path(self._folder, entity).exists()

    def save(self, results: Iterable[TrainingResult], moment: Moment) -> list[Saved | Refused]:
        """As in `ModelStore`, of one unit."""
        made: dict[ModelKey, Decision] = {}
        given = list(results)
        kept = {entity: self._champions(entity) for entity in dict.fromkeys(result.key.entity for result in given)}
        stored: list[Saved | Refused] = []
        for candidate in candidates_of(given, made):
            own = kept[candidate.key.entity]
            version = own[candidate.key]["document"]["version"] + 1 if candidate.key in own else 1
            try:
                own[candidate.key] = self._drafted(candidate, version)
            except StoreError as error:
                stored.append(Refused(candidate.key, error))
                made[candidate.key] = Decision("failed", str(error))
            else:
                identifier = model_id(candidate.key, version)
                stored.append(Saved(candidate.key, version, identifier, created=True, promoted=True))
        for entity, own in kept.items():
            decisions = [_line(key, decision, moment) for key, decision in made.items() if key.entity == entity]
            content = {"champions": [own[key] for key in sorted(own, key=str)], "decisions": decisions}
            _write(self._path(self._folder, entity), bson.encode(content))
        return stored

    def champions(
        self,
        entities: Sequence[str],
        targets: Sequence[str] | None = None,
        *,
        then: Moment | None = None,  # noqa: ARG002
        record: bool = False,  # noqa: ARG002
    ) -> Iterator[Champion | Refused]:
        """As in `ModelStore`; all are of the folder's moment, and each is read with its record."""
        for key, kept in self._kept(entities, targets):
            try:
                pointer, found = self._verified(key, kept)
                model = document.read(found, kept["payload"], key, pointer.version)
                yield Champion(model, pointer.verdict_on(key))
            except StoreError as error:
                yield Refused(key, error)

    def record_verdicts(self, judged: Iterable[Verdict]) -> int:
        """As in `ModelStore`."""
        lines = [
            {
                "key": str(one.key), "version": one.version, "has_skill": bool(one.has_skill),
                "p_value": None if one.p_value is None else float(one.p_value),
                "decided_for": to_plain(one.decided_for).isoformat(),
            }
            for one in judged
        ]  # fmt: skip
        _write(self._folder / VERDICTS, json.dumps(lines).encode())
        self._said.pop(self._folder, None)
        return len(lines)

    def decided(self, entities: Sequence[str] | None = None) -> list[Decided]:
        """As in `ModelStore`; nothing where no entity is named."""
        lines = (line for entity in sorted(entities or ()) for line in self._content(entity)["decisions"])
        return [Decided(**line) for line in lines]

    def settle(self, entities: Iterable[str]) -> None:
        """Keep the champions of units that were not trained, so that the folder before is no longer needed."""
        for entity in entities:
            if not self.has(entity) and self._before and (given := self._path(self._before, entity)).exists():
                _write(self._path(self._folder, entity), given.read_bytes())

    def _drafted(self, candidate: Candidate, version: int) -> Document:
        exported = export(candidate.pipeline, candidate.check_rows, str(candidate.key))
        body, payload = document.draft(candidate, exported, self._connection)
        signed = document.finish(body, version, self._signer)
        return {"document": signed, "payload": payload, "degraded": candidate.degraded}

    def _sound(
        self,
        entities: Sequence[str],
        targets: Sequence[str] | None,
        *,
        record: bool = False,  # noqa: ARG002
    ) -> Iterator[tuple[Pointer, dict[str, Any]]]:
        for key, kept in self._kept(entities, targets):
            yield self._verified(key, kept)

    def _newer(self, pointers: Mapping[ModelKey, Pointer]) -> dict[ModelKey, ChampionSummary]:  # noqa: ARG002
        """None: no person is there to be asked, so every candidate is served."""
        return {}

    def _kept(self, entities: Sequence[str], targets: Sequence[str] | None) -> Iterator[tuple[ModelKey, Document]]:
        for entity in sorted(entities):
            for key, kept in self._champions(entity).items():
                if targets is None or key.target in targets:
                    yield key, kept

    def _verified(self, key: ModelKey, kept: Document) -> tuple[Pointer, Document]:
        found = kept["document"]
        document.verify(found, key, found["version"], self._signer, record=True)
        # Unsigned, and without the counter that tells an old pointer: nobody reads it outside this process.
        pointer = Pointer(
            _id=str(key), use_case=key.use_case, entity=key.entity, target=key.target, format=2, counter=0,
            version=found["version"], model=found["_id"], trained_at=found["trained_at"],
            last_version=found["version"], last_identity="", degraded=kept["degraded"],
            verdict=self._verdict(key, found["version"]), moves_sha256="",
        )  # fmt: skip
        return pointer, found

    def _champions(self, entity: str) -> dict[ModelKey, Document]:
        return {key_of(kept["document"]): kept for kept in self._content(entity)["champions"]}

    def _content(self, entity: str) -> Document:
        for folder in filter(None, (self._folder, self._before)):
            path = self._path(folder, entity)
            if path.exists():
                try:
                    return bson.decode(path.read_bytes(), OPTIONS)
                except (bson.errors.BSONError, ValueError) as error:
                    raise _damaged(path, error) from None
        return {"champions": [], "decisions": []}

    def _verdict(self, key: ModelKey, version: int) -> VerdictPart | None:
        for folder in filter(None, (self._folder, self._before)):
            said = self._verdicts(folder).get(str(key))
            if said is not None and said["version"] == version:
                decided_for = datetime.fromisoformat(said["decided_for"])
                return VerdictPart(has_skill=said["has_skill"], p_value=said["p_value"], decided_for=decided_for)
        return None

    def _verdicts(self, folder: Path) -> dict[str, Document]:
        path = folder / VERDICTS
        if folder not in self._said:
            try:
                lines = json.loads(path.read_bytes()) if path.exists() else []
            except ValueError as error:
                raise _damaged(path, error) from None
            self._said[folder] = {line["key"]: line for line in lines}
        return self._said[folder]

    def _path(self, folder: Path, entity: str) -> Path:
        return folder / f"{quote(entity, safe='')}{SUFFIX}"


def forget(folder: Path) -> None:
    """Delete a folder of champions that nobody needs any more."""
    shutil.rmtree(folder, ignore_errors=True)


def _line(key: ModelKey, decision: Decision, moment: Moment) -> Document:
    content = {"entity": key.entity, "target": key.target, "moment": moment.at}
    return to_plain({**content, "action": decision.action, "reason": decision.reason})  # type: ignore[no-any-return]


def _write(path: Path, content: bytes) -> None:
    """All of it or nothing, whatever kills the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def _damaged(path: Path, error: Exception) -> ArtifactRejected:
    return ArtifactRejected(
        str(path),
        found=f"a damaged file ({error})",
        expected="what a hindcast has kept",
        remedy=f"Delete the folder {path.parents[1]}: the hindcast then begins anew.",
    )
