"""Defects put into a child on purpose: a harness that finds nothing is not believed.

Each takes away one thing that the product relies on, by replacing it in the process of the step, before it begins. What
is about a race is also slowed down, so that a short run meets it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

SLOW = 0.15  # seconds by which a race is widened


@dataclass(frozen=True)
class Plant:
    """A defect.

    Args:
        told: What is wrong with the code.
        kinds: The faults that show it.
        steps: Where they strike; everywhere if none is named.
        rules: One of these rules is broken then.
        play: What shows it.
    """

    told: str
    kinds: tuple[str, ...]
    steps: tuple[str, ...]
    rules: tuple[str, ...]
    put: Callable[[], None]
    play: str = "direction"


def plant(name: str) -> None:
    """Put a defect into this process; none for an empty name."""
    if name:
        PLANTS[name].put()


def _replace(owner: Any, name: str, value: Any) -> None:
    assert hasattr(owner, name), f"{owner} has no {name} any more: the plant tests nothing"
    setattr(owner, name, value)


def _publish_in_parts() -> None:
    from psycopg2 import sql

    from brain.warehouse import publish, statements

    whole, body = publish._publish_table, statements._body

    def lasting(layout: Any) -> Any:
        return sql.SQL("CREATE TEMPORARY TABLE {} ({})").format(sql.Identifier(layout.identifier), body(layout))

    def committed(cursor: Cursor, *rest: Any) -> Any:
        counts = whole(cursor, *rest)
        cursor.connection.commit()
        time.sleep(SLOW)
        return counts

    _replace(statements, "create_temporary", lasting)
    _replace(publish, "_publish_table", committed)


def _train_always() -> None:
    from brain import steps
    from brain.store import writing
    from brain.store.versions import Newest

    train, numbered = steps.train, writing._numbered

    def forced(run: Any, names: Any, targets: Any = (), *, force: bool = False) -> Any:
        return train(run, names, targets, force=True)

    def another(waiting: Any, stands: Any, last: Any, taken: Any) -> Any:
        return numbered(waiting, stands, Newest(last.version), taken)

    _replace(steps, "train", forced)
    _replace(writing, "_numbered", another)


def _pointer_first() -> None:
    from brain.store import writing
    from brain.store.backend import Backend
    from brain.store.champions import write

    def execute(self: Any, documents: Any, moves: Any, session: Any) -> None:
        write(self._backend, moves, None)
        time.sleep(10 * SLOW)
        if documents:
            self._insert(documents, None)

    _replace(Backend, "atomically", lambda self, work: work(None))
    _replace(writing.Writer, "_execute", execute)


def _leave_unfinished() -> None:
    from brain.lake import storage

    sync = storage._sync

    def slow(path: Any) -> None:
        time.sleep(SLOW)
        sync(path)

    _replace(storage, "_sync", slow)
    _replace(storage.LocalStorage, "delete_unfinished", lambda self, before: 0)


def _dead_server_is_final() -> None:
    from brain.core import connections
    from brain.core.errors import EmbeddedServerError
    from brain.store import connection as store
    from brain.warehouse import connection as warehouse

    _replace(connections, "ServerUnreachable", EmbeddedServerError)
    _replace(store, "ServerUnreachable", EmbeddedServerError)
    _replace(warehouse, "ServerUnreachable", EmbeddedServerError)


def _full_disk_is_final() -> None:
    from brain.core.errors import LakeError
    from brain.lake import storage

    _replace(storage, "StorageUnavailable", LakeError)


def _clock_decides() -> None:
    from brain import steps
    from brain.core.moment import entered

    score = steps.score

    def timed(run: Any, names: Any) -> Any:
        entered(run.moment.at, datetime.fromtimestamp(time.time(), UTC))
        return score(run, names)

    _replace(steps, "score", timed)


def _older_replaces_newer() -> None:
    from brain.warehouse import fence

    _replace(fence, "newest", lambda cursor, work, tables: None)


def _repair_by_half() -> None:
    from brain import repair

    _replace(repair, "_published", lambda run, after: iter(()))


def _no_lock() -> None:
    from brain.warehouse import fence

    hold = fence.hold

    def released(cursor: Cursor, work: str) -> None:
        hold(cursor, work)
        cursor.connection.commit()
        time.sleep(SLOW)

    _replace(fence, "hold", released)


def _no_signature() -> None:
    from brain.core.signing import Signer

    _replace(Signer, "problem", lambda self, purpose, value, signature: "")


def _believe_staged() -> None:
    from brain.lake.lake import Lake
    from brain.scoring import staged

    def content(lake: Lake, path: str, sha256: str) -> bytes:
        return lake.read_signed(path)

    _no_signature()
    _replace(staged, "_content", content)


def _rows_unchecked() -> None:
    from brain.lake.segments import RowFiles, read_file

    def read(self: RowFiles, segment: Any, columns: Any) -> Any:
        return self._rows(read_file(self.storage, self.folder, segment), columns)

    _no_signature()
    _replace(RowFiles, "_read", read)


def _believe_halves() -> None:
    from brain.lake.lake import Lake
    from brain.quality.result import GateResult
    from brain.scoring import staged
    from brain.usecases.recommendations import published_check

    write = Lake.write_signed

    def slow(self: Lake, name: str, content: bytes) -> None:
        write(self, name, content)
        time.sleep(4 * SLOW)

    def listed(lake: Lake, folder: str) -> dict[str, str]:
        names = [name for name in lake.storage.names(folder) if name != staged._LISTING]
        return {name: hashlib.sha256(lake.read_signed(f"{folder}/{name}")).hexdigest() for name in names}

    _replace(Lake, "write_signed", slow)
    _replace(staged, "_listed", listed)
    # It counts the customers of each list, and so notices a half where it is not an older one.
    _replace(published_check, "check_lists", lambda rows, section: GateResult("lists", 0, ()))


def _unsigned_verdict() -> None:
    from brain.core.signing import Signer
    from brain.store.pointers import PURPOSE

    def without_verdict(method: Any) -> Any:
        def covered(self: Signer, purpose: str, value: Any, *rest: Any) -> Any:
            left_out = ("verdict",) if purpose == PURPOSE else ()
            return method(self, purpose, {n: v for n, v in value.items() if n not in left_out}, *rest)

        return covered

    _replace(Signer, "sign", without_verdict(Signer.sign))
    _replace(Signer, "problem", without_verdict(Signer.problem))


_ASKING = ("publish", "score")  # what asks PostgreSQL and MongoDB


def _offsets_first() -> None:
    from brain import ingestion
    from brain.warehouse import bar_writing

    whole = bar_writing.write

    def write(url: Any, moment: Any, bars: Any, refused: Any, steps: Any) -> Any:
        whole(url, moment, [], [], steps)
        time.sleep(SLOW)
        return whole(
            url, moment, bars, refused, {place: bar_writing.Step(step.mark, step.mark) for place, step in steps.items()}
        )

    _replace(ingestion, "write", write)


def _told_before_sent() -> None:
    from brain.warehouse import notices

    whole = notices.deliver

    def deliver(url: Any, moment: Any, channel: Any, send: Any, wanted: Any = lambda _: True) -> int:
        found: list[Any] = []
        count = whole(url, moment, channel, found.extend, wanted)
        time.sleep(SLOW)
        if found:
            send(found)
        return count

    _replace(notices, "deliver", deliver)


PLANTS = {
    "parts": Plant("publishing commits table by table", ("kill",), ("publish",), ("whole",), _publish_in_parts),
    "again": Plant("a rerun trains and stores anew", ("kill",), ("judge", "train"), ("converges",), _train_always),
    "pointer": Plant("pointers come before their versions", ("kill",), ("train",), ("converges",), _pointer_first),
    "unfinished": Plant("half-written files stay", ("kill",), ("extract", "score"), ("orphans",), _leave_unfinished),
    "dead": Plant("a dead server is not waited for", ("server",), _ASKING, ("passing",), _dead_server_is_final),
    "cut": Plant("a cut connection is not made again", ("cut",), _ASKING, ("passing",), _dead_server_is_final),
    "full": Plant("a full disk is not waited for", ("disk",), ("extract",), ("passing",), _full_disk_is_final),
    "clock": Plant("a step asks the clock", ("clock",), ("score",), ("passing",), _clock_decides),
    "older": Plant("an older day replaces a newer one", ("late",), (), ("converges", "forward"), _older_replaces_newer),
    "half": Plant("the repair leaves what was published", ("ahead",), (), ("converges",), _repair_by_half),
    "lock": Plant("writers do not wait for each other", ("twin",), ("publish",), ("passing",), _no_lock),
    "lake": Plant("the lake believes what it reads", ("lake",), (), ("true", "traced"), _rows_unchecked),
    "halves": Plant(
        "staged rows are believed by halves, unseen by the gate",
        ("unscored",),
        (),
        ("whole",),
        _believe_halves,
        "recommendations",
    ),
    "offsets": Plant(
        "offsets are kept before the bars", ("kill",), ("read",), ("converges",), _offsets_first, "anomalies"
    ),
    "told": Plant(
        "a mail is told before it is sent", ("kill",), ("deliver",), ("converges",), _told_before_sent, "anomalies"
    ),
    "staged": Plant("staged rows are believed unsigned", ("staged",), (), ("true", "traced"), _believe_staged),
    "verdict": Plant("the verdict is not signed", ("document",), (), ("true",), _unsigned_verdict),
}
