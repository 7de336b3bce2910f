"""What a person is asked about versions that wait, and what becomes of the answer, on a real store."""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from typing import TYPE_CHECKING, Any

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="brain-airflow-"))

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from brain.store.approval import Question, Seen, approve, questions, reject
from brain.store.models import ModelStore
from brain.usecases.direction.names import model_key
from orchestration import approval, connections
from tests.store.conftest import END, make_candidate

if TYPE_CHECKING:
    from collections.abc import Callable

    from brain.core.settings import Settings
    from brain.learning.candidate import Candidate

__all__ = ["make_candidate"]  # a fixture

NEXT, ANSWERED = END + timedelta(days=1), END + timedelta(days=2)
UNITS = ("GOLD", "SP500", "XOM")
WHY = "v1 has proven skill; the new version has none"


@pytest.fixture
def store(settings: Settings, make_candidate: Callable[..., Candidate], monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    """One version of each unit waits."""
    found = ModelStore.open(settings, "direction")
    found.add(make_candidate(unit, 5) for unit in UNITS)
    found.add(make_candidate(unit, 5, seed=1, trained_at=NEXT, approval=WHY) for unit in UNITS)
    monkeypatch.setattr(connections, "settings_of_task", lambda: settings)
    return found


def listed(store: ModelStore) -> list[dict[str, Any]]:
    return approval.travelling(questions(store))


def said(option: str, *models: str) -> dict[str, Any]:
    return {
        "chosen_options": [option],
        "params_input": {"models": list(models) or None},
        "responded_at": ANSWERED.isoformat(),
        "responded_by_user": {"id": "1", "name": "ann"},
    }


def served(store: ModelStore) -> dict[str, int]:
    return {unit: store.champion_version(model_key(unit, 5)) for unit in UNITS}


def test_only_what_a_person_names_is_served_and_a_retry_does_the_same(store: ModelStore) -> None:
    asked = listed(store)
    done = approval.carry_out(asked, said("Approve", "GOLD  RETURNS5", "XOM RETURNS5", "GOLDD RETURNS5"))
    assert (done["approved"], done["rejected"], done["late"]) == (["GOLD RETURNS5 v2", "XOM RETURNS5 v2"], [], {})
    assert list(done["failed"]) == ["GOLDD RETURNS5"]
    assert served(store) == {"GOLD": 2, "SP500": 1, "XOM": 2}
    assert approval.carry_out(asked, said("Approve", "GOLD RETURNS5"))["approved"] == ["GOLD RETURNS5 v2"]
    with pytest.raises(AirflowFailException, match="Not done: GOLDD RETURNS5"):
        approval.report_answers(done)


def test_a_no_leaves_the_champions_and_ends_the_question(store: ModelStore) -> None:
    done = approval.carry_out(listed(store), said("Reject"))
    assert (len(done["rejected"]), served(store), questions(store)) == (3, dict.fromkeys(UNITS, 1), [])
    with pytest.raises(AirflowSkipException):
        approval.judge_approved(done)
    approval.report_answers(done)


def test_silence_changes_nothing(store: ModelStore) -> None:
    silence = {**said("Later"), "params_input": {}, "responded_by_user": None}
    done = approval.carry_out(listed(store), silence)
    assert (done["approved"], done["rejected"], len(questions(store))) == ([], [], 3)


def test_a_version_that_nobody_has_seen_is_left_alone(
    store: ModelStore, make_candidate: Callable[..., Candidate]
) -> None:
    asked = listed(store)
    store.add([make_candidate("GOLD", 5, seed=2, trained_at=ANSWERED, approval=WHY)])
    done = approval.carry_out(asked, said("Approve"))
    assert (list(done["late"]), served(store)) == (["GOLD RETURNS5 v2"], {"GOLD": 1, "SP500": 2, "XOM": 2})
    approval.report_answers(done)


def test_another_version_under_the_number_that_was_asked_about_is_left_alone(
    store: ModelStore, make_candidate: Callable[..., Candidate]
) -> None:
    asked, gold = listed(store), model_key("GOLD", 5)
    store.backend.models.delete_one({"entity": "GOLD", "version": 2})
    store.backend.waiting.delete_one({"entity": "GOLD"})
    store.add([make_candidate("GOLD", 5, seed=2, trained_at=ANSWERED, approval=WHY)])
    assert [one.version for one in questions(store) if one.key == gold] == [2]
    for answer in ("Approve", "Reject"):
        done = approval.carry_out(asked, said(answer, "GOLD RETURNS5"))
        assert "another v2 waiting by now" in done["late"]["GOLD RETURNS5 v2"]
    approve(store, gold, 2, at=ANSWERED, by="ann")
    assert list(approval.carry_out(asked, said("Approve", "GOLD RETURNS5"))["late"]) == ["GOLD RETURNS5 v2"]


def test_a_no_from_a_shell_is_not_undone_by_an_older_question(store: ModelStore) -> None:
    asked, gold = listed(store), model_key("GOLD", 5)
    reject(store, gold, None, at=ANSWERED)
    done = approval.carry_out(asked, said("Approve"))
    assert "v2 was rejected" in done["late"]["GOLD RETURNS5 v2"]
    assert served(store) == {"GOLD": 1, "SP500": 2, "XOM": 2}
    approval.report_answers(done)
    assert approve(store, gold, 2, at=ANSWERED, by="hand") == 2, "a person may change his mind"


def test_a_no_that_is_carried_out_again_says_the_same(store: ModelStore) -> None:
    asked = listed(store)
    first = approval.carry_out(asked, said("Reject"))
    assert approval.carry_out(asked, said("Reject")) == first


@pytest.mark.parametrize("other", [{"entity": "XO  M"}, {"use_case": "another"}])
def test_a_name_that_two_listed_versions_share_is_refused_and_names_both(
    store: ModelStore, other: dict[str, str]
) -> None:
    (first,) = [one for one in listed(store) if one["entity"] == "XOM"]
    asked = [{**first, "entity": "XO M"}, {**first, "entity": "XO M", "version": 7, **other}]
    done = approval.carry_out([*asked, *listed(store)], said("Approve", "XO M RETURNS5", "GOLD RETURNS5"))
    assert (done["approved"], list(done["failed"])) == (["GOLD RETURNS5 v2"], ["XO M RETURNS5"])
    both = [f"{one['use_case']}/{one['entity']}/RETURNS5 v{one['version']}" for one in asked]
    assert all(name in done["failed"]["XO M RETURNS5"] for name in both)


def test_a_version_that_was_altered_stops_no_other_and_shows(store: ModelStore) -> None:
    asked = listed(store)
    store.backend.models.update_one({"entity": "GOLD", "version": 2}, {"$set": {"seed": 9}})
    done = approval.carry_out(asked, said("Approve"))
    assert (list(done["failed"]), served(store)) == (["GOLD RETURNS5 v2"], {"GOLD": 1, "SP500": 2, "XOM": 2})


def test_the_question_shows_names_and_reasons_never_as_markup() -> None:
    odd = Question(model_key("A|B*\n<b>", 5), 2, Seen("a", "b"), 1, NEXT, 0.02, None, "[a](b)")
    body = approval.body_of([odd])
    assert "| A\\|B\\* \\<b\\> RETURNS5 | v1 | +2.00% | v2 |  | \\[a\\](b) |" in body
    assert "And 5 more" in approval.body_of([odd] * 205)
