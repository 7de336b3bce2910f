"""Bars from a real broker into a real PostgreSQL: each message counts exactly once, whatever comes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg2
import pytest
from confluent_kafka import TopicPartition

from brain.core.bar_settings import BarSettings
from brain.core.errors import ServerUnreachable, SettingsError, TableBusy, TopicError
from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.core.topics import Place
from brain.ingestion import look
from brain.page.bars import LATELY, arriving
from brain.page.reading import reading
from brain.warehouse.bar_upkeep import rewind
from brain.warehouse.bar_writing import Mark, ReadBar, Step, Written, marks, write
from local.broker import Broker
from tests.bars.conftest import CLOCK, NOON, bar

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bars.conftest import Feed


def test_bars_come_into_the_table_and_only_once(feed: Feed) -> None:
    feed.make("A")
    feed.make("B")
    feed.send("A", bar(0), bar(1, volume=None, close=-2.5, low=-3))
    feed.send("B", bar(0, symbol=feed.bars.symbol_of(feed.topic("B"))))
    assert feed.read().written == Written(new=3)
    assert feed.read().written == Written()
    assert feed.rows("SELECT * FROM bars WHERE symbol = 'A' ORDER BY at") == [
        ("A", NOON, 1.0, 3.0, 0.5, 2.0, 10.0, CLOCK + timedelta(seconds=1), 1, 0),
        ("A", NOON + timedelta(minutes=1), 1.0, 3.0, -3.0, -2.5, None, CLOCK + timedelta(seconds=1), 1, 1),
    ]
    assert feed.rows("SELECT topic, partition, next_offset, messages, refused, lost FROM bar_offsets ORDER BY 1") == [
        (feed.topic("A"), 0, 2, 2, 0, 0),
        (feed.topic("B"), 0, 1, 1, 0, 0),
    ]


def test_late_repeated_and_conflicting_bars(feed: Feed) -> None:
    feed.make("A")
    feed.send("A", bar(5), bar(3), bar(5), bar(3, close=2.5))
    assert feed.read().written == Written(new=2, corrected=1, repeated=1)
    feed.send("A", bar(3, close=2.5), bar(5, close=2.75), bar(1))
    assert feed.read().written == Written(new=1, corrected=1, repeated=1)
    assert feed.closes() == {("A", "01-05 12:01"): 2.0, ("A", "01-05 12:03"): 2.5, ("A", "01-05 12:05"): 2.75}
    changed = feed.rows(f"SELECT to_char(at AT TIME ZONE 'UTC', 'MI') FROM bars WHERE arrived_at > '{_second(1)}'")
    assert sorted(changed) == [("01",), ("05",)]


def _second(count: int) -> str:
    return (CLOCK + timedelta(seconds=count)).isoformat()


def test_what_is_no_bar_is_told_and_stops_nothing(feed: Feed) -> None:
    feed.make("A")
    feed.send("A", "{", b"\xff\x00", None, [1], bar(0, high=0.1), bar(1, open="1"), "x" * 70_000, bar(2))
    done = feed.read()
    assert done.written == Written(new=1)
    assert [result.ok for result in done.results] == [True]
    assert "7 refused" in done.results[0].reason
    first, *others = feed.reasons()
    assert first.startswith("no JSON: ")
    assert others == [
        "a message that is not UTF-8 text",
        "empty",
        "JSON that is a list, where an object is expected",
        "high 0.1 is below low 0.5",
        "open is '1', not a number",
        "70,000 bytes, where 65,536 are the most",
    ]
    assert feed.rows("SELECT message, message_bytes FROM bar_dead_letters WHERE message_offset = 1") == [
        ("\\xff\\x00", 2)
    ]
    assert feed.rows("SELECT length(message), message_bytes FROM bar_dead_letters WHERE message_offset = 6") == [
        (4096, 70_000)
    ]


def test_a_message_of_ten_megabytes_is_refused_and_the_next_one_read(feed: Feed) -> None:
    feed.make("A")
    feed.send("A", bar(0), "x" * 10_000_000, bar(1))
    assert feed.read().written == Written(new=2)
    assert feed.reasons() == ["10,000,000 bytes, where 65,536 are the most"]


def test_one_topic_with_symbols_as_keys(feed: Feed) -> None:
    feed.bars = BarSettings(topic=feed.bars.topic.replace("{symbol}", "all"), symbols=("A", "B/C"))
    feed.make("", partitions=1)
    feed.send("", bar(0), bar(1), key="A")
    feed.send("", bar(0), key="B/C")
    feed.send("", bar(0), key="D")
    feed.send("", bar(0))
    assert feed.read().written == Written(new=3)
    assert feed.reasons() == ["the unknown symbol 'D': the catalogue's `bars.symbols` does not name it", "no symbol"]


def test_a_topic_that_is_not_there_stops_no_other(feed: Feed) -> None:
    feed.make("A")
    feed.send("A", bar(0))
    done = feed.read(symbols=["A", "B"])
    assert done.written == Written(new=1)
    missing, read = done.results
    assert (missing.unit, missing.ok, read.ok) == (feed.topic("B"), False, True)
    assert isinstance(missing.error, TopicError)
    assert "no such topic; expected" in missing.reason


def test_a_topic_that_vanished_is_told(feed: Feed) -> None:
    feed.make("A")
    feed.send("A", bar(0))
    feed.read()
    feed.delete("A")
    (gone,) = feed.read().results
    assert "bars of it were read before" in gone.reason
    assert feed.closes() == {("A", "01-05 12:00"): 2.0}


def test_how_bars_arrive_is_told(feed: Feed) -> None:
    """What the page's Health shows, and what the doctor says besides."""
    for symbol in ("A", "B", "C"):
        feed.make(symbol)
    with reading(feed.settings.warehouse_url) as reader:
        assert arriving(reader) is None
    feed.send("A", bar(0), bar(90), "{")
    feed.send("B", bar(5), "[", "[")
    feed.read(CLOCK - 2 * LATELY)
    assert look(feed.settings, feed.bars) == (3, 0)
    feed.send("A", bar(3), "}")
    feed.send("C", "}")
    assert look(feed.settings, feed.bars) == (3, 3)
    feed.read()
    with reading(feed.settings.warehouse_url) as reader:
        told = arriving(reader)
    assert told is not None
    found = {one["topic"]: one for one in told["topics"]}
    assert list(found) == [feed.topic(symbol) for symbol in "CBA"], "most behind comes first"
    newest = NOON + timedelta(minutes=90)
    assert (told["newest"], told["there"], told["since"]) == (newest, 3, told["read_at"] - LATELY)
    assert [one["behind"] for one in told["topics"]] == [None, 85 * 60, 0]
    assert [(one["messages"], one["symbols"], one["refused"]) for one in told["topics"]] == [
        (1, 0, 1),
        (3, 1, 0),
        (5, 1, 1),
    ]
    assert told["refused"] == sum(one["messages"] for one in told["reasons"]) == 2
    assert all(one["reason"].startswith("no JSON") for one in told["reasons"])


