from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from brain.core.keys import Sha256
from brain.learning.candidate import ChampionSummary, Decision
from brain.learning.policy import Alarm, decide, lost_skill, needs_approval
from brain.learning.settings import TrainingSettings

OLD, NEW = Sha256("a" * 64), Sha256("b" * 64)
CHAMPION = ChampionSummary(
    version=3,
    parameters={"classifier": "logistic"},
    features=("x", "y"),
    searched_at=datetime(2024, 1, 1, tzinfo=UTC),
    trained_at=datetime(2024, 2, 1, tzinfo=UTC),
    data_sha256=OLD,
)


@pytest.mark.parametrize(
    ("champion", "data_sha256", "day", "force", "action", "reason"),
    [
        (None, OLD, 2, False, "search", "no champion"),
        (CHAMPION, OLD, 2, False, "skip", "nothing new"),
        (CHAMPION, NEW, 2, False, "refresh", "new rows"),
        (CHAMPION, OLD, 2, True, "search", "forced"),
        (CHAMPION, NEW, 121, False, "search", "searched 120 days ago, more than 90"),
        (CHAMPION, NEW, 91, False, "refresh", "new rows"),
        (replace(CHAMPION, degraded="0.70 against 0.68"), OLD, 2, False, "search", "degraded: 0.70 against 0.68"),
        (replace(CHAMPION, features=("x",)), OLD, 2, False, "search", "schema changed: new y"),
        (replace(CHAMPION, features=("x", "y", "z")), OLD, 2, False, "search", "schema changed: without z"),
        (replace(CHAMPION, features=("y", "x")), OLD, 2, False, "search", "schema changed: another order"),
        (replace(CHAMPION, parameters={"classifier": "svc"}), OLD, 2, False, "search", "svc is no longer in"),
    ],
)
def test_train_refresh_or_skip(
    champion: ChampionSummary | None, data_sha256: Sha256, day: int, force: bool, action: str, reason: str
) -> None:
    now = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=day - 1)
    decision = decide(
        champion, features=("x", "y"), data_sha256=data_sha256, now=now, settings=TrainingSettings(), force=force
    )
    assert decision.action == action
    assert reason in decision.reason


@pytest.mark.parametrize(
    ("champion", "data_sha256", "day", "alarm", "told"),
    [
        (CHAMPION, NEW, 2, None, ("skip", "2 new rows")),
        (CHAMPION, OLD, 2, None, ("skip", "nothing new")),
        (None, NEW, 2, None, ("search", "no champion")),
        (CHAMPION, NEW, 121, None, ("search", "searched 120 days ago, more than 90")),
        (CHAMPION, NEW, 2, Alarm(CHAMPION.searched_at, "worse"), ("search", "alarm: worse")),
        (replace(CHAMPION, degraded="worse"), NEW, 2, None, ("search", "degraded: worse")),
    ],
)
def test_only_a_refresh_waits_for_more_rows(
    champion: ChampionSummary | None, data_sha256: Sha256, day: int, alarm: Alarm | None, told: tuple[str, str]
) -> None:
    now = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=day - 1)
    features, settings = ("x", "y"), TrainingSettings()
    found = decide(
        champion, features=features, data_sha256=data_sha256, now=now, settings=settings, alarm=alarm,
        waiting="2 new rows",
    )  # fmt: skip
    assert (found.action, found.reason) == told


@pytest.mark.parametrize(("data_sha256", "action"), [(OLD, "skip"), (NEW, "refresh")])
def test_a_refresh_that_lost_skill_is_not_searched_when_its_own_run_is_run_again(
    data_sha256: Sha256, action: str
) -> None:
    """A task that is retried, or cleared, after its models were stored must come to the same models."""
    lost = replace(CHAMPION, degraded="v2 had proven skill")

    def done(now: datetime) -> str:
        return decide(lost, features=("x", "y"), data_sha256=data_sha256, now=now, settings=TrainingSettings()).action

    assert done(lost.trained_at) == action
    assert done(lost.trained_at + timedelta(days=1)) == "search"


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        ({"p_value": 0.2, "barred": ""}, "refitted, its p-value is 0.200"),
        ({"p_value": 0.1, "barred": "the newest 250 test rows show less"}, "the newest 250 test rows show less"),
        ({"p_value": 0.1, "barred": ""}, ""),
    ],
)
def test_a_refresh_that_speaks_against_proven_skill_asks_for_a_search(metrics: dict[str, object], reason: str) -> None:
    told = lost_skill(replace(CHAMPION, has_skill=True), Decision("refresh", "new rows"), metrics, 0.1)
    assert reason in told
    assert bool(told) == bool(reason)
    assert not lost_skill(CHAMPION, Decision("refresh", "new rows"), metrics, 0.1)


