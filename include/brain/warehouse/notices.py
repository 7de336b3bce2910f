"""The table `notices`: each problem that people are to be told of, written once and told once.

A problem has a key: what was being done, for whom, and since when. As long as it lasts it is the same problem, however
often a run meets it again; once it is solved, the next one is new.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from psycopg2 import sql

from brain.warehouse import fence
from brain.warehouse.connection import transaction
from brain.warehouse.refusal import explained
from brain.warehouse.statements import COMMA
from brain.warehouse.tables import Column, Layout
from brain.warehouse.upgrade import upgrade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from psycopg2.extensions import cursor as Cursor  # noqa: N812
    from pydantic import SecretStr

    from brain.core.moment import Moment
    from brain.core.telling import Kind

Channel = Literal["mailed_at", "posted_at"]

EVENTS: tuple[Kind, ...] = (
    "alarm",
    "waiting",
    "found",
)  # no run solves them: what they are about has a place of its own

NEWS = timedelta(days=7)  # a problem that no run has met for longer is not told any more

NOTICES = Layout(
    name="notices",
    meaning="A row per problem that people are to be told of. It is written when a run meets it first, and told once.",
    key=("use_case", "step", "subject", "since"),
    columns=(
        Column("use_case", "text", "The use case; empty where all are concerned."),
        Column(
            "step",
            "text",
            "What was being done: extract, train, approve, score, publish, evaluate, tidy; or a DAG of every step.",
        ),
        Column("subject", "text", "Whose problem it is: a unit, a model, or a task of Airflow."),
        Column("since", "timestamptz", "The moment of the first run that met it, in UTC."),
        Column(
            "kind",
            "text",
            "quarantined: the gate refused its rows; failed: its work failed; stopped: a task failed, and with it the"
            " run; alarm: live outcomes refute a model; late: the tables were not published in time; waiting: a new"
            " version waits for a person's approval; found: a published row that people are to know of.",
            required=True,
        ),
        Column("happened", "text", "What happened, for people.", required=True),
        Column("still_right", "text", "What is right all the same.", required=True),
        Column("to_do", "text", "What to do.", required=True),
        Column("link", "text", "Address of the run in Airflow's UI; empty where Airflow does not know its own.", True),
        Column("last_seen", "timestamptz", "The moment of the last run that met it.", required=True),
        Column("solved_at", "timestamptz", "The moment of the first run afterwards that did not; empty until then."),
        Column("mailed_at", "timestamptz", "The moment of the run that mailed it; empty until then."),
        Column(
            "mailed_with", "text", "What one mail tells has the same here: a mail made again after a kill is the same."
        ),
        Column("posted_at", "timestamptz", "The moment of the run that posted it to the webhook; empty until then."),
    ),
    filled=frozenset({"kind", "happened", "still_right", "to_do", "link", "last_seen"}),
)


@dataclass(frozen=True)
class Place:
    """Where a problem may be: with the moment at which it began, the key of the table."""

    use_case: str
    step: str
    subject: str


@dataclass(frozen=True)
class Problem:
    """What people are told.

    Args:
        lasting: A later run meets it again until it is solved; else it is an event of its own each time.
    """

    place: Place
    kind: Kind
    happened: str
    still_right: str
    to_do: str
    link: str = ""
    lasting: bool = True


def note(url: SecretStr, moment: Moment, problems: Sequence[Problem], solved: Iterable[Place] = ()) -> None:
    """Remember what a run has met, and what it has not met any more; a rerun of the moment changes nothing.

    A unit that fails in a later step of the same moment fails of the same cause: that is not written a second time.

    Raises:
        ServerUnreachable: Nothing answers, or the connection was cut; nothing was written.
        CredentialsRejected: The login was refused.
    """
    make_ready(url)
    with explained(), transaction(url) as connection, connection.cursor() as cursor:
        fence.hold(cursor, NOTICES.name)
        for place in solved:
            cursor.execute(_SOLVE, {**asdict(place), "moment": moment.at})
        for problem in problems:
            values = _values(problem, moment)
            cursor.execute(_SEE, values)
            cursor.execute(_INSERT if problem.lasting else _INSERT_EVENT, values)


def make_ready(url: SecretStr) -> None:
    """Bring the table to what this release declares."""
    with explained():
        upgrade(url, NOTICES.name, [NOTICES])


def note_events(cursor: Cursor, moment: Moment, events: Sequence[Problem]) -> int:
    """Remember events in a transaction of the caller's, after `make_ready`; how many were new.

    An event that was noted before, at whatever moment, is not noted again.
    """
    if not events:
        return 0
    fence.hold(cursor, NOTICES.name)
    new = 0
    for event in events:
        cursor.execute(_INSERT_ONCE, _values(event, moment))
        new += cursor.rowcount
    return new


def untold(url: SecretStr, moment: Moment, channel: Channel) -> list[Problem]:
    """What nobody was told by a channel yet, as `deliver` would hand it on; the oldest first."""
    with explained(), transaction(url) as connection, connection.cursor() as cursor:
        return [one.problem for one in _untold(cursor, moment, channel)]


def deliver(
    url: SecretStr,
    moment: Moment,
    channel: Channel,
    send: Callable[[Sequence[Problem]], None],
    wanted: Callable[[Problem], bool] = lambda _: True,
) -> int:
    """Hand `send` what nobody was told by a channel yet, and remember that it was told; how many problems.

    Nothing is remembered where `send` raises: the next run tells it. Others who deliver wait until it is done. What one
    mail tells is written down before it is sent: after a kill later news do not make it another mail.

    Args:
        wanted: The others wait for another call.
    """
    is_mail = channel == "mailed_at"
    if is_mail:
        _gather(url, moment, wanted)
    with explained(), transaction(url) as connection, connection.cursor() as cursor:
        waiting = [one for one in _untold(cursor, moment, channel) if wanted(one.problem)]
    messages = dict.fromkeys(one.together if is_mail else None for one in waiting)
    return sum(_send(url, moment, channel, send, wanted, together) for together in messages)


def _send(
    url: SecretStr,
    moment: Moment,
    channel: Channel,
    send: Callable[[Sequence[Problem]], None],
    wanted: Callable[[Problem], bool],
    together: str | None,
) -> int:
    """Send one message, unless somebody else has done so; how many problems it told.

    Args:
        together: Tells what one mail has; None: all that nobody was told yet.
    """
    failed: Exception | None = None
    with explained(), transaction(url) as connection, connection.cursor() as cursor:
        fence.hold(cursor, f"{NOTICES.name} {channel}")
        told = [one for one in _untold(cursor, moment, channel) if wanted(one.problem)]
        told = [one for one in told if together is None or one.together == together]
        try:
            if told:
                send([one.problem for one in told])
        except Exception as error:  # it was not sent: what else is news by then goes into the same mail
            failed = error
        for one in told:
            if failed is None:
                mark = _MARK.format(channel=sql.Identifier(channel))
                cursor.execute(mark, (moment.at, *one.key))
            elif together is not None:
                cursor.execute(_TOGETHER, (None, *one.key))
    if failed is not None:
        raise failed
    return len(told)


class _Untold(NamedTuple):
    """A problem, the moment since when it is known, and the mail that it is to be told by."""

    problem: Problem
    since: datetime
    together: str | None

    @property
    def key(self) -> tuple[object, ...]:
        place = self.problem.place
        return place.use_case, place.step, place.subject, self.since


def _gather(url: SecretStr, moment: Moment, wanted: Callable[[Problem], bool]) -> None:
    """Write down what the next mail tells, for good."""
    if not any(wanted(problem) for problem in untold(url, moment, "mailed_at")):
        return
    make_ready(url)
    with explained(), transaction(url) as connection, connection.cursor() as cursor:
        fence.hold(cursor, f"{NOTICES.name} mailed_at")
        found = [one for one in _untold(cursor, moment, "mailed_at") if not one.together and wanted(one.problem)]
        for one in found:
            cursor.execute(_TOGETHER, (str(found[0].key), *one.key))


def forget_notices(cursor: Cursor, use_case: str, after: Moment) -> None:
    """Forget what runs of moments later than `after` met and solved, of a use case or of all of them."""
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (NOTICES.name,))
    if cursor.fetchall() == [(False,)]:
        return
    fence.hold(cursor, NOTICES.name)
    for statement in _FORGET:
        cursor.execute(statement, {"use_case": use_case, "after": after.at})


def _untold(cursor: Cursor, moment: Moment, channel: Channel) -> list[_Untold]:
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (NOTICES.name,))
    if cursor.fetchall() == [(False,)]:
        return []
    cursor.execute(_UNTOLD.format(columns=_COLUMNS, channel=sql.Identifier(channel)), {"since": moment.at - NEWS})
    return [_Untold(_problem(told), told[3], together) for *told, together in cursor.fetchall()]


def _values(problem: Problem, moment: Moment) -> dict[str, object]:
    return {**_texts(problem), **asdict(problem.place), "moment": moment.at}


def _texts(problem: Problem) -> dict[str, object]:
    return {name.name: getattr(problem, name.name) for name in fields(problem) if name.name not in ("place", "lasting")}


def _problem(row: Sequence[Any]) -> Problem:
    use_case, step, subject, _, *texts = row
    return Problem(Place(use_case, step, subject), *texts)


_TEXTS = ("kind", "happened", "still_right", "to_do", "link")
_COLUMNS = COMMA.join(map(sql.Identifier, ("use_case", "step", "subject", "since", *_TEXTS)))
_SAME = sql.SQL("use_case = %(use_case)s AND step = %(step)s AND subject = %(subject)s AND solved_at IS NULL")
_SOLVE = sql.SQL("UPDATE notices SET solved_at = %(moment)s WHERE {} AND last_seen <= %(moment)s").format(_SAME)
_SEE = sql.SQL("UPDATE notices SET last_seen = %(moment)s WHERE {} AND last_seen < %(moment)s").format(_SAME)
_VALUES = sql.SQL(
    "INSERT INTO notices ({}, last_seen) SELECT %(use_case)s, %(step)s, %(subject)s, %(moment)s,"
    " %(kind)s, %(happened)s, %(still_right)s, %(to_do)s, %(link)s, %(moment)s"
).format(_COLUMNS)
_INSERT = _VALUES + sql.SQL(
    " WHERE NOT EXISTS (SELECT FROM notices WHERE use_case = %(use_case)s AND subject = %(subject)s"
    " AND (step = %(step)s AND coalesce(solved_at, 'infinity') >= %(moment)s"
    " OR step <> %(step)s AND solved_at IS NULL AND last_seen = %(moment)s)) ON CONFLICT DO NOTHING"
)
_INSERT_EVENT = _VALUES + sql.SQL(" ON CONFLICT DO NOTHING")
_INSERT_ONCE = _VALUES + sql.SQL(
    " WHERE NOT EXISTS (SELECT FROM notices WHERE use_case = %(use_case)s AND step = %(step)s"
    " AND subject = %(subject)s) ON CONFLICT DO NOTHING"
)
_UNTOLD = sql.SQL(  # the table may be of a release that did not have the last column
    "SELECT {columns}, to_jsonb(notices) ->> 'mailed_with' FROM notices"
    " WHERE {channel} IS NULL AND solved_at IS NULL AND last_seen > %(since)s ORDER BY since, use_case, step, subject"
)
_MARK = sql.SQL("UPDATE notices SET {channel} = %s WHERE use_case = %s AND step = %s AND subject = %s AND since = %s")
_TOGETHER = "UPDATE notices SET mailed_with = %s WHERE use_case = %s AND step = %s AND subject = %s AND since = %s"
_FORGET = (
    "DELETE FROM notices WHERE use_case IN (%(use_case)s, '') AND since > %(after)s",
    "UPDATE notices SET solved_at = NULL WHERE use_case IN (%(use_case)s, '') AND solved_at > %(after)s",
    "UPDATE notices SET last_seen = %(after)s WHERE use_case IN (%(use_case)s, '') AND last_seen > %(after)s",
)
