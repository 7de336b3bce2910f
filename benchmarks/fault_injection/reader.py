"""A reader of the published tables that never stops asking, and what it must never see."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import psycopg2

from benchmarks.fault_injection.market import ASSETS, HORIZONS

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

    from benchmarks.fault_injection.findings import Findings

COLUMNS = (
    *("asset", "horizon", "as_of", "probability", "base_rate", "skill", "has_skill", "model_version"),
    *("trained_at", "data_sha256", "published_at", "stale", "reason"),
)
FACTS = COLUMNS[2:11]  # what a publication says of a cell
DETAILS = f"SELECT {', '.join(COLUMNS)} FROM probability_details ORDER BY 1, 2"
WIDE = 'SELECT assetname, "5_Day_Probability", "20_Day_Probability", as_of, published_at FROM Probabilities ORDER BY 1'
HISTORY = "SELECT count(*) FROM probability_history"
PAUSE = 0.02

Cell = tuple[str, int]
Truth = dict[Any, Any]


@dataclass
class Reader:
    """Polls in a thread of its own, from entering to leaving; what it looks at is direction's.

    Args:
        url: As the BI login; asked again after every lost connection.
        truth: By row and publication what it says: the undisturbed run's.
    """

    url: Callable[[], str]
    findings: Findings
    truth: Truth
    newest: dict[Any, tuple[Any, Any]] = field(default_factory=dict)
    lines: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _away: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._poll, name="reader", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    @contextmanager
    def looking_away(self) -> Iterator[None]:
        """While something is made that is taken back on purpose: what was newest may be no longer."""
        with self._away:
            yield
            self.newest, self.lines = {}, 0

    def _poll(self) -> None:
        connection: Connection | None = None
        while not self._ended.wait(PAUSE):
            try:
                connection = connection or _connect(self.url())
                with self._away:
                    self.look(connection)
            except psycopg2.Error:  # the server is dead, or on its way back
                connection = None
            except Exception as error:  # nobody would look on any more, and nothing would be found
                self.findings.report("whole", f"the reader cannot tell what it sees: {error!r}")
        if connection is not None:
            connection.close()

    def look(self, connection: Connection) -> None:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('probabilities') IS NOT NULL")
            if cursor.fetchall() != [(True,)]:
                if self.newest:
                    self.findings.report("whole", "the published tables are gone")
                return
            cursor.execute(DETAILS)
            details = cursor.fetchall()
            cursor.execute(WIDE)
            wide = cursor.fetchall()
            cursor.execute(HISTORY)
            ((lines,),) = cursor.fetchall()
        self.findings.count("polls")
        self._check_whole(details, wide)
        self._check_forward(details, wide, lines)
        self._check_true(details)

    def _check_whole(self, details: list[tuple[Any, ...]], wide: list[tuple[Any, ...]]) -> None:
        cells = [row[:2] for row in details]
        if cells and cells != [(asset, horizon) for asset in ASSETS for horizon in HORIZONS]:
            self.findings.report("whole", f"probability_details has the rows {cells}")
        if wide != derived(details):
            self.findings.report("whole", f"Probabilities shows {wide}, probability_details {derived(details)}")
        fresh = {named(row)["published_at"] for row in details if not named(row)["stale"]}
        if len(fresh) > 1:
            self.findings.report("whole", f"fresh rows of several publications: {sorted(map(str, fresh))}")

    def _check_forward(self, details: list[tuple[Any, ...]], wide: list[tuple[Any, ...]], lines: int) -> None:
        if lines < self.lines:
            self.findings.report("forward", f"the history shrank from {self.lines} lines to {lines}")
        self.lines = lines
        shown: dict[Any, tuple[Any, Any]] = {row[0]: (row[-2], row[-1]) for row in wide}
        shown |= {row[:2]: (named(row)["as_of"], named(row)["published_at"]) for row in details if row[3] is not None}
        for key, now in shown.items():
            before = self.newest.get(key, now)
            if any(new < old for new, old in zip(now, before, strict=True)):
                self.findings.report("forward", f"{key} went from {before} back to {now}")
        if gone := self.newest.keys() - shown.keys():
            self.findings.report("forward", f"{sorted(map(str, gone))} had numbers and has none")
        self.newest |= shown

    def _check_true(self, details: list[tuple[Any, ...]]) -> None:
        for row in details:
            cell = named(row)
            if not cell["stale"] and self.truth:
                said = facts(cell)
                expected = self.truth.get((cell["asset"], cell["horizon"], cell["published_at"]))
                if expected != said:
                    self.findings.report("true", f"{row[:2]} shows {said}, undisturbed it is {expected}")


def named(row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(COLUMNS, row, strict=True))


def facts(cell: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(cell[name] for name in FACTS)


def derived(details: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """What `Probabilities` must show beside these details."""
    made = []
    for asset in ASSETS:
        cells = [named(row) for row in details if row[0] == asset and row[3] is not None]
        if cells:
            values = {cell["horizon"]: cell["probability"] for cell in cells}
            oldest, newest = min(cell["as_of"] for cell in cells), max(cell["published_at"] for cell in cells)
            made.append((asset, *(values.get(horizon) for horizon in HORIZONS), oldest, newest))
    return made


def _connect(url: str) -> Connection:
    connection = psycopg2.connect(url.replace("+psycopg2", ""), connect_timeout=5)
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    return connection
