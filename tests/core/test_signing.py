"""Signatures by shared secrets and by pairs, and what a verifier without the private half can do."""

from __future__ import annotations

import base64
import hmac
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from brain.core.errors import SettingsError
from brain.core.signing import Signer, canonical
from brain.core.signing_keys import ALGORITHMS, PRIVATE, PUBLIC, new_pair, public_half, read_key

if TYPE_CHECKING:
    from collections.abc import Callable

SHARED = "a shared secret of the tests"
VALUE = {"version": 3, "skill": 0.02}


def signer(*keys: str) -> Signer:
    return Signer([SecretStr(key) for key in keys])


@pytest.fixture
def pair() -> tuple[str, str]:
    return new_pair()


def test_a_public_key_verifies_and_cannot_sign(pair: tuple[str, str]) -> None:
    private, public = pair
    signature = signer(private).sign("model", VALUE)
    verifier = signer(public)
    assert (signature["algorithm"], verifier.problem("model", VALUE, signature)) == ("Ed25519", "")
    assert not verifier.signs
    with pytest.raises(SettingsError, match="verifies and cannot sign"):
        verifier.sign("model", VALUE)


def test_a_public_key_in_front_signs_nothing_whatever_stands_behind_it(pair: tuple[str, str]) -> None:
    with pytest.raises(SettingsError, match="BRAIN_SIGNING_KEYS"):
        signer(pair[1], SHARED).sign("model", VALUE)


@pytest.mark.parametrize("old", [SHARED, new_pair()[0]], ids=["secret", "pair"])
@pytest.mark.parametrize("new", ["another shared secret of the tests", new_pair()[0]], ids=["secret", "pair"])
def test_after_a_rotation_what_the_old_key_signed_still_verifies(old: str, new: str) -> None:
    before = signer(old).sign("model", VALUE)
    rotated = signer(new, old)
    after = rotated.sign("model", VALUE)
    assert [rotated.problem("model", VALUE, signature) for signature in (before, after)] == ["", ""]
    assert (rotated.is_newest(before), rotated.is_newest(after)) == (False, True)
    assert "not known" in signer(new).problem("model", VALUE, before)
    assert "not known" in signer(old).problem("model", VALUE, after)


def _without(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda signature: {key: value for key, value in signature.items() if key != name}


def _flipped(signature: dict[str, Any]) -> dict[str, Any]:
    first = "0" if signature["value"][0] != "0" else "1"
    return {**signature, "value": first + signature["value"][1:]}


@pytest.mark.parametrize("kind", ["shared", "pair"])
@pytest.mark.parametrize(
    "spoilt",
    [
        _flipped,
        lambda signature: {**signature, "value": signature["value"].upper()},
        lambda signature: {**signature, "value": signature["value"] + "00"},
        lambda signature: {**signature, "value": " " + signature["value"]},
        lambda signature: {**signature, "value": "\ud800"},
        lambda signature: {**signature, "value": None},
        lambda signature: {**signature, "algorithm": "none"},
        lambda signature: {**signature, "key": "0" * 16},
        _without("algorithm"),
        _without("key"),
        _without("value"),
    ],
)
def test_no_other_signature_passes(pair: tuple[str, str], kind: str, spoilt: Callable[[Any], Any]) -> None:
    key = SHARED if kind == "shared" else pair[0]
    ring = signer(*pair, SHARED)
    signature: dict[str, Any] = dict(signer(key).sign("model", VALUE))
    assert ring.problem("model", VALUE, signature) == ""
    assert ring.problem("model", VALUE, spoilt(signature))
    assert ring.problem("verdict", VALUE, signature)
    assert ring.problem("model", {**VALUE, "version": 4}, signature)


def test_a_public_key_is_never_taken_for_a_shared_secret(pair: tuple[str, str]) -> None:
    """Everybody may know it: a message code made with it must count for nothing."""
    public = pair[1]
    for secret in (public, public.removeprefix(PUBLIC)):
        code = hmac.digest(secret.encode(), b"model\0" + canonical(VALUE), "sha256").hex()
        for algorithm in ALGORITHMS:
            forged = {"algorithm": algorithm, "key": read_key(public).id, "value": code}
            assert signer(public).problem("model", VALUE, forged)


@pytest.mark.parametrize(
    "text",
    [
        "ed25519",
        "ed25519:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0NTY",
        "Ed25519-Public:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0NTY",
        "ed25519-pubic:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0NTY",
        "ed25519-public:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0",
        "ed25519-public:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0NT!",
        "ed25519-public:" + "A" * 43,
        "ed25519-private:" + "A" * 43,
        "ed25519-private:ä",
        "ed25519-public:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0NTY=!",
    ],
)
def test_what_looks_like_a_key_of_a_pair_and_is_none_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"is none: ed25519-private: or ed25519-public:") as caught:
        read_key(text)
    assert "QUJD" not in str(caught.value)


