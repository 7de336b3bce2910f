"""The commands of bars, as they are typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from brain.cli import app
from brain.core.errors import CatalogueError, UnknownName
from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.doctor import examine
from tests.bars.conftest import CLOCK, bar

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bars.conftest import Feed

FILE = (
    "symbol,at,open,high,low,close,volume\nA,2026-01-05T12:00:00Z,1,2,0.5,1.5,10\nA,2026-01-05T12:01:00Z,1,2,3,1.5,\n"
)


@pytest.fixture
def typed(feed: Feed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment of a shell in which the feed's catalogue counts; gives the catalogue."""
    catalogue = tmp_path / "topics.yaml"
    catalogue.write_text(f"bars: {{topic: '{feed.bars.topic}'}}")
    for name, value in feed.settings.model_dump(by_alias=True).items():
        if name.startswith("BRAIN_") and value:
            shown = [value] if not isinstance(value, tuple) else value
            given = ",".join(getattr(one, "get_secret_value", lambda one=one: str(one))() for one in shown)
            monkeypatch.setenv(name, given)
    monkeypatch.setenv("BRAIN_HOME", str(feed.settings.home))
    monkeypatch.setenv("BRAIN_CATALOGUE", str(catalogue))
    return catalogue


def test_a_file_is_sent_and_read_and_read_again(feed: Feed, typed: Path, tmp_path: Path) -> None:
    file = tmp_path / "bars.csv"
    file.write_text(FILE)
    feed.made.append(feed.topic("A"))
    run = CliRunner().invoke
    assert run(app, ["bars", "send", str(file)]).output == "Sent 2 messages.\n"
    read = run(app, ["bars", "read"])
    assert (read.exit_code, read.output.splitlines()) == (
        0,
        [
            f"{feed.topic('A')}: 2 messages, 1 refused (bar_dead_letters says why)",
            "1 bars new, 0 corrected, 0 repeated",
        ],
    )
    assert feed.reasons() == ["high 2 is below low 3"]
    told = run(app, ["bars", "rewind", feed.topic("A")]).output
    assert told == f"{feed.topic('A')}: the next run reads 1 partitions from the beginning.\n"
    assert "0 bars new, 0 corrected, 1 repeated" in run(app, ["bars", "read"]).output
    feed.delete("A")
    gone = run(app, ["bars", "read"])
    assert gone.exit_code == 1
    assert gone.output.startswith(f"failed {feed.topic('A')}: found no such topic, and bars of it were read before")


def test_what_cannot_be_done_says_why(feed: Feed, typed: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert isinstance(run(app, ["bars", "rewind", "X"]).exception, UnknownName)
    assert isinstance(run(app, ["bars", "send", str(tmp_path / "none.csv")]).exception, UnknownName)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert isinstance(run(app, ["bars", "send", str(tmp_path / "other.csv")]).exception, UnknownName)
    typed.write_text("assets: [GOLD]")
    assert isinstance(run(app, ["bars", "read"]).exception, CatalogueError)


def test_the_doctor_looks_for_the_topics(feed: Feed, typed: Path) -> None:
    (told,) = [check for check in examine(feed.settings.home, Moment(CLOCK)) if check.subject == "topics of bars"]
    assert (told.ok, "no such topic" in told.message) == (False, True)
    feed.make("A")
    feed.send("A", bar(0))
    (told,) = [check for check in examine(feed.settings.home, Moment(CLOCK)) if check.subject == "topics of bars"]
    assert (told.ok, told.message) == (True, "1 topics of bars; messages not read yet: 1")


def test_the_tables_are_there_before_the_first_bar(feed: Feed, typed: Path) -> None:
    told = CliRunner().invoke(app, ["tables"])
    assert told.exit_code == 0
    assert feed.rows("SELECT count(*) FROM bars") == [(0,)]


def test_the_settings_are_what_the_shell_says(feed: Feed, typed: Path) -> None:
    assert Settings.load().kafka_url == feed.settings.kafka_url
