"""What every part of the store works with: the collections, and transactions where the server has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

from gridfs import GridFSBucket

from brain.core.counters import Counters
from brain.core.keys import ModelKey
from brain.store.reading import LENIENT, RAW
from brain.store.schema import ARTIFACTS, CHAMPIONS, DECISIONS, MODELS, WAITING

if TYPE_CHECKING:
    from collections.abc import Callable

    from bson.raw_bson import RawBSONDocument
    from pymongo.client_session import ClientSession
    from pymongo.collection import Collection
    from pymongo.database import Database

    from brain.core.signing import Signer

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Backend:
    """An open database of models.

    Args:
        counters: The highest counter ever seen of each champion.
    """

    database: Database[dict[str, Any]]
    signer: Signer
    counters: Counters = field(default_factory=Counters)

    @property
    def models(self) -> Collection[dict[str, Any]]:
        """For writing, like the next three; see `raw` for reading."""
        return self._written(MODELS)

    @property
    def champions(self) -> Collection[dict[str, Any]]:
        return self._written(CHAMPIONS)

    @property
    def waiting(self) -> Collection[dict[str, Any]]:
        return self._written(WAITING)

    @property
    def decisions(self) -> Collection[dict[str, Any]]:
        return self._written(DECISIONS)

    def _written(self, collection: str) -> Collection[dict[str, Any]]:
        return self.database.get_collection(collection, codec_options=LENIENT)

    def raw(self, collection: str) -> Collection[RawBSONDocument]:
        """A collection whose documents are to be decoded one by one; see `brain.store.reading`."""
        return cast("Collection[RawBSONDocument]", self.database.get_collection(collection, codec_options=RAW))

    @cached_property
    def large_artifacts(self) -> GridFSBucket:
        return GridFSBucket(self.database, bucket_name=ARTIFACTS)

    @cached_property
    def has_transactions(self) -> bool:
        """A replica set or a sharded cluster has them, a standalone server does not."""
        hello = self.database.client.admin.command("hello")
        return "setName" in hello or hello.get("msg") == "isdbgrid"

    def atomically(self, work: Callable[[ClientSession | None], ResultT]) -> ResultT:
        """Run `work` in a transaction, or as it stands on a standalone server.

        `work` may run more than once, and must write what nobody sees yet before what makes it visible.
        """
        if not self.has_transactions:
            return work(None)
        with self.database.client.start_session() as session:
            return session.with_transaction(work)


def key_of(document: dict[str, Any]) -> ModelKey:
    """The model key of a document that was verified, or is about to be stored."""
    return ModelKey(document["use_case"], document["entity"], document["target"])
