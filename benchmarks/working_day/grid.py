"""A grid of models: those of a few assets are searched for, those of the others are copies under their own keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bson import BSON, decode_all

from brain.core.signing import digest
from brain.store.artifact import pack
from brain.store.champions import Champion
from brain.store.writing import Saved, Writer
from brain.usecases.direction.names import SPACE
from brain.usecases.direction.untouched import made_from

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from brain.usecases.protocol import Run

Document = dict[str, Any]
OF_A_VERSION = ("_id", "version", "record_sha256", "signature", "identity")


def keep_models(run: Run, names: Sequence[str], path: Path) -> int:
    """Write the champions of some assets to a file; how many."""
    documents = []
    for champion in run.store.champions(names, record=True):
        assert isinstance(champion, Champion), f"a champion is refused: {champion}"
        documents.append({**champion.model.document, "payload": pack(champion.model.content, "kept")[0]})
    draft = path.with_suffix(".draft")
    draft.write_bytes(b"".join(map(BSON.encode, documents)))
    draft.rename(path)
    return len(documents)


def give_models(run: Run, names: Sequence[str], path: Path) -> int:
    """Store a champion for every asset and horizon through the store's own writer; how many.

    An asset's models are those of one of the kept assets, in turn: recipe, artifact and head. What they say they were
    made of is the asset's own snapshot, so that it is skipped until it has new rows.
    """
    kept: dict[str, list[Document]] = {}
    for document in decode_all(path.read_bytes()):
        kept.setdefault(document["entity"], []).append(document)
    givers = sorted(kept)
    writer = Writer(run.store.backend, {"reference": "brain_source"})
    for place, name in enumerate(names):
        for body, payload in _given(run, name, kept[givers[place % len(givers)]]):
            writer.add(body, payload)
    outcomes = writer.finish()
    assert all(isinstance(one, Saved) and one.promoted for one in outcomes), "a model was not taken"
    return len(outcomes)


def _given(run: Run, name: str, documents: Sequence[Document]) -> Iterator[tuple[Document, bytes]]:
    snapshot = run.lake.as_of(SPACE, name, run.moment)
    assert snapshot is not None, f"{name} was not extracted"
    key = made_from(snapshot.data_sha256, run.section.asset(name), {})
    for document in documents:
        body = {field: value for field, value in document.items() if field not in OF_A_VERSION}
        payload = body.pop("payload")
        at = run.moment.at
        body |= {"entity": name, "trained_at": at, "searched_at": at, "created_on": at}
        body |= {"source_tables": [name], "extra": {**body["extra"], "made_from": key}}
        body |= {"data": {"snapshot": snapshot.data_sha256, "watermark": body["data"]["watermark"]}}
        told = {field: value for field, value in body.items() if field not in ("libraries", "decision")}
        yield {**body, "identity": digest(told)}, payload
