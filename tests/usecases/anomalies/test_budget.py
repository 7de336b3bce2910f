"""Thresholds keep to the budget; a detector that adds nothing stays out; alerts become anomalies that stay."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from brain.core.moment import Moment
from brain.usecases.anomalies.admission import Spoiled, admit
from brain.usecases.anomalies.bars import split
from brain.usecases.anomalies.budget import Past, within
from brain.usecases.anomalies.catalogue import Feed
from brain.usecases.anomalies.detectors.detector import Known
from brain.usecases.anomalies.episodes import Episode, episodes, severity
from brain.usecases.anomalies.feedback import feedback_of, judged
from brain.usecases.anomalies.learning import Wanted, learn
from brain.usecases.anomalies.names import GOING_ON, OVER
from brain.usecases.anomalies.planting import KINDS, Fault, plant
from brain.usecases.anomalies.rows import anomaly_rows, score_rows, with_feedback
from brain.usecases.anomalies.series import Series
from brain.usecases.anomalies.telling import tell
from brain.usecases.anomalies.together import together
from brain.usecases.anomalies.watching import Served, Watched, watch_all
from tests.usecases.anomalies.bars import series

HOUR, WEEKS = 3600.0, 10
AT = (np.arange(WEEKS * 168) * HOUR).astype(np.float64)
RANDOM = np.random.default_rng(5)
NOISE = {name: np.abs(RANDOM.normal(size=len(AT))) for name in ("a", "b", "c")}


def past(**scores: np.ndarray) -> Past:
    return Past(AT, scores, {}, merge=3)


@pytest.mark.parametrize("budget", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("names", [("a",), ("a", "b", "c")])
def test_all_together_stay_within_the_budget(budget: float, names: tuple[str, ...]) -> None:
    known = past(**NOISE)
    found = known.together(known.thresholds(names, budget)) / known.weeks
    assert 0.4 * budget <= found <= budget


def test_a_budget_below_one_alert_goes_beyond_what_was_seen() -> None:
    known = past(a=NOISE["a"])
    rare, rarer = (known.thresholds(["a"], budget)["a"] for budget in (0.05, 0.005))
    assert NOISE["a"].max() < rare < rarer


def test_a_detector_that_said_nothing_yet_speaks_from_what_chance_allows() -> None:
    silent = Past(AT, {"gap": np.zeros(len(AT))}, {"gap": 5.0}, merge=3)
    assert silent.thresholds(["gap"], 1.0) == {"gap": 5.0}
    assert past(gap=np.zeros(len(AT))).thresholds(["gap"], 1.0) == {"gap": np.inf}


def test_confirmed_alerts_do_not_count_and_dismissed_ones_count_twice() -> None:
    scores = np.zeros(len(AT))
    scores[[100, 500, 900]] = 5.0
    plain, real, false = (
        Past(AT, {"a": scores}, {}, 3, real=spans, false=others)
        for spans, others in (((), ()), ([(AT[100], AT[100])], ()), ((), [(AT[500], AT[500])]))
    )
    assert [one.together({"a": 1.0}) for one in (plain, real, false)] == [3, 2, 4]


def test_only_what_adds_recall_is_admitted() -> None:
    """`a` and `twin` find ticks, `b` finds drifts, `noise` nothing."""
    faults = [
        Fault(kind, AT[place], AT[place + 3])
        for place, kind in zip(range(50, 850, 40), ["tick", "drift"] * 10, strict=True)
    ]
    scores = {name: np.abs(RANDOM.normal(size=len(AT))) for name in ("a", "twin", "b", "noise")}
    clean = past(**{name: one.copy() for name, one in scores.items()})
    for fault in faults:
        for name in ("a", "twin") if fault.kind == "tick" else ("b",):
            scores[name][np.searchsorted(AT, fault.first)] = 9.0
    found = admit(clean, [Spoiled(AT, scores, faults)], 1.0)
    assert "b" in found.admitted
    assert len({"a", "twin"} & set(found.admitted)) == 1
    assert "noise" not in found.admitted
    assert found.recall == {"tick": 1.0, "drift": 1.0}
    assert found.standings["b"].gain == pytest.approx(0.5, abs=0.1)
    left_out = ({"a", "twin"} - set(found.admitted)).pop()
    assert (found.standings[left_out].alone > 0.4, abs(found.standings[left_out].gain) < 0.02) == (True, True)


def test_without_faults_nothing_is_admitted() -> None:
    assert admit(past(**NOISE), [], 1.0).admitted == ()


def test_planting_changes_only_its_faults_and_is_repeatable() -> None:
    plain = series(days=60)
    one, faults = plant(plain, np.random.default_rng(3), each=2)
    two, again = plant(plain, np.random.default_rng(3), each=2)
    assert np.array_equal(one.value, two.value)
    assert faults == again
    moved = np.flatnonzero(np.abs(Known(one).moves.z) > 20)
    assert all(within(one.at[[place]], [(fault.first, fault.last) for fault in faults])[0] for place in moved)
    assert plant(plain.between(0, plain.at[60]), np.random.default_rng(3), each=2)[1] == []


def test_one_bad_symbol_stops_no_other() -> None:
    """A series whose times are not numbers breaks every detector; the others are learned."""
    good = series(days=60)
    bad = Series("BAD", good.at, good.value, good.volume, zone="Nowhere/At_All")
    few = series("FEW").between(0, series().at[2])
    wanted = Wanted(("robust_z", "stuck", "gap"), 1.0, 12, 500)
    found = learn({"GOOD": good, "BAD": bad, "FEW": few}, wanted)
    assert set(found.watches) == {"GOOD"}
    assert "Nowhere" in found.failed["BAD"]
    assert found.failed["FEW"] == "2 bars of the past; at least 500 are needed"


def test_a_symbol_that_falls_silent_while_others_go_on_is_a_gap() -> None:
    one = series(days=60)
    served = [Served(name, 1, _Raw(name), {"GOLD": 0}, {"GOLD": 1.0}) for name in ("gap", "stuck")]
    newest = float(one.at[-1])
    (going,) = watch_all([one], served, (float(one.at[-30]), newest), 12, {})
    silent = replace(one, at=one.at[:-9], value=one.value[:-9], volume=one.volume[:-9])
    (halted,) = watch_all([silent], served, (float(one.at[-30]), newest), 12, {})
    assert [episode.detector for episode in going.episodes] == []
    (gap,) = halted.episodes
    assert (gap.detector, float(halted.known.series.at[gap.last])) == ("gap", newest)
    assert "no bar for 9:00:00" in tell(halted.known, gap).words
    assert len(score_rows("bars", [halted])) == 21


class _Raw:
    """The largest feature by ten, as a model that is served."""

    def __init__(self, name: str) -> None:
        self.name = name

    def outputs(self, rows: np.ndarray) -> np.ndarray:
        found: np.ndarray = rows[:, 1:].max(axis=1, keepdims=True) / 10
        return found


def test_lines_that_do_not_count_are_told() -> None:
    table = pa.table(
        {
            "at": pa.array([3, 1, 1, 2, 4, 5], pa.timestamp("us")),
            "symbol": ["B", "A", "A", None, "", "A"],
            "close": [1.0, 2.0, 3.0, 4.0, 5.0, float("nan")],
        }
    )
    found, left_out = split(table, Feed.model_validate({"table": "bars"}))
    assert {name: one.value.tolist() for name, one in found.items()} == {"A": [3.0], "B": [1.0]}
    assert left_out == {
        "without a symbol": 2,
        "without a finite value": 1,
        "of a time that is there twice": 1,
    }


def test_near_alerts_are_one_anomaly() -> None:
    scores = {"a": np.array([0, 2, 0, 0, 0, 0, 0, 1.5, 0]), "b": np.array([0, 0, 0, 3.5, 0, 0, 0, 0, 0])}
    found = episodes(scores, 10, merge=3)
    assert found == [
        Episode(11, 13, 13, "b", 3.5, ("b", "a")),
        Episode(17, 17, 17, "a", 1.5, ("a",)),
    ]
    assert [severity(one.score) for one in found] == ["high", "medium"]
    assert episodes({}, 0, 3) == episodes({"a": np.zeros(5)}, 0, 3) == []


def test_an_anomaly_that_goes_on_stays_one() -> None:
    one = series(days=20)
    known, last = Known(one), len(one) - 1
    early, late = (Moment(datetime(2024, 6, day, tzinfo=UTC)) for day in (3, 4))
    none = pd.DataFrame(columns=["anomaly"])

    def rows(first: int, until: int, score: float, before: pd.DataFrame, moment: Moment) -> pd.DataFrame:
        episode = Episode(first, until, first, "drift", score, ("drift",))
        return anomaly_rows(
            "bars", [Watched(known, 0, {}, [episode])], {"drift": 3}, before, 12, lambda _: None, moment
        )

    new = rows(last - 40, last - 5, 1.2, none, early)
    assert (new["status"].tolist(), new["severity"].tolist()) == ([GOING_ON], ["low"])
    more = rows(last - 30, last, 3.3, new, late)
    assert more["anomaly"].tolist() == new["anomaly"].tolist()
    assert more["told"].tolist() == new["told"].tolist()
    assert more["first_published"].tolist() == [early.at]
    assert (more["score"].tolist(), more["severity"].tolist()) == ([3.3], ["high"])
    other = rows(last - 400, last - 399, 1.1, more, late)
    assert len(other) == 2
    assert sorted(other["status"]) == [OVER, OVER]
    said = feedback_of(
        pd.DataFrame({"anomaly": [*new["anomaly"], "x"], "verdict": [" Confirmed", "maybe"], "note": [None, ""]})
    )
    assert with_feedback(new, said)["feedback"].tolist() == ["confirmed"]
    assert said.ignored == ("x: the verdict 'maybe' is neither confirmed nor dismissed",)
    assert judged(said, new).real[one.symbol][0][0] == "drift"


def test_a_rule_takes_the_place_of_what_has_learned_unless_that_is_better() -> None:
    """`twin` has learned what `rule` knows; of drifts only `deep` knows anything."""
    places = range(50, 1650, 40)
    kinds = ["tick", "drift"] * 20
    faults = [Fault(kind, AT[place], AT[place + 3]) for place, kind in zip(places, kinds, strict=True)]
    scores = {name: np.abs(RANDOM.normal(size=len(AT))) for name in ("twin", "rule", "deep")}
    clean = past(**{name: one.copy() for name, one in scores.items()})
    for fault in faults:
        place = np.searchsorted(AT, fault.first)
        for name in ("twin", "rule") if fault.kind == "tick" else ("deep",):
            scores[name][place] = 9.0
    copies = [Spoiled(AT, scores, faults)]
    found = admit(clean, copies, 1.0, learned=("twin", "deep"))
    assert set(found.admitted) == {"rule", "deep"}
    assert (found.standings["deep"].gain > 0.4, abs(found.standings["twin"].gain) < 0.02) == (True, True)
    ticks = [Spoiled(AT, scores, faults[::2])]
    assert admit(clean, ticks, 1.0, learned=("twin", "deep")).admitted == ("rule",)


def test_together_is_an_alert_only_where_one_of_them_is() -> None:
    scores = {"a": np.array([0.9, 1.0, 2.0, 50.0]), "b": np.array([0.9, 0.0, 2.0, 0.0])}
    found = together(scores, 4)
    assert found[0] < 1 <= found[1]
    assert found[2] > 2, "agreement counts"
    assert found[3] == 50.0
    assert together({}, 3).tolist() == [0.0, 0.0, 0.0]


def test_a_short_past_is_planted_with_some_kinds_a_copy() -> None:
    short = series(days=60).between(0, series(days=60).at[200])
    drawn = [plant(short, np.random.default_rng(seed), each=12)[1] for seed in range(20)]
    assert {len(faults) for faults in drawn} == {2}
    assert {fault.kind for faults in drawn for fault in faults} == set(KINDS)
