"""What a newer or a sharded MongoDB would be asked: commands of the stable API only, writes that name the shard key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pymongo
import pytest
from pymongo.monitoring import CommandListener, CommandStartedEvent
from pymongo.server_api import ServerApi

from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.core.signing import Signer
from brain.learning.candidate import Candidate, Decision, Skipped
from brain.store import artifact
from brain.store.backend import Backend
from brain.store.champions import Champion
from brain.store.models import ModelStore
from brain.store.schema import CHAMPIONS, DECISIONS, MODELS, prepare
from brain.store.verdicts import Verdict
from brain.usecases.direction.names import model_key

MakeCandidate = Callable[..., Candidate]
GOLD = model_key("GOLD", 25)
# Where each kind of command says which documents it is about.
WRITES: dict[str, Callable[[Any], list[dict[str, Any]]]] = {
    "insert": lambda command: command["documents"],
    "update": lambda command: [one["q"] for one in command["updates"]],
    "delete": lambda command: [one["q"] for one in command["deletes"]],
    "findAndModify": lambda command: [command["query"]],
}


class Watch(CommandListener):
    """Keeps the writes to the sharded collections."""

    def __init__(self) -> None:
        self.writes: list[tuple[str, str, dict[str, Any]]] = []

    def started(self, event: CommandStartedEvent) -> None:
        name, collection = event.command_name, event.command.get(event.command_name)
        if name in WRITES and collection in (MODELS, CHAMPIONS, DECISIONS):
            self.writes += [(name, str(collection), dict(one)) for one in WRITES[name](event.command)]

    def succeeded(self, event: object) -> None:
        """Not of interest."""

    def failed(self, event: object) -> None:
        """A failure reaches the test as the driver's error."""


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def strict(settings: Settings, watch: Watch) -> Iterator[ModelStore]:
    """A store whose client makes the server refuse whatever is not in version 1 of the stable API."""
    api = ServerApi("1", strict=True, deprecation_errors=True)
    url = settings.mongo_url.get_secret_value()
    with pymongo.MongoClient[dict[str, Any]](url, tz_aware=True, server_api=api, event_listeners=[watch]) as client:
        backend = Backend(client.get_default_database(), Signer(settings.signing_keys))
        prepare(backend.database)
        yield ModelStore(backend, "brain_source", "direction")


def use_everything(store: ModelStore, make: MakeCandidate) -> list[Champion]:
    start = make().trained_at
    store.add(make(seed=n, trained_at=start + timedelta(days=n)) for n in range(4))
    store.record_verdicts([Verdict(GOLD, 4, True, 0.01, start)])
    store.save([Skipped(GOLD, Decision("skip", "nothing new"))], Moment(start))
    store.mark_revised("GOLD", "corrected", start)
    store.rollback(GOLD, 3, at=start, reason="?")
    assert store.prune(keep=0) == [(GOLD, 2), (GOLD, 1)]
    assert set(store.champion_summaries(["GOLD"])) == {GOLD}
    return [champion for champion in store.champions(["GOLD"]) if isinstance(champion, Champion)]


@pytest.mark.parametrize("limit", [artifact.INLINE_LIMIT, 0], ids=["inline", "GridFS"])
def test_only_commands_of_the_stable_api_are_used(
    limit: int, strict: ModelStore, make_candidate: MakeCandidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifact, "INLINE_LIMIT", limit)
    (champion,) = use_everything(strict, make_candidate)
    assert champion.model.version == 3


def test_the_server_would_have_refused_another_command(strict: ModelStore) -> None:
    with pytest.raises(pymongo.errors.OperationFailure) as caught:
        strict.backend.database.command("buildInfo")
    assert (caught.value.details or {})["codeName"] == "APIStrictError"


def test_every_write_names_the_shard_key(strict: ModelStore, watch: Watch, make_candidate: MakeCandidate) -> None:
    use_everything(strict, make_candidate)
    assert {name for name, _, _ in watch.writes} == set(WRITES)
    assert [write for write in watch.writes if not {"use_case", "entity"} <= set(write[2])] == []
