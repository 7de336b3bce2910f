"""What is written in the place of a pointer, and which number a version gets: worked out before any server is asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import bson
import pymongo
import pytest
from bson.raw_bson import RawBSONDocument
from pydantic import SecretStr, ValidationError
from pymongo import DeleteMany, InsertOne, UpdateOne

from brain.core.counters import Counters
from brain.core.errors import ArtifactRejected
from brain.core.signing import Signer
from brain.store.backend import Backend
from brain.store.champions import (
    Move,
    Present,
    Write,
    _judged,
    _sound_moves,
    _with,
    move_write,
    next_counter,
    numbered_write,
    renewed_write,
    scope_of,
    summary_of,
)
from brain.store.pointers import (
    LAST_NUMBER,
    MoveMade,
    Pointer,
    VerdictPart,
    counted,
    moves_of,
    parsed,
    verify_pointer,
    written,
)
from brain.store.stored_model import model_id
from brain.store.verdicts import Verdict
from brain.store.versions import Newest
from brain.store.writing import BATCH_BYTES, _Conflict, _Draft, _foreign_index, _move, _newest_by, _numbered
from brain.usecases.direction.names import model_key
from tests.store.conftest import END

if TYPE_CHECKING:
    from collections.abc import Iterator

GOLD, SILVER = model_key("GOLD", 25), model_key("SILVER", 25)
LATER = END + timedelta(days=1)


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    """One whose server is never asked."""
    with pymongo.MongoClient[dict[str, Any]]("mongodb://127.0.0.1:1", connect=False) as client:
        yield Backend(client["brain"], Signer([SecretStr("a-key-of-sixteen-bytes-or-more")]))


def pointer(**changes: Any) -> Pointer:
    """GOLD's, to version 3 of 5."""
    version = changes.get("version", 3)
    content: dict[str, Any] = {
        "_id": str(GOLD),
        "use_case": GOLD.use_case,
        "entity": GOLD.entity,
        "target": GOLD.target,
        "format": 2,
        "counter": 7,
        "version": version,
        "model": model_id(GOLD, version),
        "trained_at": END,
        "last_version": 5,
        "last_identity": "fifth",
        "degraded": "",
        "verdict": None,
        "moves_sha256": "0" * 64,
    }
    return Pointer.model_validate({**content, **changes})


def moved(backend: Backend, present: Present, **changes: Any) -> tuple[Any, dict[str, Any]]:
    """The write of a move to a version, and the document it writes."""
    values: dict[str, Any] = {"version": 4, "trained_at": LATER, "at": LATER, "reason": "newer"}
    write = move_write(Move(GOLD, **{**values, **changes}), present, backend)
    last: Any = write.operations[-1]
    body = last._doc if isinstance(last, InsertOne) else last._doc["$set"]
    assert body["counter"] == write.counter
    return write, dict(body)


def updated(write: Write) -> tuple[Any, Any]:
    """Which pointer is updated, and how; there is nothing else to be done."""
    (update,) = write.operations
    assert isinstance(update, UpdateOne)
    return update._filter, update._doc


def test_the_first_pointer_is_inserted_and_counts_from_its_version(backend: Backend) -> None:
    write, body = moved(backend, Present())
    assert [type(one) for one in write.operations] == [InsertOne]
    assert (body["_id"], body["counter"], body["version"], body["last_version"]) == (str(GOLD), 4, 4, 4)
    assert body["moves"] == [{"version": 4, "at": LATER, "reason": "newer"}]
    assert verify_pointer(body, GOLD, backend.signer).version == 4


def test_the_counter_passes_all_that_were_ever_seen(backend: Backend) -> None:
    for present, expected in (
        (Present(), 1),
        (Present(last=9), 10),
        (Present(pointer()), 8),
        (Present(pointer(), last=9), 10),
        (Present(pointer(), last=2), 8),
    ):
        assert next_counter(present) == expected
        assert moved(backend, present, version=1)[0].counter == expected
    assert moved(backend, Present(pointer()), version=9)[0].counter == 9


def test_a_pointer_that_was_replaced_before_and_put_back_is_older() -> None:
    assert Present(pointer(), last=8).is_older
    assert not Present(pointer(), last=7).is_older
    assert not Present(last=8).is_older


