"""Airflow's own faults, the long form: a month caught up while tasks and schedulers are killed, beside a reader.

What is done stands in `benchmarks/airflow_faults/story.py`; `tests/faults` plays some days of it on every commit, and
asks the same figures.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.airflow_faults import aftermath, canaries
from benchmarks.airflow_faults.machine import running_machine
from benchmarks.airflow_faults.reader import Reader
from benchmarks.airflow_faults.story import Story, play
from benchmarks.bounds import at_least, exactly
from benchmarks.report import Report
from local.chain import DAGS

if TYPE_CHECKING:
    from benchmarks.airflow_faults.machine import Machine

DAYS, ROUNDS = 30, 5
QUICK_DAYS, QUICK_ROUNDS = 1, 0
HOLDS = {
    "moments": at_least(QUICK_DAYS + 3),
    "tasks_killed": at_least(0),
    "schedulers_killed": at_least(0),
    "runs_run_again": at_least(0),
    "polls": at_least(50),
    "runs_failed": exactly(0),
    "moments_lost": exactly(0),
    "reader_complaints": exactly(0),
    "keys_without_one_champion": exactly(0),
    "numbers_that_do_not_replay": exactly(0),
    "history_lines_that_differ": exactly(0),
    "secrets_found": exactly(0),
}
TIMED = ("seconds",)


def run(quick: bool) -> Report:
    """One story, from an empty machine to what is left of it."""
    days, rounds = (QUICK_DAYS, QUICK_ROUNDS) if quick else (DAYS, ROUNDS)
    began = time.monotonic()
    with running_machine() as machine:
        canaries.plant(machine)
        assert machine.settings.reader_url is not None
        reader = Reader(machine.settings.reader_url)
        reader.start()
        story = play(machine, days, rounds)
        reader.stop()
        found = figures(machine, reader, story)
    return Report(
        title=f"{len(story.moments)} days caught up by a real Airflow while its parts are killed",
        columns=("what was done", "times", "what must hold", "violations"),
        rows=_rows(found),
        figures={**found, "seconds": round(time.monotonic() - began)},
        notes=[
            "A task is killed while a lock holds it in the middle of its step: extracting, storing what it trained, "
            "publishing. A scheduler is killed with its workers and their tasks.",
            "The history is compared, line by line, with that of the same days without Airflow and without faults.",
            "Secrets are looked for in every table of Airflow's database, its API's answers, all logs, command lines.",
        ],
    )


def figures(machine: Machine, reader: Reader, story: Story) -> dict[str, int]:
    """What was done to a machine whose story has ended, and each rule that was broken."""
    ended = [one.state for dag_id in DAGS[1:] for one in machine.operator.runs(dag_id)]
    expected = set(aftermath.undisturbed_history(machine, story.trained))
    return {
        "moments": len(story.moments),
        "tasks_killed": sum(story.killed.values()),
        "schedulers_killed": story.schedulers,
        "runs_run_again": story.cleared,
        "polls": reader.polls,
        "runs_failed": sum(state != "success" for state in ended),
        "moments_lost": len(aftermath.silent_moments(machine)),
        "reader_complaints": len(reader.complaints),
        "keys_without_one_champion": len(aftermath.champions_that_are_not_one(machine)),
        "numbers_that_do_not_replay": len(aftermath.numbers_that_do_not_replay(machine)),
        "history_lines_that_differ": len(expected ^ set(aftermath.history(machine))),
        "secrets_found": len(canaries.leaks(canaries.all_secrets(machine), canaries.everywhere(machine))),
    }


def _rows(figures: dict[str, int]) -> list[tuple[object, ...]]:
    done = ["moments", "tasks_killed", "schedulers_killed", "runs_run_again", "polls"]
    held = [name for name in figures if name not in done]
    done += [""] * (len(held) - len(done))
    return [
        (did.replace("_", " "), figures.get(did, ""), name.replace("_", " "), figures[name])
        for did, name in zip(done, held, strict=True)
    ]
