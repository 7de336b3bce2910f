"""A writer's turn at a folder of a store that has no locks: whoever finds its own ticket there, and no other, has it.

A ticket is an object in a folder of its own. A writer puts one and then lists them. Of two writers, the one whose list
came later sees the other's ticket, so that never both have the turn, on any store that lists what it has taken; no
clock of another machine is asked. Where others lie there, only the one with the first name stays and waits.

A killed writer's ticket is seen unchanged for `SECONDS` by whoever waits, and is then taken away. A living writer
renews its own long before, each time under another name. One that was paused for longer than that knows it by its own
clock.
"""

from __future__ import annotations

import contextlib
import random
import time
import uuid
from typing import TYPE_CHECKING, Protocol

from brain.core.errors import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 60.0  # how long a ticket counts since it was put
_RENEWED = 1 / 3  # of them, after which it is put anew
_KEPT = 2 / 3  # of them, after which nothing is begun any more: it might end after the ticket
_TRY_SECONDS = (0.05, 0.3)


class Tickets(Protocol):
    """What a lease needs of a store."""

    def put(self, name: str) -> None:
        """Put an object that the next list holds."""

    def take_away(self, name: str) -> None:
        """Delete an object that may already be gone."""

    def listed(self) -> set[str]:
        """The names of all objects there are."""

    def describe(self) -> str:
        """Where they lie."""


class Lease:
    """A ticket that was put, and with it the turn once no other one lies there.

    Args:
        tickets: Where all who want the turn look.
        owner: A name that nobody else has.
    """

    def __init__(self, tickets: Tickets, owner: str) -> None:
        self._tickets = tickets
        self._owner = owner
        self._number = 0
        self._put_at = time.monotonic()
        tickets.put(self.name)

    @property
    def name(self) -> str:
        """The ticket's present name."""
        return f"{self._owner}-{self._number}"

    def keep(self) -> None:
        """Make sure of the turn before something is written: renew it while it counts.

        Raises:
            StorageUnavailable: It was not renewed for so long that somebody else may have it.
        """
        age = time.monotonic() - self._put_at
        if age > SECONDS * _KEPT:
            raise StorageUnavailable(
                self._tickets.describe(),
                found=f"a writer that did nothing for {age:.0f} s, so that another may have taken its turn",
                expected=f"a sign of life every {SECONDS * _KEPT:.0f} s",
                remedy="Run the step again; what was committed before is whole.",
            )
        if age > SECONDS * _RENEWED:
            before, self._put_at = self.name, time.monotonic()
            self._number += 1
            self._tickets.put(self.name)
            self._tickets.take_away(before)

    def release(self) -> None:
        """Let the next one have the turn; where the store does not answer, it has it once the ticket is old."""
        with contextlib.suppress(StorageUnavailable):
            self._tickets.take_away(self.name)


@contextlib.contextmanager
def turn(tickets: Tickets, patience: float) -> Iterator[Lease]:
    """Wait for the turn, have it, and give it up.

    Args:
        patience: Seconds to wait for others; should be more than `SECONDS`.

    Raises:
        StorageUnavailable: Others had it all the while, or the store does not answer.
    """
    lease = _taken(tickets, patience)
    try:
        yield lease
    finally:
        lease.release()


def _taken(tickets: Tickets, patience: float) -> Lease:
    deadline = time.monotonic() + patience
    waiting = _Waiting(tickets)
    while (lease := waiting.tried()) is None:
        if time.monotonic() > deadline:
            waiting.give_up()
            raise StorageUnavailable(
                tickets.describe(),
                found=f"other writers for {patience:.0f} s",
                expected="one run of a table at a time, which writes for seconds",
                remedy="Let the other run end, or end it, and run again.",
            )
        time.sleep(random.uniform(*_TRY_SECONDS))  # noqa: S311 - so that two who met do not meet again
    return lease


class _Waiting:
    """Somebody who wants the turn: with a ticket, unless one whose name comes before it lies there."""

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = tickets
        self._own: Lease | None = None
        self._watched: dict[str, float] = {}  # tickets of others, each with when it was first seen

    def tried(self) -> Lease | None:
        """The turn, if nobody else has it or wants it."""
        if self._own is None and self._watched:  # somebody was there: look before asking again
            self._watch(self._tickets.listed())
            if self._watched:
                return None
        try:
            return self._asked()
        except BaseException:
            self.give_up()
            raise

    def give_up(self) -> None:
        """Take the own ticket back."""
        if self._own is not None:
            self._own.release()
            self._own = None

    def _asked(self) -> Lease | None:
        if self._own is None:
            self._own = Lease(self._tickets, uuid.uuid4().hex)
        else:
            self._own.keep()
        listed = self._tickets.listed()
        if listed == {self._own.name}:
            return self._own
        self._watch(listed - {self._own.name})
        if self._own.name != min(listed, default=""):
            self.give_up()
        return None

    def _watch(self, listed: set[str]) -> None:
        """Note when a ticket was first seen, and take away what has not moved since for as long as one counts."""
        now = time.monotonic()
        self._watched = {name: self._watched.get(name, now) for name in listed}
        for name in [name for name, since in self._watched.items() if now - since > SECONDS]:
            self._tickets.take_away(name)
            del self._watched[name]
