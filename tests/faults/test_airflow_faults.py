"""A real Airflow whose tasks and scheduler are killed while some days are caught up: no day is lost, nothing goes back.

One story is played once, beside a reader; each test then looks at one thing that must hold. It stands for the quick
form of `python -m benchmarks faults_airflow`, whose figures it asks for.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from benchmarks import faults_airflow
from benchmarks.airflow_faults import aftermath, canaries
from benchmarks.airflow_faults.machine import Machine, running_machine
from benchmarks.airflow_faults.reader import Reader
from benchmarks.airflow_faults.story import EXTRACT, PUBLISH, TRAIN, Story, play
from benchmarks.bounds import complaints
from brain.warehouse.connection import transaction
from local import chain
from local.chain import DAGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DAYS = 4
REFUSED = {
    "brain_source": EXTRACT,
    "brain_models": TRAIN,
    "brain_warehouse": PUBLISH,
}  # whose login is refused, and where

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with running_machine() as running:
        canaries.plant(running)
        yield running


@pytest.fixture(scope="module")
def reader(machine: Machine) -> Iterator[Reader]:
    assert machine.settings.reader_url is not None
    polling = Reader(machine.settings.reader_url)
    polling.start()
    yield polling
    polling.stop()


@pytest.fixture(scope="module")
def story(machine: Machine, reader: Reader) -> Story:
    played = play(machine, DAYS)
    reader.stop()
    return played


def test_faults_of_every_kind_were_met(story: Story) -> None:
    assert story.killed == {"extract": 1, "train": 1, "publish": 1}
    assert (story.schedulers, story.cleared) == (1, 1)


def test_every_moment_is_published_or_said_to_be_late(machine: Machine, story: Story) -> None:
    assert aftermath.silent_moments(machine) == []
    told = aftermath.publications(machine)
    assert sorted(told) == story.moments
    assert {moment for moment, behind in told.items() if behind} == {story.moments[1]}  # the one that was run again


def test_a_second_run_of_a_day_without_new_rows_adds_nothing_to_the_history(machine: Machine, story: Story) -> None:
    *others, second, last = story.moments
    assert [moment for (moment,) in machine.ask(aftermath.PUBLISHED)] == [*others, last]
    assert second.date() == others[-1].date()


def test_every_run_ends_well_and_is_followed_by_one_of_its_own_moment(machine: Machine, story: Story) -> None:
    assert sorted(story.trained) == sorted([*story.moments, story.moments[1]])  # one was run again
    for dag_id in DAGS[1:]:
        runs = machine.operator.runs(dag_id)
        assert sorted(run.moment for run in runs if run.moment) == sorted(story.trained)
        assert {run.state for run in runs} == {"success"}


def test_a_reader_saw_whole_publications_that_only_went_forward(reader: Reader, story: Story) -> None:
    assert reader.complaints == []
    assert reader.polls > 100
    assert len(reader.moments) >= len(story.moments) - 1


def test_what_the_long_form_must_show_is_shown_here(machine: Machine, reader: Reader, story: Story) -> None:
    """So the history is that of a machine nothing happened to, each key has one champion, and every number replays."""
    figures = faults_airflow.figures(machine, reader, story)
    assert complaints(faults_airflow, {**figures, "seconds": 0}) == []


def test_no_secret_is_in_a_table_an_answer_a_log_or_a_command_line(machine: Machine, story: Story) -> None:
    """Also where a login is refused and tasks say why: with passwords like no other text."""
    planted = canaries.all_secrets(machine)
    wrong = {name: canaries.fresh_canary() for name in REFUSED}
    for name, dag_id in REFUSED.items():
        canaries.plant(machine, {name: wrong[name]})
        run = machine.operator.follow_to_end(machine.operator.trigger(dag_id, chain.now_utc()))
        assert run.state == "failed"
    machine.operator.await_quiet(120)
    assert canaries.leaks({**planted, **wrong}, canaries.everywhere(machine)) == []


def test_a_secret_that_somebody_types_into_a_form_is_found_in_tables_answers_and_logs(
    machine: Machine, story: Story
) -> None:
    """The search sees what it looks at: the name of a unit that does not exist is told of everywhere."""
    seeded = canaries.fresh_canary()
    asked = machine.operator.trigger(EXTRACT, chain.now_utc(), {"units": [seeded]})
    assert machine.operator.follow_to_end(asked).state == "failed"
    found = canaries.leaks({"name": seeded}, canaries.everywhere(machine))
    places = {place.removeprefix("name in ").split()[0] for place in found}
    assert {"table", "answer", "file"} <= places
    assert "name in table dag_run" in found


def test_a_reader_notices_a_row_that_is_set_back(machine: Machine, story: Story) -> None:
    assert machine.settings.reader_url is not None
    watching = Reader(machine.settings.reader_url)
    watching.start()
    try:
        wait_until(lambda: watching.polls > 0)
        with transaction(machine.settings.warehouse_url) as connection, connection.cursor() as cursor:
            cursor.execute("UPDATE probability_details SET published_at = published_at - interval '1 day'")
        wait_until(lambda: bool(watching.complaints))
    finally:
        watching.stop()
    assert any("the two tables differ" in told for told in watching.complaints)
    assert any("back from" in told for told in watching.complaints)


def wait_until(met: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.05)
