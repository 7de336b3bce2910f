"""Work dealt to processes that may die: a dead one costs its item a second try, then that item and no other."""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from brain.core.errors import WorkerDied

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

TRIES = 2


def deal(do: Callable[[ItemT], ResultT], items: Mapping[str, ItemT], workers: int) -> list[ResultT | WorkerDied]:
    """What `do` gives for every item, in the order of the items; `workers` processes take one item at a time.

    Args:
        do: Called in another process: it, the items and its results are pickled.
        items: By what a person calls them.

    Returns:
        `WorkerDied` in the place of an item whose process died each time.
    """
    count = min(workers, len(items))
    if not count:
        return []
    free: SimpleQueue[_Worker] = SimpleQueue()
    for _ in range(count):
        free.put(_Worker())

    def work(name: str) -> ResultT | WorkerDied:
        worker = free.get()
        try:
            return worker.run(do, name, items[name])
        finally:
            free.put(worker)

    try:
        with ThreadPoolExecutor(count) as threads:
            return list(threads.map(work, items))
    finally:
        for _ in range(count):
            free.get().stop()


class _Worker:
    """One process, replaced when it dies.

    Each has a pool of its own: a pool of several fails all of its items when one process dies, and does not say which.
    """

    def __init__(self) -> None:
        self._pool = _start()

    def run(self, do: Callable[[ItemT], ResultT], name: str, item: ItemT) -> ResultT | WorkerDied:
        for _ in range(TRIES):
            try:
                return self._pool.submit(do, item).result()
            except BrokenProcessPool:
                self.stop()
                self._pool = _start()
        return WorkerDied(
            name,
            found=f"a worker process that died {TRIES} times at it",
            expected="a process that ends by itself",
            remedy="It was killed or crashed, often for want of memory (`dmesg` says so); try fewer workers at once.",
        )

    def stop(self) -> None:
        self._pool.shutdown()


def _start() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    """End this process when its parent has died: it would wait for the next item for ever."""
    threading.Thread(target=_await_parent, name="end-with-parent", daemon=True).start()


def _await_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
