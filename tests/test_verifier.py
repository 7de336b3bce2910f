"""A process that scores with the public half of the key and a login that only reads the models.

And keys that are rotated, from shared secret to pair and on, with what is stored.
"""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from brain import steps
from brain.core.errors import BrainError, CredentialsRejected, SettingsError
from brain.core.moment import Moment
from brain.core.settings import Settings
from brain.core.signing_keys import new_pair
from brain.demo.load import load_demo
from brain.lake.lake import Lake
from brain.renewing import renew
from brain.replaying import last_published, replay_of
from brain.results import UnitResult
from brain.store.champions import Champion, Refused
from brain.store.connection import disconnect
from brain.store.models import ModelStore
from brain.usecases.direction.names import model_key
from brain.warehouse.read import ask
from brain.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.servers import Servers

THURSDAY = Moment(datetime(2018, 6, 28, 22, tzinfo=UTC))
FRIDAY = Moment(datetime(2018, 6, 29, 22, tzinfo=UTC))
CATALOGUE = """
defaults:
  horizons: [5, 20]
  training: {trials: 2, folds: 3}
assets: [SP500, VIX]
"""
VIX = model_key("VIX", 5)
PRIVATE, PUBLIC = new_pair()
STAGING = "a staging key of the tests"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def workspace(settings: Settings, demo_url: str, tmp_path: Path) -> Workspace:
    load_demo(demo_url, as_of=date(2018, 6, 28), assets=("SP500", "VIX"))
    path = tmp_path / "catalogue.yaml"
    path.write_text(CATALOGUE)
    return open_workspace(settings.model_copy(update={"catalogue_path": path}))


@pytest.fixture
def mongo_reader(servers: Servers, model_database: str) -> Iterator[SecretStr]:
    """The URL of a MongoDB user that may read the database of models and nothing else."""
    name = f"{model_database}_reader"
    with servers.mongo.administrator(servers.mongo_port) as client:
        roles = [{"role": "read", "db": model_database}]
        client.admin.command("createUser", name, pwd=servers.mongo.password, roles=roles)
        url = SecretStr(servers.mongo.url(servers.mongo_port, model_database).replace(model_database, name, 1))
        yield url
        disconnect(url)
        client.admin.command("dropUser", name)


def with_keys(workspace: Workspace, *signing: str, **changes: Any) -> Workspace:
    keys = {"signing_keys": tuple(map(SecretStr, signing)), **changes}
    return Workspace(workspace.settings.model_copy(update=keys), workspace.catalogue)


def train(workspace: Workspace, moment: Moment = THURSDAY) -> None:
    run = workspace.run("direction", moment)
    names = [unit.name for unit in run.units]
    for told in (steps.extract(run, names), steps.train(run, names)):
        assert all(one.ok for one in told), told
    steps.judge(run)


def score(workspace: Workspace, moment: Moment = THURSDAY) -> list[UnitResult]:
    run = workspace.run("direction", moment)
    return steps.score(run, [unit.name for unit in run.units])


def publish(workspace: Workspace, moment: Moment = THURSDAY) -> list[tuple[Any, ...]]:
    run = workspace.run("direction", moment)
    steps.publish(run, [[unit.name for unit in run.units]])
    assert workspace.settings.reader_url is not None
    return ask(workspace.settings.reader_url, "SELECT asset, horizon, stale, reason FROM probability_details").rows


def scorer_of(workspace: Workspace, mongo_reader: SecretStr, *keys: str) -> Workspace:
    staging = (SecretStr(STAGING),)
    return with_keys(workspace, *(keys or (PUBLIC,)), staging_keys=staging, mongo_url=mongo_reader)


def test_a_verifier_scores_and_publishes_and_can_make_no_model(workspace: Workspace, mongo_reader: SecretStr) -> None:
    owner = with_keys(workspace, PRIVATE)
    train(owner)
    scorer = scorer_of(workspace, mongo_reader)
    assert all(result.ok for result in score(scorer))
    assert {row[2:] for row in publish(scorer)} == {(False, None)}

    run = scorer.run("direction", FRIDAY)
    for attempt in (steps.extract, steps.train):
        with pytest.raises(SettingsError, match="verifies and cannot sign"):
            attempt(run, ["VIX"])
    with pytest.raises(SettingsError, match="verifies and cannot sign"):
        steps.judge(run)
    with pytest.raises(BrainError):
        run.store.rollback(VIX, 1, at=FRIDAY.at, reason="no")
    with pytest.raises(CredentialsRejected, match="without the right"):
        run.store.delete(VIX)
    manifest = run.lake.manifest("assets", "VIX")
    assert manifest is not None
    with pytest.raises(SettingsError), run.lake.writing("assets", "VIX", manifest):
        run.lake.replace_manifest(manifest)
    assert Lake(scorer.settings.lake_url, owner.settings.models_signer).manifest("assets", "VIX") == manifest