def test_a_pointer_that_fails_verification_is_told_and_to_be_replaced(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    raw = RawBSONDocument(bson.encode({"_id": str(GOLD), "version": 3}))
    assert _with(Present(), raw, GOLD, backend) == Present(unsound=(str(GOLD),))
    assert "to be replaced: " in caplog.text


def test_moves_that_were_altered_are_left_out_and_told_and_those_that_were_not_read_are_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert _sound_moves({}, pointer()) == ()
    assert caplog.text == ""
    assert _sound_moves({"moves": [{"version": 3}]}, pointer()) == ()
    assert "left out of the history: " in caplog.text


def test_what_fails_verification_in_its_place_is_removed_before(backend: Backend) -> None:
    write, _ = moved(backend, Present(unsound=(str(GOLD), 7)))
    clear, insert = write.operations
    assert isinstance(clear, DeleteMany)
    assert clear._filter == {"_id": {"$in": [str(GOLD), 7]}}
    assert isinstance(insert, InsertOne)


def test_a_move_replaces_the_pointer_only_as_it_was_read_and_clears_what_was_said_of_the_version(
    backend: Backend,
) -> None:
    chosen, change = updated(moved(backend, Present(pointer()))[0])
    place = {"_id": str(GOLD), "use_case": GOLD.use_case, "entity": GOLD.entity}
    assert chosen == {**place, "counter": 7}
    assert change["$unset"] == {"verdict": "", "revised": ""}
    assert not {"_id", "use_case", "entity", "target"} & set(change["$set"])
    chosen, _ = updated(moved(backend, Present(pointer(format=1, counter=0)))[0])
    assert chosen == {**place, "counter": None, "version": 3}


def test_the_highest_number_ever_given_out_stays_known(backend: Backend) -> None:
    for present, newest, expected in (
        (Present(), 0, 4),
        (Present(), 6, 6),
        (Present(pointer()), 0, 5),
        (Present(pointer()), 6, 6),
        (Present(pointer(last_version=3)), 0, 4),
    ):
        assert moved(backend, present, newest=newest)[1]["last_version"] == expected


def test_a_number_is_remembered_once_and_only_by_a_sound_pointer(backend: Backend) -> None:
    assert numbered_write(GOLD, 6, Present(), backend) is None
    assert numbered_write(GOLD, 6, Present(pointer(), last=8), backend) is None
    assert numbered_write(GOLD, 5, Present(pointer(), last=7), backend) is None
    write = numbered_write(GOLD, 6, Present(pointer(), last=7), backend)
    assert write is not None
    update: Any = write.operations[0]
    body = update._doc["$set"]
    assert (body["last_version"], body["last_identity"], body["version"]) == (6, "", 3)
    assert body["counter"] == write.counter > 7


def test_the_content_of_the_newest_version_is_known_if_it_is_that_version(backend: Backend) -> None:
    for present, changes, expected in (
        (Present(), {"identity": "fourth"}, "fourth"),
        (Present(), {"identity": "fourth", "newest": 6}, ""),
        (Present(), {}, ""),
        (Present(pointer()), {"identity": "fourth"}, "fifth"),
        (Present(pointer()), {"identity": "fifth anew", "version": 5}, "fifth anew"),
        (Present(pointer()), {"version": 5}, "fifth"),
        (Present(pointer()), {"identity": "sixth", "version": 6}, "sixth"),
        (Present(pointer()), {"version": 6}, ""),
        (Present(pointer()), {"newest": 6}, ""),
    ):
        assert moved(backend, present, **changes)[1]["last_identity"] == expected


def test_the_last_200_moves_are_kept(backend: Backend) -> None:
    made = tuple({"version": 1, "at": END, "reason": str(number)} for number in range(250))
    _, body = moved(backend, Present(pointer(), made))
    assert [move["reason"] for move in body["moves"]] == [*(str(number) for number in range(51, 250)), "newer"]


def test_a_pointer_is_signed_anew_with_what_it_said_and_its_verdict_stays(backend: Backend) -> None:
    said = VerdictPart(has_skill=True, p_value=0.01, decided_for=END)
    write = renewed_write(GOLD, Present(pointer(verdict=said.model_dump())), backend)
    _, change = updated(write)
    assert write.counter == change["$set"]["counter"] == 8
    assert "$unset" not in change
    assert "moves" not in change["$set"]
    assert change["$set"]["verdict"] == said.model_dump()
    _, change = updated(renewed_write(GOLD, Present(pointer()), backend))
    assert "verdict" not in change["$set"]
    made = ({"version": 3, "at": END, "reason": "first"},)
    _, change = updated(renewed_write(GOLD, Present(pointer(format=1), made), backend))
    assert change["$set"]["moves"] == list(made)  # format 1 had not signed them
    with pytest.raises(ValueError, match="no sound pointer"):
        renewed_write(GOLD, Present(), backend)


def test_a_verdict_is_signed_onto_the_version_it_judges_and_no_other(backend: Backend) -> None:
    verdict = Verdict(GOLD, 3, True, None, LATER)
    for present in (Present(), Present(pointer(), last=8), Present(pointer(version=4))):
        assert list(_judged(backend, {GOLD: verdict}, {GOLD: present})) == []
    for p_value in (None, 0.01):
        given = {GOLD: replace(verdict, p_value=p_value)}
        (write,) = _judged(backend, given, {GOLD: Present(pointer())})
        _, change = updated(write)
        said = {"has_skill": True, "p_value": p_value, "decided_for": LATER}
        assert (write.counter, change["$set"]["verdict"]) == (8, said)
    both = {SILVER: Verdict(SILVER, 3, True, None, LATER), **given}
    judged = _judged(backend, both, {SILVER: Present(), GOLD: Present(pointer())})
    assert [write.key for write in judged] == [GOLD]


def test_a_part_of_a_pointer_has_every_field_of_its_type_and_no_other(backend: Backend) -> None:
    for changes in (
        {"counter": -1},
        {"version": 0},
        {"last_version": 0},
        {"version": LAST_NUMBER},
        {"last_version": LAST_NUMBER},
        {"version": "3"},
        {"more": 1},
        {"format": 3},
    ):
        with pytest.raises(ValidationError):
            pointer(**changes)
    assert pointer(counter=0, version=1, last_version=1).last_version == 1
    assert pointer(last_version=2**31 - 2).last_version == 2**31 - 2
    assert LAST_NUMBER == 2_147_483_647  # the highest integer of PostgreSQL
    with pytest.raises(ValidationError):
        pointer().version = 4  # type: ignore[misc]


def test_a_signed_pointer_that_is_none_names_the_first_wrong_field(backend: Backend) -> None:
    content = {**pointer().model_dump(by_alias=True), "counter": -1}
    with pytest.raises(ArtifactRejected, match=r"counter: .*greater than or equal to 0"):
        verify_pointer(written(content, None, backend.signer), GOLD, backend.signer)


def test_the_scope_of_some_keys_holds_each_name_once() -> None:
    assert scope_of([SILVER, GOLD, model_key("GOLD", 5)]) == {
        "use_case": {"$in": ["direction"]},
        "entity": {"$in": ["GOLD", "SILVER"]},
        "target": {"$in": ["RETURNS25", "RETURNS5"]},
    }


def test_a_batch_and_the_document_that_fills_it_fit_one_message_to_the_server() -> None:
    assert 16 * 2**20 <= BATCH_BYTES <= 48_000_000 - 16 * 2**20


def draft(identity: str = "new", trained_at: Any = LATER) -> _Draft:
    body = {"identity": identity, "trained_at": trained_at, "decision": {"reason": "because"}}
    return _Draft(0, GOLD, body, b"", "")


@pytest.mark.parametrize(
    ("present", "newest", "taken", "expected"),
    [
        (Present(), Newest(), (), (0, True, 1)),
        (Present(last=6), Newest(), (), (6, True, 7)),
        (Present(pointer()), Newest(), (), (5, True, 6)),
        (Present(pointer(), last=9), Newest(), (), (5, True, 6)),  # what a pointer knows is no counter
        (Present(pointer()), Newest(8, "other"), (), (8, True, 9)),
        (Present(pointer()), Newest(2, "other"), (), (5, True, 6)),
        (Present(pointer()), Newest(4, "new"), (), (5, False, 4)),
        (Present(pointer()), Newest(5, "fifth"), (6, 7, 9), (5, True, 8)),
    ],
)
def test_a_version_gets_the_number_behind_all_that_are_known_unless_it_is_stored(
    present: Present, newest: Newest, taken: tuple[int, ...], expected: tuple[int, bool, int]
) -> None:
    ids = frozenset(model_id(GOLD, number) for number in taken)
    assert _numbered(draft(), present, newest, ids) == expected


def test_the_pointers_say_which_version_is_the_newest_where_they_can() -> None:
    asked = [draft()]
    assert _newest_by({GOLD: Present()}, asked) == {}
    assert _newest_by({GOLD: Present(pointer())}, asked) == {GOLD: Newest(5, "fifth")}
    for unsettled in (
        Present(unsound=("x",)),
        Present(last=3),
        Present(pointer(), last=8),
        Present(pointer(last_identity="")),
        Present(pointer(last_identity="new")),
    ):
        assert _newest_by({GOLD: unsettled}, asked) is None
    both = [replace(draft(), key=SILVER), draft()]
    assert _newest_by({SILVER: Present(), GOLD: Present(pointer())}, both) == {GOLD: Newest(5, "fifth")}
    assert _newest_by({SILVER: Present(), GOLD: Present(last=3)}, both) is None


def test_a_version_becomes_the_champion_unless_a_newer_one_or_itself_is() -> None:
    for present, version, trained_at, moves in (
        (Present(), 1, END, True),
        (Present(pointer()), 6, LATER, True),
        (Present(pointer()), 6, END, True),  # trained for the same moment: the later number
        (Present(pointer()), 6, END - timedelta(days=1), False),
        (Present(pointer()), 3, LATER, False),
        (Present(pointer(), last=8), 3, END - timedelta(days=1), True),  # a pointer that was put back says nothing
    ):
        move = _move(draft(trained_at=trained_at), version, 5, present)
        assert (move is not None) == moves
        if move is not None:
            assert (move.version, move.newest, move.at, move.reason) == (version, 5, trained_at, "because")


def test_a_duplicate_in_an_index_of_somebody_else_is_told_apart_from_one_of_ours() -> None:
    ours = {"code": 11000, "keyPattern": {"_id": 1}, "errmsg": "ours"}
    foreign = {"code": 11000, "keyPattern": {"metrics": 1, "seed": 1}, "errmsg": "theirs"}
    assert _foreign_index([]) == _foreign_index([ours]) == ""
    assert _foreign_index([{"code": 11000, "errmsg": "of an old server, without a pattern"}]) == ""
    assert _foreign_index([{**foreign, "code": 121}]) == ""
    assert "unique index of (metrics, seed), which is not Brain's: theirs" in _foreign_index([ours, foreign])


def test_a_pointer_that_was_verified_is_remembered_by_its_counter(backend: Backend) -> None:
    counters = Counters()
    _, body = moved(backend, Present())
    verify_pointer(body, GOLD, backend.signer, counters)
    counters.keep()
    assert counters.last(counted(GOLD)) == body["counter"] > 0


def test_moves_of_the_first_format_that_are_no_list_are_refused() -> None:
    with pytest.raises(ArtifactRejected, match="no list of moves"):
        moves_of({"moves": None}, pointer(format=1))


def test_what_is_no_document_at_all_is_told_as_the_whole() -> None:
    with pytest.raises(ArtifactRejected, match="the whole"):
        parsed(MoveMade, 7, "a move")


@pytest.mark.parametrize("has_skill", [None, True, False])
def test_a_champion_in_brief_has_the_verdict_of_its_pointer(has_skill: bool | None) -> None:
    found = {
        "version": 3,
        "hyper_parameters": {},
        "schema": [{"name": "sma"}],
        "searched_at": END,
        "trained_at": END,
        "data": {"snapshot": "0" * 64},
        "metrics": {},
        "extra": {},
    }
    verdict = None if has_skill is None else VerdictPart(has_skill=has_skill, p_value=0.01, decided_for=END)
    assert summary_of(found, pointer(verdict=verdict)).has_skill is has_skill


def test_a_conflict_names_the_documents_that_have_a_name_of_ours() -> None:
    assert _Conflict([None, str(GOLD), {"odd": 1}]).ids == {str(GOLD)}
