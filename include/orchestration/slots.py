"""How many tasks can run at once: in all Celery workers together, or on this machine."""

from __future__ import annotations

import logging
import os

from airflow.sdk.configuration import conf

log = logging.getLogger(__name__)

_ANSWER_SECONDS = 1.0


def slots() -> int:
    """The tasks that run at once, at least 1.

    With Celery all workers that answer are counted, whatever machine they are on; where none does, one is assumed.
    """
    at_most: int = conf.getint("core", "parallelism")
    if "Celery" in conf.get("core", "executor"):
        found = _celery_slots() or conf.getint("celery", "worker_concurrency", fallback=1)
    else:
        found = os.cpu_count() or 1
    return max(1, min(found, at_most))


def _celery_slots() -> int:
    """The sum of what the workers that answer say; 0 where none does."""
    from celery import Celery

    try:
        with Celery(broker=conf.get("celery", "broker_url")) as app:
            told = app.control.inspect(timeout=_ANSWER_SECONDS).stats() or {}
        return sum(int(one["pool"]["max-concurrency"]) for one in told.values())
    except Exception as error:  # of any broker's client: how many chunks there are is no reason to fail
        log.warning("The workers were not counted: %s: %s", type(error).__name__, error)
        return 0
