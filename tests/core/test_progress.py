"""The progress log: many writers, one reader, honest counts."""

from __future__ import annotations

import logging
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from brain.core.moment import Moment
from brain.core.progress import ProgressLog, StepProgress, forget_runs


@pytest.fixture
def progress(tmp_path: Path) -> ProgressLog:
    return ProgressLog.of(tmp_path, Moment(datetime(2020, 1, 2, tzinfo=UTC)))


REPORT_200 = """
import sys
from pathlib import Path
from brain.core.progress import ProgressLog
for number in range(200):
    ProgressLog(Path(sys.argv[1])).report("train", f"{sys.argv[2]}/{number}")
"""


def test_nothing_is_known_before_the_first_line(progress: ProgressLog) -> None:
    assert progress.read() == {}


def test_lines_of_many_processes_are_all_counted(progress: ProgressLog) -> None:
    progress.expect("train", 600)
    command = [sys.executable, "-c", REPORT_200, str(progress.path)]
    writers = [subprocess.Popen([*command, str(number)]) for number in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    train = progress.read()["train"]
    assert (train.done, train.total) == (600, 600)


def test_an_item_reported_twice_counts_once(progress: ProgressLog) -> None:
    for item in ("GOLD", "SILVER", "GOLD"):
        progress.report("extract", item)
    assert progress.read()["extract"].done == 2


def test_the_last_expectation_counts(progress: ProgressLog) -> None:
    progress.expect("train", 10)
    progress.expect("train", 4)
    assert progress.read()["train"].total == 4


def test_steps_keep_their_order(progress: ProgressLog) -> None:
    for step in ("train", "extract", "train", "publish"):
        progress.report(step, "GOLD")
    assert list(progress.read()) == ["train", "extract", "publish"]


def test_a_line_still_being_written_is_left_for_later(progress: ProgressLog) -> None:
    progress.report("train", "GOLD")
    with progress.path.open("a") as file:
        file.write('{"step": "train", "it')
    assert progress.read()["train"].done == 1


@pytest.mark.parametrize(
    ("done", "total", "left"), [(0, 10, None), (5, None, None), (5, 20, 30.0), (20, 20, 0.0), (21, 20, 0.0)]
)
def test_time_left_follows_the_pace(done: int, total: int | None, left: float | None) -> None:
    assert StepProgress("train", done, total, "GOLD", seconds=done * 2.0).seconds_left == left


def test_a_file_that_cannot_be_written_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "progress").write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING):
        ProgressLog(tmp_path / "progress" / "run.jsonl").report("train", "GOLD")
    assert "cannot be written" in caplog.text


def test_a_line_that_a_full_disk_cut_off_is_left_out(progress: ProgressLog) -> None:
    progress.report("train", "GOLD 5")
    with progress.path.open("a") as file:
        file.write('{"step": "train", "ite')  # the next line is written behind it
    progress.report("train", "GOLD 21")
    progress.report("train", "GOLD 25")
    assert (progress.read()["train"].done, progress.read()["train"].item) == (2, "GOLD 25")


def test_logs_of_runs_long_past_are_forgotten_and_nothing_else(tmp_path: Path) -> None:
    logs = {day: ProgressLog.of(tmp_path, Moment(datetime(2020, 1, day, 22, tzinfo=UTC))) for day in (1, 2, 3)}
    for log in logs.values():
        log.report("train", "GOLD")
    other = logs[1].path.with_name("20190101T220000Z of somebody.jsonl")
    other.write_text("kept")
    assert forget_runs(tmp_path, date(2020, 1, 3)) == 2
    assert [day for day, log in logs.items() if log.path.exists()] == [3]
    assert other.exists()
    assert forget_runs(tmp_path / "nowhere", date(2020, 1, 3)) == 0