@pytest.mark.parametrize("again", [1, 2, 5], ids=["shorter", "as long", "longer"])
def test_a_topic_that_was_made_anew_is_not_read_before_somebody_says_so(feed: Feed, again: int) -> None:
    feed.make("A")
    feed.send("A", bar(0), bar(1))
    feed.read()
    feed.delete("A")
    feed.make("A")
    feed.send("A", *(bar(minute, close=1.5) for minute in range(again)))
    (told,) = feed.read().results
    if again == 2:  # nothing is lost by it: what comes next shows it
        assert told.ok
        feed.send("A", bar(9))
        (told,) = feed.read().results
        again = 3
    assert not told.ok
    assert isinstance(told.error, TopicError)
    assert "expected the topic that was read before" in told.reason
    assert f"brain bars rewind {feed.topic('A')}" in told.reason
    assert set(feed.closes().values()) == {2.0}
    assert rewind(feed.settings.warehouse_url, feed.topic("A")) == 1
    done = feed.read()
    assert [result.ok for result in done.results] == [True]
    assert done.written.new + done.written.corrected + done.written.repeated == again
    assert feed.closes()["A", "01-05 12:00"] == 1.5


def test_reading_from_the_beginning_again_changes_nothing(feed: Feed) -> None:
    feed.make("A")
    feed.send("A", bar(0, close=1), bar(0, close=2.5), bar(1))
    feed.read()
    before = feed.closes()
    rewind(feed.settings.warehouse_url, feed.topic("A"))
    assert feed.read().written.new == 0
    assert feed.closes() == before
    assert feed.rows("SELECT next_offset, origin FROM bar_offsets") == [(3, 2)]


def test_messages_that_were_deleted_unread_are_told_once(feed: Feed) -> None:
    feed.make("A")
    feed.send("A", bar(0))
    feed.read()
    feed.send("A", bar(1), bar(2), bar(3))
    admin = feed.admin
    for answer in admin.delete_records([TopicPartition(feed.topic("A"), 0, 3)]).values():
        answer.result(10)
    (told,) = (done := feed.read()).results
    assert done.written == Written(new=1)
    assert not told.ok
    assert "the messages 1 to 2 deleted before they were read" in told.reason
    assert feed.reasons() == ["2 messages from this offset on were deleted before they were read"]
    assert [result.ok for result in feed.read().results] == [True]
    assert feed.rows("SELECT lost, next_offset FROM bar_offsets") == [(2, 4)]


