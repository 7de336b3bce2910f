"""The tables that bars from topics are kept in, declared once.

A *bar* is what was traded of one symbol in one stretch of time: the first, highest, lowest and last value, and the
volume.
"""

from __future__ import annotations

from brain.warehouse.tables import Column, Layout

BARS = Layout(
    name="bars",
    meaning="A row per symbol and stretch of time, as the newest message of a topic tells it. Kept apart by month.",
    key=("symbol", "at"),
    columns=(
        Column("symbol", "text", "Whose bar it is."),
        Column("at", "timestamptz", "The time that the message gives it, in UTC: mostly the start of the stretch."),
        Column("open", "double precision", "The first value."),
        Column("high", "double precision", "The highest value."),
        Column("low", "double precision", "The lowest value; values may be negative."),
        Column("close", "double precision", "The last value."),
        Column("volume", "double precision", "How much was traded; empty where the message does not say.", low=0),
        Column(
            "arrived_at",
            "timestamptz",
            "When the row was last written: the moment of the run that read it, or later where an earlier one had been"
            " later. It only grows: what is above the greatest one that you have read is what has changed since.",
        ),
        Column("origin", "integer", "The topic and partition it came from: bar_offsets.origin."),
        Column("message_offset", "bigint", "The offset of the message it came from."),
    ),
    filled=frozenset({"open", "high", "low", "close", "arrived_at", "origin", "message_offset"}),
    partitioned_by="at",
    indexed=("at", "arrived_at"),  # what is new, and what has changed, over all symbols
)

BAR_OFFSETS = Layout(
    name="bar_offsets",
    meaning="A row per partition of a topic: how far it was read, written in one transaction with what was read.",
    key=("topic", "partition"),
    columns=(
        Column("topic", "text", "The topic."),
        Column("partition", "integer", "Its partition."),
        Column("origin", "integer", "Stands for the two in other tables; a new one once the topic was made anew."),
        Column("next_offset", "bigint", "The offset that is read next; -1 is the topic's beginning."),
        Column("last_offset", "bigint", "The offset of the last message that was read; empty if there was none."),
        Column("last_sha256", "text", "SHA-256 of that message: whether the topic is still the same one."),
        Column("topic_id", "text", "The id that the broker gave the topic; empty where it gives none."),
        Column("messages", "bigint", "How many messages were read."),
        Column("refused", "bigint", "How many of them went to bar_dead_letters."),
        Column("lost", "bigint", "How many messages the broker had deleted before they were read."),
        Column("arrived_at", "timestamptz", "When it was last read: bars.arrived_at of that transaction."),
    ),
    filled=frozenset({"origin", "next_offset", "messages", "refused", "lost", "arrived_at"}),
)

BAR_DEAD_LETTERS = Layout(
    name="bar_dead_letters",
    meaning="A row per message that is no bar, or none that can be kept, with the reason; nothing waits for it.",
    key=("origin", "message_offset"),
    columns=(
        Column("topic", "text", "The topic it came from."),
        Column("partition", "integer", "The partition it came from."),
        Column("message_offset", "bigint", "Its offset; of messages that were lost, the first one's."),
        Column("origin", "integer", "The topic and partition it came from: bar_offsets.origin."),
        Column("reason", "text", "Why it is no bar, for people."),
        Column("key", "text", "The message's key, cut short; empty if it had none."),
        Column("message", "text", "The message, cut short; bytes that are no text are written \\x.."),
        Column("message_bytes", "bigint", "How long the message was."),
        Column("sent_at", "timestamptz", "The time of the message; empty where the broker gives none."),
        Column("arrived_at", "timestamptz", "When it was read, as in bars."),
    ),
    filled=frozenset({"topic", "partition", "reason", "message_bytes", "arrived_at"}),
)

TABLES = (BARS, BAR_OFFSETS, BAR_DEAD_LETTERS)
