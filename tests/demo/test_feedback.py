"""The demo's table of feedback, and what the login may that the Brain page writes it as."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest

from brain.demo.market_bars import make_feedback

SAY = (
    "INSERT INTO anomaly_feedback (anomaly, verdict) VALUES ('a bar', 'confirmed')"
    " ON CONFLICT (anomaly) DO UPDATE SET verdict = excluded.verdict"
)


def plain(url: str) -> str:
    """Without the name of SQLAlchemy's driver."""
    return url.replace("+psycopg2", "")


def test_it_says_what_people_think_and_holds_up_no_run(connections: dict[str, str]) -> None:
    """Also where an earlier release had granted the whole table, which lets its holder lock it."""
    with closing(psycopg2.connect(plain(connections["BRAIN_DEMO_URL"]))) as owner, owner, owner.cursor() as cursor:
        cursor.execute("CREATE TABLE anomaly_feedback (anomaly text PRIMARY KEY, verdict text, note text)")
        cursor.execute("GRANT SELECT, INSERT, UPDATE ON anomaly_feedback TO brain_feedback")
    make_feedback(connections["BRAIN_DEMO_URL"])
    with closing(psycopg2.connect(plain(connections["BRAIN_FEEDBACK_URL"]))) as login, login.cursor() as cursor:
        login.autocommit = True
        for _ in range(2):
            cursor.execute(SAY)
        for attempt in (
            "DO $$ BEGIN LOCK TABLE anomaly_feedback IN ACCESS EXCLUSIVE MODE; END $$",
            "DO $$ BEGIN LOCK TABLE anomaly_feedback IN SHARE MODE; END $$",
            "UPDATE anomaly_feedback SET anomaly = 'another'",
            "DELETE FROM anomaly_feedback",
        ):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(attempt)
