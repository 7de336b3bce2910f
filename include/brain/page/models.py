"""What the model store says of a cell and of all models, verified as scoring verifies; nothing is written."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from brain.store.approval import questions
from brain.store.backend import Backend
from brain.store.browse import card, last_decisions
from brain.store.connection import database
from brain.store.models import ModelStore

if TYPE_CHECKING:
    from brain.core.keys import ModelKey
    from brain.page.settings import PageSettings

SHOWN = 200
# What nobody needs on a page, or nobody may see: an encrypted URL of a source.
LEFT_OUT = ("signature", "source_connection", "payload", "identity")


def opened(settings: PageSettings, use_case: str) -> ModelStore:
    """The store of a use case for reading; no collection is made.

    Raises:
        SettingsError: A setting is missing or wrong.
    """
    return ModelStore(Backend(database(settings.mongo_url), settings.verifier), "", use_case)


def model(store: ModelStore, key: ModelKey) -> dict[str, Any]:
    """The champion's document and all versions, newest first.

    Raises:
        ModelNotFound: There is no champion.
        ArtifactRejected: It failed verification.
        ServerUnreachable: MongoDB does not answer.
    """
    shown, versions = card(store, key)
    document = {name: value for name, value in shown.items() if name not in LEFT_OUT}
    return {"id": str(key), "document": document, "versions": [asdict(one) for one in versions]}


def training(store: ModelStore) -> dict[str, Any]:
    """What was last decided for the models: how many of each, why some failed, and which versions wait for approval.

    Raises:
        ServerUnreachable: MongoDB does not answer.
    """
    decided = last_decisions(store)
    failed = [one for one in decided if one.action == "failed"]
    asked = questions(store)
    newest = max((one.moment for one in decided), default=None)
    return {
        "actions": dict(sorted(Counter(one.action for one in decided).items())),
        "last": newest,
        "failed": [
            {"unit": one.entity, "target": one.target, "reason": one.reason, "at": one.moment} for one in failed[:SHOWN]
        ],
        "waiting": [
            {
                "unit": one.key.entity,
                "target": one.key.target,
                "version": one.version,
                "skill": one.new,
                "champion": one.champion,
                "champion_skill": one.old,
                "reason": one.reason,
            }
            for one in asked[:SHOWN]
        ],
    }
