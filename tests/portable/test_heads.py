"""From raw outputs to published values."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit

from brain.core.errors import ArtifactRejected
from brain.portable.heads import Argmax, Blend, Head, Identity, read_head

UP = np.array([0.2, 0.5, 0.9])
OUTPUTS = np.column_stack([1 - UP, UP])


def test_without_skill_a_blend_publishes_the_base_rate_whatever_the_model_says() -> None:
    assert Blend(base_rate=0.55, slope=1.0).apply(OUTPUTS, False).tolist() == [0.55] * 3


@pytest.mark.parametrize("has_skill", [True, None])
def test_with_skill_or_without_a_judge_the_blend_is_published(has_skill: bool | None) -> None:
    published = Blend(base_rate=0.5, slope=0.5).apply(OUTPUTS, has_skill)
    assert published == pytest.approx(expit(0.5 * logit(UP)))


def test_a_blend_with_nothing_believes_the_model() -> None:
    assert Blend(base_rate=0.5, slope=1.0).apply(OUTPUTS, None) == pytest.approx(UP)


def test_a_slope_of_zero_gives_the_base_rate() -> None:
    assert Blend(base_rate=0.6, slope=0.0).blend(UP) == pytest.approx([0.6] * 3)


def test_no_slope_makes_a_published_number_certain() -> None:
    said = Blend(0.5, 4.0).apply(np.array([[1.0, 0.0], [0.0, 1.0]]), True)
    assert said == pytest.approx([1e-6, 1 - 1e-6], abs=1e-12)


def test_certainty_stays_finite() -> None:
    assert np.isfinite(Blend(0.5, 1.0).apply(np.array([[1.0, 0.0], [0.0, 1.0]]), True)).all()


@pytest.mark.parametrize("has_skill", [True, False, None])
def test_the_identity_publishes_the_last_output(has_skill: bool | None) -> None:
    assert Identity().apply(np.array([[1.0, 2.5], [3.0, -7.0]]), has_skill).tolist() == [2.5, -7.0]


@pytest.mark.parametrize("has_skill", [True, False, None])
def test_the_argmax_publishes_what_the_first_largest_output_stands_for(has_skill: bool | None) -> None:
    said = Argmax((3, 1, 7)).apply(np.array([[-2.0, -1.0, -3.0], [-1.0, -4.0, -1.0]]), has_skill)
    assert said.tolist() == [1.0, 3.0]


@pytest.mark.parametrize("head", [Blend(0.55, 0.3, 0.01, -0.2), Identity(), Argmax((1.0, 4.0))], ids=str)
def test_json_gives_the_same_head_back(head: Head) -> None:
    assert read_head(json.loads(json.dumps(head.to_json())), "x") == head


@pytest.mark.parametrize(
    "value",
    [
        {"kind": "oracle"},
        {"kind": ["blend"]},
        {"kind": "blend", "base_rate": 0.5},
        {"kind": "identity", "base_rate": 0.5},
        {},
        None,
    ],
    ids=str,
)
def test_a_head_that_is_not_known_here_is_refused(value: Any) -> None:
    with pytest.raises(ArtifactRejected, match="GOLD: found a head"):
        read_head(value, "GOLD")


def test_a_blend_moves_the_base_rate_by_its_intercept_and_by_what_the_model_says_beyond_its_center() -> None:
    said = Blend(base_rate=0.6, slope=0.5, intercept=0.2, center=0.3).blend(np.array([0.7]))
    assert said == pytest.approx(expit(logit(0.6) + 0.2 + 0.5 * (logit(0.7) - 0.3)))


@pytest.mark.parametrize("head", [Blend(base_rate=0.5, slope=1.0), Identity()], ids=str)
def test_of_many_outputs_the_last_counts(head: Head) -> None:
    assert head.apply(np.array([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]]), True) == pytest.approx([0.7, 0.4])


@pytest.mark.parametrize("raw", [0.0, 1e-9, 1 - 1e-9, 1.0])
def test_what_a_model_is_certain_of_counts_as_one_in_a_million(raw: float) -> None:
    edge = 1e-6 if raw < 0.5 else 1 - 1e-6
    assert Blend(base_rate=0.5, slope=0.5).blend(np.array([raw])) == pytest.approx(expit(0.5 * logit(edge)))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"kind": "blend"}, "found a head 'blend' with no fields; expected base_rate, center, intercept, slope"),
        ({"kind": "identity", "slope": 1, "bias": 0}, "found a head 'identity' with slope, bias; expected no fields"),
    ],
    ids=str,
)
def test_a_refused_head_is_told_with_its_fields_and_those_of_its_kind(value: Any, told: str) -> None:
    with pytest.raises(ArtifactRejected, match=told):
        read_head(value, "GOLD")