def test_a_private_key_tells_its_public_half(pair: tuple[str, str]) -> None:
    private, public = pair
    assert private.startswith(PRIVATE)
    assert (public_half(private), public_half(public), public_half(SHARED)) == (public, public, None)


def test_a_signer_reaches_another_process(pair: tuple[str, str]) -> None:
    ours = signer(pair[0], SHARED)
    signature = ours.sign("model", VALUE)
    assert pickle.loads(pickle.dumps(ours)).problem("model", VALUE, signature) == ""


def test_a_signature_that_claims_the_algorithm_of_another_kind_of_key_is_none(pair: tuple[str, str]) -> None:
    """What was signed fits; but whoever reads the claim would take a shared secret for a pair."""
    for key, claimed in ((SHARED, "Ed25519"), (pair[0], "HMAC-SHA256")):
        signature = {**signer(key).sign("model", VALUE), "algorithm": claimed}
        assert f"a signature that claims {claimed} of a key of" in signer(key).problem("model", VALUE, signature)


def test_a_value_that_is_never_signed_fits_no_signature() -> None:
    signature = signer(SHARED).sign("model", VALUE)
    assert signer(SHARED).problem("model", {"version": object()}, signature) == "values of a type that is never signed"


def test_a_signature_names_its_key_and_what_is_none_names_no_key(pair: tuple[str, str]) -> None:
    signature = signer(SHARED).sign("model", VALUE)
    for signing, newest, lacking in (
        (signer(SHARED, pair[0]), True, False),
        (signer(pair[0], SHARED), False, False),
        (signer(pair[0]), False, True),
    ):
        assert (signing.is_newest(signature), signing.lacks_key(signature)) == (newest, lacking)
    for none in (None, "signature", [SHARED]):
        assert not signer(SHARED).is_newest(none)
        assert not signer(SHARED).lacks_key(none)
        assert "no signature by HMAC-SHA256 or Ed25519" in signer(SHARED).problem("model", VALUE, none)


def test_two_sets_of_keys_share_one_where_a_half_of_a_pair_is_in_both(pair: tuple[str, str]) -> None:
    private, public = pair
    assert signer(SHARED, private).shares_a_key_with(signer(public))
    assert not signer(SHARED, private).shares_a_key_with(signer("another shared secret of the tests"))


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("abcdefgh" * 2, True),
        ("abcdefgh" * 2 + "a", True),
        ("abcdefghabcdefg", False),
        ("abcdefg" * 3, False),
        ("äöüß" * 4, False),
        ("abcdefäh" * 2, True),
    ],
)
def test_a_shared_secret_has_16_bytes_and_8_different_ones(text: str, known: bool) -> None:
    if known:
        assert signer(text).signs
        return
    with pytest.raises(ValueError, match="can be guessed"):
        read_key(text)


def test_half_of_a_pair_has_32_bytes_of_which_8_differ() -> None:
    right, same = bytes(range(8)) * 4, bytes(range(7)) * 4 + bytes(4)
    for content, known in ((right, True), (same, False), (bytes(range(31)), False), (bytes(range(33)), False)):
        text = PRIVATE + base64.urlsafe_b64encode(content).decode()
        if known:
            assert read_key(text).signs
            assert read_key(text.rstrip("=")).id == read_key(text).id
        else:
            with pytest.raises(ValueError, match="is none"):
                read_key(text)


def test_a_key_is_named_by_16_digits_that_both_halves_of_a_pair_share(pair: tuple[str, str]) -> None:
    names = [read_key(text).id for text in (SHARED, *pair)]
    assert [len(name) for name in names] == [16] * 3
    assert names[1] == names[2] != names[0]


def test_every_signature_of_a_pair_is_in_lower_case_and_a_public_half_has_none(pair: tuple[str, str]) -> None:
    private, public = (read_key(text) for text in pair)
    value = private.sign(b"content")
    assert private.fits(b"content", value)
    assert public.fits(b"content", value)
    assert not any(public.fits(b"content", other) for other in (value.upper(), "", "zz", value[:-2]))
    with pytest.raises(ValueError, match="cannot sign"):
        public.sign(b"content")
