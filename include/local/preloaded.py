"""An Airflow component that has already imported what tasks need: ``python -m local.preloaded scheduler``.

The scheduler's local executor forks its workers, as a Celery worker (``celery worker``) does, and they fork a process
for every task. What the first has imported, no task has to: the libraries of a step are seconds of CPU time, many tasks
are shorter.
"""

from __future__ import annotations

import importlib
import runpy

# Not onnxruntime: it starts a thread, and a fork has only the one that forks.
LIBRARIES = (
    "great_expectations.expectations",
    "great_expectations.render.renderer.page_renderer",
    "lightgbm",
    "sklearn.ensemble",
    "sklearn.linear_model",
)
STEPS = (
    "brain.extract.table",
    "brain.quality.docs",
    "brain.quality.gate",
    "brain.scoring.batch",
    "brain.steps",
    "brain.store.models",
    "brain.usecases.direction.published_check",
    "brain.usecases.direction.training",
    "brain.warehouse.publish",
)


def main() -> None:
    """Import, then become the ``airflow`` command with this command line."""
    for name in (*STEPS, *LIBRARIES):
        importlib.import_module(name)
    runpy.run_module("airflow", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
