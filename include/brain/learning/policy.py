"""Search, refresh or skip: decided for each model, with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from brain.learning.candidate import Decision
from brain.learning.recipe import classifiers_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from brain.core.keys import Sha256
    from brain.learning.candidate import ChampionSummary
    from brain.learning.settings import TrainingSettings


@dataclass(frozen=True)
class Alarm:
    """What live outcomes, or its own features, say against a model.

    Args:
        raised_at: The moment of the run that raised it.
        reason: For people.
        kind: The word that the reason of a decision begins with.
    """

    raised_at: datetime
    reason: str
    kind: Literal["alarm", "drift"] = "alarm"

    def counts(self, champion: ChampionSummary) -> bool:
        """Whether no search has answered it yet."""
        return self.raised_at >= champion.searched_at


def decide(
    champion: ChampionSummary | None,
    *,
    features: tuple[str, ...],
    data_sha256: Sha256,
    now: datetime,
    settings: TrainingSettings,
    force: bool = False,
    alarm: Alarm | None = None,
    waiting: str = "",
) -> Decision:
    """What to do for one model.

    Args:
        champion: The champion, if there is one.
        features: Feature columns of the snapshot at hand.
        data_sha256: Hash of its rows.
        now: The moment that is trained for.
        settings: `classifiers` and `max_age_days` are used.
        force: Search in any case.
        alarm: The last one against the model; it counts until a search after it.
        waiting: Why the new rows are not worth a refresh yet; empty if they are.
    """
    if force:
        return Decision("search", "forced")
    if champion is None:
        return Decision("search", "no champion")
    if changes := _changes(champion.features, features):
        return Decision("search", f"schema changed: {changes}")
    if gone := sorted(map(str, classifiers_of(champion.parameters) - set(settings.classifiers))):
        return Decision(
            "search", f"{' and '.join(gone)} {'is' if len(gone) == 1 else 'are'} no longer in training.classifiers"
        )
    if (age := (now - champion.searched_at).days) > settings.max_age_days:
        return Decision("search", f"searched {age} days ago, more than {settings.max_age_days}")
    if alarm is not None and alarm.counts(champion):
        return Decision("search", f"{alarm.kind}: {alarm.reason}")
    if champion.degraded and champion.trained_at != now:  # next time: the same run again is to change nothing
        return Decision("search", f"degraded: {champion.degraded}")
    if champion.data_sha256 != data_sha256:
        return Decision("skip", waiting) if waiting else Decision("refresh", "new rows")
    return Decision("skip", "nothing new")


def lost_skill(champion: ChampionSummary | None, decision: Decision, metrics: Mapping[str, Any], level: float) -> str:
    """Why a model is to be searched anew next time: its champion had proven skill, and its refresh has lost it.

    Empty if there is no such reason.

    Args:
        decision: What was done to make the candidate.
        metrics: The candidate's.
        level: A p-value above it makes no claim, whatever those of the other models are.
    """
    p_value, barred = metrics.get("p_value"), metrics.get("barred")
    if champion is None or not champion.has_skill or decision.action != "refresh":
        return ""
    if p_value is not None and p_value > level:
        return f"v{champion.version} had proven skill; refitted, its p-value is {p_value:.3f}"
    return f"v{champion.version} had proven skill; refitted: {barred}" if barred else ""


def needs_approval(champion: ChampionSummary | None, metrics: Mapping[str, Any], settings: TrainingSettings) -> str:
    """Why a person must approve a candidate before it is served: its champion has proven skill, and it has less.

    Empty if nobody need, or the settings ask nobody. A champion that nobody has judged yet (after a rollback, a repair,
    an approval) counts by what it measured itself: no verdict is not a verdict of no skill.

    Args:
        champion: The one that is served.
        metrics: The candidate's.
        settings: `approve_skill_fall` and `false_discovery_rate` are used.
    """
    fall, p_value, skill = settings.approve_skill_fall, metrics.get("p_value"), metrics.get("skill")
    served = "" if champion is None else _proven(champion, settings.false_discovery_rate)
    if fall is None or champion is None or not served:
        return ""
    if barred := metrics.get("barred"):
        return f"{served}; the new version has none: {barred}"
    if p_value is not None and p_value > settings.false_discovery_rate:
        return f"{served}; the new version has none: its p-value is {p_value:.3f}"
    if skill is not None and champion.skill is not None and champion.skill - skill > fall:
        return f"{served}, measured {champion.skill:+.2%}; the new version's is {skill:+.2%}"
    return ""


def _proven(champion: ChampionSummary, level: float) -> str:
    """In which words the champion has skill; empty if it has none."""
    if champion.has_skill:
        return f"v{champion.version} has proven skill"
    if champion.has_skill is None and champion.p_value is not None and champion.p_value <= level:
        told = f"v{champion.version} is not judged yet, and its own p-value of {champion.p_value:.3f} speaks for skill"
        return "" if champion.barred else told
    return ""


def _changes(old: tuple[str, ...], new: tuple[str, ...]) -> str:
    added, gone = sorted(set(new) - set(old)), sorted(set(old) - set(new))
    parts = [f"{word} {', '.join(names)}" for word, names in (("new", added), ("without", gone)) if names]
    return "; ".join(parts) or ("another order" if old != new else "")