def test_what_a_verifier_signs_is_believed_of_staged_rows_only(workspace: Workspace, mongo_reader: SecretStr) -> None:
    """It holds the staging key: with that it may try to pass off a model, a champion or a snapshot as trained."""
    owner = with_keys(workspace, PRIVATE)
    train(owner)
    thief = with_keys(workspace, STAGING, PRIVATE)
    train(with_keys(workspace, STAGING, PRIVATE), FRIDAY)  # it even has the rights of the trainer in MongoDB
    renewed = list(renew(thief, FRIDAY))
    assert len(renewed) == 3
    for honest in (owner, scorer_of(workspace, mongo_reader)):
        store = ModelStore.open(honest.settings, "direction")
        found = list(store.champions(["SP500", "VIX"]))
        assert [type(one) for one in found] == [Refused] * 4
        assert {"a key that is not known" in str(one.error) for one in found if isinstance(one, Refused)} == {True}
        with pytest.raises(BrainError, match="a key that is not known"):
            honest.run("direction", FRIDAY).lake.latest("assets", "VIX")


def test_rows_staged_by_another_key_are_not_published(workspace: Workspace, mongo_reader: SecretStr) -> None:
    """The key of the models is none for staged rows where these have their own."""
    owner = with_keys(workspace, PRIVATE)
    train(owner)
    score(owner)
    details = publish(scorer_of(workspace, mongo_reader))
    assert len(details) == 4
    assert all("BRAIN_STAGING_KEYS" in reason for *_, reason in details)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a shared secret of the tests", PRIVATE),
        (PRIVATE, new_pair()[0]),
        (PRIVATE, "another shared secret of the tests"),
    ],
    ids=["secret-pair", "pair-pair", "pair-secret"],  # a new pair's name would differ between test processes
)
def test_after_a_rotation_what_is_stored_still_verifies_and_the_old_key_can_be_dropped(
    workspace: Workspace, old: str, new: str
) -> None:
    train(with_keys(workspace, old))
    score(with_keys(workspace, old))
    publish(with_keys(workspace, old))
    rotated, without = with_keys(workspace, new, old), with_keys(workspace, new)
    assert all(result.ok for result in score(rotated))
    assert all(isinstance(found, Refused) for found in _champions(without))

    pointers = _pointers(rotated)
    told = list(renew(rotated, FRIDAY))
    signed = [line.split(": ")[1].split(" are")[0] for line in told]
    assert signed == ["4 versions", "4 champions", "2 tables of the lake"]
    assert all(isinstance(found, Champion) for found in _champions(without))
    assert _pointers(without) == pointers
    assert without.run("direction", FRIDAY).lake.latest("assets", "VIX") is not None
    run = without.run("direction", FRIDAY)
    published = last_published(run, "VIX", "5", datetime(2018, 6, 28, tzinfo=UTC))
    assert published is not None
    assert replay_of(run, published).identical
    assert all(result.ok for result in score(without))
    assert {reason for *_, reason in publish(without)} == {None}


def _champions(workspace: Workspace) -> list[Champion | Refused]:
    return list(ModelStore.open(workspace.settings, "direction").champions(["SP500", "VIX"]))


def _pointers(workspace: Workspace) -> list[tuple[Any, ...]]:
    found = (one for one in _champions(workspace) if isinstance(one, Champion))
    return [(one.model.key, one.model.version, one.verdict) for one in found]


def test_what_no_key_vouches_for_is_not_signed_anew(workspace: Workspace) -> None:
    train(with_keys(workspace, PRIVATE))
    store = ModelStore.open(with_keys(workspace, PRIVATE).settings, "direction")
    store.backend.models.update_one({"entity": "VIX", "target": "RETURNS5"}, {"$set": {"metrics.skill": 0.9}})
    store.backend.champions.update_one({"entity": "VIX", "target": "RETURNS20"}, {"$set": {"counter": 99}})
    manifest = next(Path(workspace.settings.lake_url).rglob("VIX*/manifest.json"))
    shutil.copy(next(Path(workspace.settings.lake_url).rglob("SP500*/manifest.json")), manifest)
    told = list(renew(with_keys(workspace, new_pair()[0], PRIVATE), FRIDAY))
    assert ["1 that no key vouches for" in line for line in told] == [True, True, True], told
    refused = {one.key.target for one in _champions(with_keys(workspace, PRIVATE)) if isinstance(one, Refused)}
    assert {"RETURNS5", "RETURNS20"} <= refused
