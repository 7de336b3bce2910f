"""Models that brain stored as documents of format 1 are verified, served, replayed and replaced like any other.

fixtures/format_1 was made by the code of that time: tests/store/fixtures/make_format_1.py.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bson
import numpy as np
import pandas as pd
import pytest
from pydantic import SecretStr
from pymongo.errors import WriteError

from brain.core.errors import ArtifactRejected
from brain.core.moment import Moment
from brain.portable.heads import Blend
from brain.scoring.replay import Published, replay
from brain.store.browse import diff, export_model, history, last_decisions, list_models, show_model, verify_models
from brain.store.champions import Champion, Refused
from brain.store.models import ModelStore
from brain.store.notebook import load_model_from_brain
from brain.store.verdicts import Claim, Verdict
from brain.usecases.direction.names import model_key
from tests.scoring.conftest import lake, write_snapshot
from tests.store.conftest import FEATURES

if TYPE_CHECKING:
    from collections.abc import Callable

    from brain.core.settings import Settings
    from brain.lake.lake import Lake
    from brain.lake.snapshot import Snapshot
    from brain.learning.candidate import Candidate

    MakeCandidate = Callable[..., Candidate]
    WriteSnapshot = Callable[..., Snapshot]

__all__ = ["lake", "write_snapshot"]

FOLDER = Path(__file__).parent / "fixtures" / "format_1"
KEPT = json.loads((FOLDER / "published.json").read_text())
FRIDAY, MONDAY, TUESDAY = (datetime(2024, 1, day, tzinfo=UTC) for day in (5, 8, 9))
LOGISTIC, FOREST = model_key("GOLD", 5), model_key("GOLD", 25)
BOOSTING, NOTEBOOK = model_key("SILVER", 5), model_key("SILVER", 25)
ASSETS = ("GOLD", "SILVER")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The fixture's key is the old one, as after a rotation."""
    keys = (*settings.signing_keys, SecretStr(KEPT["signing_key"]))
    return settings.model_copy(update={"signing_keys": keys})


@pytest.fixture
def store(settings: Settings) -> ModelStore:
    opened = ModelStore.open(settings, "direction")
    for name in ("models", "champions", "decisions"):
        found: list[dict[str, Any]] = bson.decode_all(
            (FOLDER / f"{name}.bson").read_bytes(), bson.CodecOptions(tz_aware=True)
        )
        opened.backend.database[name].insert_many(found)
    return opened


@pytest.fixture
def snapshots(write_snapshot: WriteSnapshot) -> None:
    """The snapshots that were scored then, with the hashes that they had."""
    with np.load(FOLDER / "rows.npz") as kept:
        for end, count in ((FRIDAY, 300), (MONDAY, 301)):
            days = np.busday_offset(np.datetime64(end.date()), np.arange(1 - count, 1))
            made = [write_snapshot(asset, values=kept[asset][:count], dates=days, end=end) for asset in ASSETS]
            then = {row["data_sha256"] for row in KEPT["history"] if row["as_of"] == str(end.date())}
            assert {snapshot.data_sha256 for snapshot in made} == then


def rows_of(asset: str) -> pd.DataFrame:
    with np.load(FOLDER / "rows.npz") as kept:
        return pd.DataFrame(kept[asset], columns=list(FEATURES))


def published() -> list[Published]:
    return [
        Published(
            key=model_key(row["asset"], row["horizon"]),
            as_of=date.fromisoformat(row["as_of"]),
            published_at=datetime.fromisoformat(row["published_at"]),
            value=row["probability"],
            has_skill=row["has_skill"],
            model_version=row["model_version"],
            data_sha256=row["data_sha256"],
        )
        for row in KEPT["history"]
    ]


def newest_published() -> dict[Any, tuple[float, bool | None]]:
    return {row.key: (row.value, row.has_skill) for row in published() if row.published_at == MONDAY}


def test_every_published_number_is_replayed_bit_for_bit(store: ModelStore, lake: Lake, snapshots: None) -> None:
    replays = [replay(store, lake, "assets", row) for row in published()]
    assert len(replays) == 8
    assert [found.obstacles for found in replays] == [()] * 8
    assert all(found.identical for found in replays)


def test_the_champions_publish_what_they_published_then(store: ModelStore) -> None:
    found = {}
    for champion in store.champions(ASSETS):
        assert isinstance(champion, Champion)
        newest = champion.model.rows(rows_of(champion.key.entity).to_numpy()[-1:])
        value = champion.apply(champion.model.evaluator().outputs(newest))[0]
        found[champion.key] = (float(value), champion.has_skill)
    assert found == newest_published()


def test_every_version_passes_full_verification(store: ModelStore) -> None:
    assert [checked.problem for checked in verify_models(store)] == [""] * 5


@pytest.mark.parametrize(
    "change",
    [{"calibration.slope": 0.9}, {"calibration.has_skill": True}, {"metrics.skill": 0.9}, {"format": 2}],
    ids=str,
)
def test_an_altered_document_is_refused(store: ModelStore, change: dict[str, Any]) -> None:
    models = store.backend.models
    models.update_one({"_id": f"{LOGISTIC}/v1"}, {"$set": change}, bypass_document_validation=True)
    (refused,) = (found for found in store.champions(ASSETS) if isinstance(found, Refused))
    assert refused.key == LOGISTIC
    assert isinstance(refused.error, ArtifactRejected)