@pytest.mark.parametrize(
    ("days_after_the_search", "action"),
    [(-1, "refresh"), (0, "search"), (40, "search")],
    ids=["before", "with", "after"],
)
def test_an_alarm_counts_until_a_search_after_it(days_after_the_search: int, action: str) -> None:
    alarm = Alarm(CHAMPION.searched_at + timedelta(days=days_after_the_search), "too high")
    decision = decide(
        CHAMPION,
        features=("x", "y"),
        data_sha256=NEW,
        now=datetime(2024, 2, 20, tzinfo=UTC),
        settings=TrainingSettings(),
        alarm=alarm,
    )
    assert decision.action == action
    assert ("alarm: too high" in decision.reason) == (action == "search")


PROVEN = replace(CHAMPION, has_skill=True, skill=0.02)
UNJUDGED = replace(PROVEN, has_skill=None, p_value=0.01)
ASKING = TrainingSettings(approve_skill_fall=0.005)


@pytest.mark.parametrize(
    ("champion", "metrics", "told"),
    [
        (
            PROVEN,
            {"p_value": 0.2, "skill": 0.02},
            "v3 has proven skill; the new version has none: its p-value is 0.200",
        ),
        (PROVEN, {"p_value": 0.01, "barred": "too small", "skill": 0.03}, "the new version has none: too small"),
        (
            PROVEN,
            {"p_value": 0.01, "skill": 0.0149},
            "proven skill, measured +2.00%; the new version's is +1.49%",
        ),
        (PROVEN, {"p_value": 0.1, "skill": 0.016, "barred": ""}, ""),
        (PROVEN, {"p_value": 0.01, "skill": 0.05}, ""),
        (PROVEN, {}, ""),
        (replace(PROVEN, skill=None), {"p_value": 0.01, "skill": -1.0}, ""),
        (replace(PROVEN, has_skill=False, p_value=0.01), {"p_value": 0.9, "skill": -1.0}, ""),
        (UNJUDGED, {"p_value": 0.9, "skill": -1.0}, "v3 is not judged yet, and its own p-value of 0.010"),
        (UNJUDGED, {"p_value": 0.01, "skill": 0.0149}, "measured +2.00%; the new version's is +1.49%"),
        (UNJUDGED, {"p_value": 0.01, "skill": 0.02}, ""),
        (replace(UNJUDGED, p_value=0.2), {"p_value": 0.9, "skill": -1.0}, ""),
        (replace(UNJUDGED, barred="too small"), {"p_value": 0.9, "skill": -1.0}, ""),
        (replace(UNJUDGED, p_value=None), {"p_value": 0.9, "skill": -1.0}, ""),
        (None, {"p_value": 0.9, "skill": -1.0}, ""),
    ],
)
def test_a_person_is_asked_where_proven_skill_fell(
    champion: ChampionSummary | None, metrics: dict[str, float], told: str
) -> None:
    found = needs_approval(champion, metrics, ASKING)
    assert (told in found) if told else not found
    assert needs_approval(champion, metrics, TrainingSettings()) == "", "nobody unless the setting is there"


def test_training_goes_on_from_what_waits_and_after_a_no_from_the_champion_with_its_rows_known() -> None:
    later = datetime(2024, 3, 1, tzinfo=UTC)
    newer = replace(
        CHAMPION, version=4, parameters={"classifier": "boosting"}, features=("x", "z"), searched_at=later,
        trained_at=later, data_sha256=NEW, degraded="lost",
    )  # fmt: skip
    assert PROVEN.basis is PROVEN
    assert replace(PROVEN, newer=newer).basis is newer
    basis = replace(PROVEN, newer=replace(newer, rejected=True)).basis
    assert (basis.version, basis.parameters, basis.has_skill) == (3, CHAMPION.parameters, True)
    assert (basis.features, basis.data_sha256, basis.degraded) == (("x", "z"), NEW, "lost")
    again = decide(basis, features=("x", "z"), data_sha256=NEW, now=later, settings=ASKING)
    assert again == Decision("skip", "nothing new")
    assert not Alarm(later - timedelta(days=1), "refuted").counts(basis)