def test_what_arrives_later_is_later_also_for_an_older_moment(feed: Feed) -> None:
    feed.make("A")
    feed.send("A", bar(0))
    feed.read(CLOCK)
    feed.send("A", bar(1))
    feed.read(CLOCK - timedelta(days=1))
    (first,), (second,) = feed.rows("SELECT arrived_at FROM bars ORDER BY at")
    assert (first, second) == (CLOCK, CLOCK + timedelta(microseconds=1))


def test_small_batches_give_the_same_rows(feed: Feed) -> None:
    feed.make("A", partitions=3)
    for partition in range(3):
        feed.send("A", *(bar(100 * partition + minute) for minute in range(50)), partition=partition)
    assert feed.read(batch_messages=7).written == Written(new=150)
    assert feed.rows("SELECT sum(messages), min(next_offset), max(next_offset) FROM bar_offsets") == [(150, 50, 50)]
    assert feed.rows("SELECT count(DISTINCT arrived_at) > 10 FROM bars") == [(True,)]


def test_a_reader_who_was_overtaken_writes_nothing(feed: Feed) -> None:
    feed.make("A")
    feed.send("A", bar(0))
    feed.read()
    place = Place(feed.topic("A"), 0)
    stale = {place: Step(None, Mark(1))}
    row = ReadBar("A", NOON + timedelta(minutes=7), 1, 1, 1, 1, 1, place, 0)
    with pytest.raises(TableBusy, match="read further by somebody else"):
        write(feed.settings.warehouse_url, Moment(CLOCK), [row], [], stale)
    assert feed.closes() == {("A", "01-05 12:00"): 2.0}
    assert marks(feed.settings.warehouse_url)[place].next_offset == 1


def test_months_are_kept_apart_and_old_ones_dropped(feed: Feed) -> None:
    feed.make("A")
    months = (1, 4, 6)
    feed.send("A", *(bar(0, at=(CLOCK - timedelta(days=31 * months)).isoformat()) for months in months))
    feed.read()
    parts = feed.rows("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND relname ~ '^bars_'")
    assert len(parts) == 3
    feed.send("A", bar(0, at=(CLOCK - timedelta(days=300)).isoformat()))
    done = feed.read(keep="3m")
    assert len(done.dropped) == 2
    assert "which is not kept" in feed.reasons()[0]
    assert feed.rows("SELECT count(*) FROM bars") == [(1,)]


def test_readers_see_the_bars(feed: Feed, reader_url: str) -> None:
    feed.make("A")
    feed.send("A", bar(0))
    feed.read()
    with psycopg2.connect(reader_url.replace("+psycopg2", "")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM bars, bar_offsets")
        assert cursor.fetchall() == [(1,)]
    connection.close()


def test_a_broker_that_is_down_may_be_up_next_time(feed: Feed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brain.source.kafka.ANSWER_SECONDS", 1.0)
    server = Broker(tmp_path)
    port = server.start(19_092)
    try:
        feed.port = port
        feed.settings = Settings.model_validate(
            {**feed.settings.model_dump(by_alias=True), "BRAIN_KAFKA_URL": Broker.url(port)}
        )
        feed.make("A")
        feed.send("A", bar(0))
        assert feed.read().written == Written(new=1)
        server.stop()
        with pytest.raises(ServerUnreachable, match="expected a broker that answers"):
            feed.read()
        assert server.start(port) == port
        feed.send("A", bar(1))
        assert feed.read().written == Written(new=1)
    finally:
        feed.made.clear()  # they go with their broker
        server.stop()


def test_no_broker_is_told(settings: Settings) -> None:
    from brain.ingestion import read_bars

    with pytest.raises(SettingsError, match="BRAIN_KAFKA_URL"):
        read_bars(settings, BarSettings(), Moment(CLOCK), CLOCK)


def test_daylight_saving_and_zones_are_one_time(feed: Feed) -> None:
    feed.make("A")
    times = ("2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00", "2026-03-29T00:30:00Z")
    feed.send("A", *(bar(0, at=at) for at in times))
    assert feed.read().written == Written(new=2, repeated=1)
    assert feed.rows("SELECT at FROM bars ORDER BY at") == [
        (datetime(2026, 3, 29, 0, 30, tzinfo=UTC),),
        (datetime(2026, 3, 29, 1, 30, tzinfo=UTC),),
    ]


def test_real_bars_of_the_demo_travel_through_the_broker(feed: Feed) -> None:
    from brain.demo.bars import hourly_bars, send_bars

    frame = hourly_bars()
    feed.made.append(feed.topic("EURUSD"))
    assert send_bars(feed.settings, feed.bars, frame) == len(frame) == 6225
    assert feed.read().written == Written(new=6225)
    told = feed.rows("SELECT at, open, high, low, close, volume FROM bars ORDER BY at")
    assert [row[0] for row in told] == list(frame["at"])
    assert [row[1:] for row in told] == [tuple(row) for row in frame.iloc[:, 2:].itertuples(index=False)]
