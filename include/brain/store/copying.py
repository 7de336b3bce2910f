"""The collections into streams, and back: documents as they lie in MongoDB, byte for byte, one after the other.

That is what mongodump writes and mongorestore reads.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import bson
from pymongo import ASCENDING, IndexModel

from brain.core.errors import BackupError
from brain.store.reading import RAW
from brain.store.schema import ARTIFACTS, CHAMPIONS, DECISIONS, MODELS, WAITING, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bson.raw_bson import RawBSONDocument
    from pymongo.client_session import ClientSession
    from pymongo.database import Database

    from brain.core.sink import Sink

    Models = Database[dict[str, Any]]

FILES, CHUNKS = f"{ARTIFACTS}.files", f"{ARTIFACTS}.chunks"
# Read in this order, what a pointer names is still there when it is read; written in the reverse, it is there already.
ORDER = (CHAMPIONS, WAITING, DECISIONS, MODELS, FILES, CHUNKS)
BATCH_BYTES, BATCH = 16 * 2**20, 1_000
LARGE_INDEXES = {  # the driver makes them only where nothing is stored yet
    FILES: IndexModel([("filename", ASCENDING), ("uploadDate", ASCENDING)]),
    CHUNKS: IndexModel([("files_id", ASCENDING), ("n", ASCENDING)], unique=True),
}


def collections(database: Models) -> list[str]:
    """Every collection that holds documents, in the order in which they are to be read."""
    found = database.list_collection_names(filter={"type": "collection", "name": {"$not": {"$regex": "^system[.]"}}})
    return [*(name for name in ORDER if name in found), *sorted(set(found) - set(ORDER))]


@contextmanager
def one_point(database: Models) -> Iterator[ClientSession | None]:
    """A session that sees what is committed now, for the five minutes that MongoDB keeps that.

    None on a standalone server, which cannot: there, collections read in order still hold together.
    """
    hello = database.client.admin.command("hello")
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        yield None
        return
    with database.client.start_session(snapshot=True) as session:
        database[CHAMPIONS].find_one({}, {"_id": 1}, session=session)  # the point is that of the first question
        yield session


def copy_out(database: Models, name: str, sink: Sink, session: ClientSession | None) -> None:
    """Write the documents of a collection."""
    for document in database.get_collection(name, codec_options=RAW).find({}, session=session):
        sink.write(document.raw)  # type: ignore[attr-defined]
        sink.entries += 1


def filled(database: Models) -> dict[str, int]:
    """How many documents each collection has that has some."""
    counts = {name: database[name].estimated_document_count() for name in collections(database)}
    return {name: count for name, count in counts.items() if count}


def empty(database: Models) -> None:
    """Delete every document, pointers first: nothing then names what is gone."""
    for name in collections(database):
        database[name].delete_many({})
    prepare(database)
    for name, index in LARGE_INDEXES.items():
        database[name].create_indexes([index])


def copy_in(database: Models, name: str, stream: IO[bytes]) -> int:
    """Write documents into an empty collection as they were, also such as its validator would refuse; how many."""
    count, batch, size = 0, list[Any](), 0
    for document in _documents(stream, name):
        if size + len(document.raw) > BATCH_BYTES or len(batch) == BATCH:
            count += _insert(database, name, batch)
            batch, size = [], 0
        batch.append(document)
        size += len(document.raw)
    return count + _insert(database, name, batch)


def _insert(database: Models, name: str, batch: list[Any]) -> int:
    if batch:
        collection = database.get_collection(name, codec_options=RAW)
        collection.insert_many(batch, bypass_document_validation=True)
    return len(batch)


def _documents(stream: IO[bytes], name: str) -> Iterator[RawBSONDocument]:
    try:
        yield from bson.decode_file_iter(stream, RAW)
    except bson.errors.BSONError as error:
        raise BackupError(
            f"the collection {name} of the backup",
            found=f"bytes that are no document ({error})",
            expected="documents one after the other",
            remedy="Restore another backup.",
        ) from None


def server_version(database: Models) -> str:
    """Of MongoDB."""
    return str(database.client.server_info()["version"])
