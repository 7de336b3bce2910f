"""Work dealt to processes that may die: a dead one costs its item a second try, then that item and no other."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import AuthenticationString  # type: ignore[attr-defined]
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Self, TypeVar

from brain.core.errors import WorkerDied

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

TRIES = 2
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # the processes are the parallelism


def deal(do: Callable[[ItemT], ResultT], items: Mapping[str, ItemT], workers: int) -> list[ResultT | WorkerDied]:
    """What `do` gives for every item, in the order of the items; `workers` processes take one item at a time.

    Args:
        do: Called in another process: it, the items and its results are pickled.
        items: By what a person calls them.

    Returns:
        `WorkerDied` in the place of an item whose process died each time.
    """
    with Workers(min(workers, len(items))) as dealt:
        return dealt.deal(do, items)


class Workers:
    """Processes for several deals, each started when it is first needed."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._interrupted = threading.Event()
        self._free: SimpleQueue[_Worker] = SimpleQueue()
        for _ in range(count):
            self._free.put(_Worker(self._interrupted))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _ in range(self._count):
            self._free.get().stop()

    def deal(self, do: Callable[[ItemT], ResultT], items: Mapping[str, ItemT]) -> list[ResultT | WorkerDied]:
        """As the function of that name."""
        if not self._count or not items:
            return []

        def work(name: str) -> ResultT | WorkerDied:
            worker = self._free.get()
            try:
                return worker.run(do, name, items[name])
            finally:
                self._free.put(worker)

        with ThreadPoolExecutor(self._count) as threads:
            try:
                return list(threads.map(work, items))
            except KeyboardInterrupt:
                self._interrupt()
                raise

    def _interrupt(self) -> None:
        """End the processes where they are: a person waits."""
        self._interrupted.set()
        for process in multiprocessing.active_children():
            process.kill()


class _Worker:
    """One process, replaced when it dies.

    Each has a pool of its own: a pool of several fails all of its items when one process dies, and does not say which.
    """

    def __init__(self, interrupted: threading.Event) -> None:
        self._interrupted = interrupted
        self._pool = _start()

    def run(self, do: Callable[[ItemT], ResultT], name: str, item: ItemT) -> ResultT | WorkerDied:
        for _ in range(TRIES):
            try:
                return self._pool.submit(do, item).result()
            except BrokenProcessPool:
                if self._interrupted.is_set():
                    break
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
    _be_free_to_start_processes()
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_obey_parent)


def _be_free_to_start_processes() -> None:
    """Undo what keeps a task of a Celery worker from it: it is marked as a daemon, with a key of Celery's own kind.

    A daemon may have no children, lest they outlive it; ours end with it, see `_obey_parent`.
    """
    own: dict[str, Any] = multiprocessing.current_process()._config  # type: ignore[attr-defined]  # noqa: SLF001
    own |= {"daemon": False, "authkey": AuthenticationString(own["authkey"])}


def _obey_parent() -> None:
    """End this process when its parent has died: it would wait for the next item for ever; leave Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_await_parent, name="end-with-parent", daemon=True).start()


def _await_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