def test_fields_of_the_next_format_mean_nothing_in_it(store: ModelStore) -> None:
    """They are no part of what its signature covers."""
    forged = {"head": {"kind": "identity"}, "preparation": "float32"}
    store.backend.models.update_one({"_id": f"{LOGISTIC}/v1"}, {"$set": forged})
    champion = store.champion(LOGISTIC)
    assert isinstance(champion, Champion)
    assert (type(champion.model.head), champion.model.preparation) == (Blend, "none")
    with pytest.raises(ArtifactRejected, match="altered"):
        store.load(LOGISTIC)


def test_an_unknown_format_stops_that_model_only(store: ModelStore) -> None:
    models = store.backend.models
    models.update_one({"_id": f"{LOGISTIC}/v1"}, {"$set": {"format": 3}}, bypass_document_validation=True)
    (refused,) = (found for found in store.champions(ASSETS) if isinstance(found, Refused))
    assert refused.key == LOGISTIC
    assert "document format 3; expected format 1 or 2" in str(refused.error)
    assert (len(store.champion_summaries(ASSETS)), len(list_models(store))) == (3, 4)


@pytest.mark.parametrize("number", [0, 3])
def test_no_client_can_write_an_unknown_format(store: ModelStore, number: int) -> None:
    with pytest.raises(WriteError, match="Document failed validation"):
        store.backend.models.update_one({"_id": f"{LOGISTIC}/v1"}, {"$set": {"format": number}})


def test_the_list_and_the_history_show_them(store: ModelStore) -> None:
    shown = {(line.entity, line.target): (line.version, line.classifier, line.has_skill) for line in list_models(store)}
    assert shown == {
        ("GOLD", "RETURNS5"): (1, "logistic", True),
        ("GOLD", "RETURNS25"): (2, "forest", True),
        ("SILVER", "RETURNS5"): (1, "boosting", False),
        ("SILVER", "RETURNS25"): (1, "LogisticRegression", None),
    }
    assert [(past.version, past.is_champion) for past in history(store, FOREST)] == [(2, True), (1, False)]
    assert show_model(store, LOGISTIC)["calibration"]["slope"] == 0.21


def test_a_failure_that_was_recorded_as_skipped_is_shown_as_failed(store: ModelStore) -> None:
    found = {(made.entity, made.target): (made.action, made.reason) for made in last_decisions(store)}
    assert found["GOLD", "RETURNS25"] == ("refresh", "new rows")
    assert found["SILVER", "RETURNS5"] == ("failed", "found no features; expected some. Add one.")


def test_rolling_back_serves_the_older_one(store: ModelStore) -> None:
    assert store.rollback(FOREST, 1, at=TUESDAY, reason="v2 is worse") == 2
    champion = store.champion(FOREST)
    assert isinstance(champion, Champion)
    assert (champion.model.version, champion.verdict, champion.has_skill) == (1, None, False)


def test_they_are_judged(store: ModelStore) -> None:
    claims = store.claims(ASSETS)
    assert claims == [Claim(FOREST, 2, 0.003), Claim(LOGISTIC, 1, 0.003), Claim(BOOSTING, 1, 0.003)]
    assert store.record_verdicts([Verdict(BOOSTING, 1, True, 0.003, TUESDAY)]) == 1
    champion = store.champion(BOOSTING)
    assert isinstance(champion, Champion)
    assert champion.has_skill


def test_a_refresh_replaces_one_by_a_version_of_the_present_format(
    store: ModelStore, make_candidate: MakeCandidate, lake: Lake, snapshots: None
) -> None:
    before = store.champion_summaries(["GOLD"])[FOREST]
    assert (before.parameters["classifier"], before.version, before.features) == ("forest", 2, FEATURES)
    head = Blend(0.5621, 0.3, center=0.0137)
    store.save([make_candidate(horizon=25, trained_at=TUESDAY, head=head, features=before.features)], Moment(TUESDAY))
    assert [(past.version, past.is_champion) for past in history(store, FOREST)] == [(3, True), (2, False), (1, False)]
    changed = {difference.field: (difference.before, difference.after) for difference in diff(store, FOREST, 2, 3)}
    assert changed["format"] == (1, 2)
    assert changed["head.slope"] == (0.21, 0.3)
    assert not {"head.base_rate", "calibration.slope", "input.shape", "preparation"} & set(changed)
    assert [checked.problem for checked in verify_models(store)] == [""] * 6
    assert all(replay(store, lake, "assets", row).identical for row in published())


def test_saving_the_present_champion_again_is_a_new_version_of_the_present_format(
    store: ModelStore, make_candidate: MakeCandidate
) -> None:
    (saved,) = store.add([make_candidate(horizon=5, trained_at=TUESDAY)])
    assert (saved.key, store.champion_version(LOGISTIC)) == (LOGISTIC, 2)


def test_a_notebook_loads_them_with_what_is_published(settings: Settings, store: ModelStore) -> None:
    for key, (value, has_skill) in newest_published().items():
        model = load_model_from_brain(key.target, use_case="direction", collection=key.entity, settings=settings)
        assert (float(model.probability(rows_of(key.entity)[-1:])[0]), model.has_skill) == (value, has_skill)


def test_a_model_saved_from_a_notebook_then_is_still_published_as_it_is(store: ModelStore) -> None:
    model = store.load(NOTEBOOK)
    assert (model.head, model.before_verdict) == (Blend(0.5, 1.0), None)


def test_an_exported_one_has_a_card_like_any_other(store: ModelStore, tmp_path: Path) -> None:
    _, card = export_model(store, LOGISTIC, None, tmp_path)
    usage = json.loads(card.read_text())["usage"]
    assert usage["head"] == {"kind": "blend", "base_rate": 0.5421, "slope": 0.21, "intercept": 0.0, "center": 0.0137}
    assert usage["input"]["shape"] == [None, 4]
