"""How much memory a block needs at the most, in this process and all that it starts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil


@contextmanager
def watched(every: float) -> Iterator[list[float]]:
    """Look every so many seconds; the list's one number is the peak in MiB once the block has ended."""
    ended, peak = threading.Event(), [0.0]
    watcher = threading.Thread(target=_watch, args=(ended, peak, every))
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()


def _watch(ended: threading.Event, peak: list[float], every: float) -> None:
    me = psutil.Process()
    while True:
        peak[0] = max(peak[0], sum(map(_megabytes, (me, *me.children(recursive=True)))))
        if ended.wait(every):
            return


def _megabytes(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss) / 2**20
    except psutil.NoSuchProcess:
        return 0.0
