"""Train, refresh or skip: decided per model, with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brain.learning.candidate import Decision

if TYPE_CHECKING:
    from datetime import datetime

    from brain.core.keys import Sha256
    from brain.learning.candidate import Candidate, ChampionSummary
    from brain.learning.settings import TrainingSettings


def decide(
    champion: ChampionSummary | None,
    *,
    features: tuple[str, ...],
    snapshot: Sha256,
    now: datetime,
    settings: TrainingSettings,
    force: bool = False,
) -> Decision:
    """What to do for one model.

    Args:
        champion: The champion, if there is one.
        features: Feature columns of the snapshot at hand.
        snapshot: Its hash.
        now: The end of the data interval.
        settings: Gives the age at which a champion is searched anew.
        force: Search whatever the state.
    """
    if force:
        return Decision("search", "forced")
    if champion is None:
        return Decision("search", "no champion")
    if changes := _changes(champion.features, features):
        return Decision("search", f"schema changed: {changes}")
    if champion.parameters.get("classifier") not in settings.classifiers:
        return Decision("search", f"{champion.parameters.get('classifier')} is no longer in training.classifiers")
    if (age := (now - champion.searched_at).days) > settings.max_age_days:
        return Decision("search", f"searched {age} days ago, more than {settings.max_age_days}")
    if champion.degraded:
        return Decision("search", f"degraded: {champion.degraded}")
    if champion.data_sha256 != snapshot:
        return Decision("refresh", "new rows")
    return Decision("skip", "nothing new")


def lost_skill(champion: ChampionSummary | None, candidate: Candidate) -> str:
    """Why a refreshed candidate is to be searched anew next time: its champion had proven skill that is gone.

    Empty if there is no reason to.
    """
    low = candidate.metrics.get("skill_low")
    if champion is None or not champion.has_skill or candidate.decision.action != "refresh" or low is None or low > 0:
        return ""
    return f"v{champion.version} had proven skill; refitted, the interval of its skill begins at {low:.4f}"


def _changes(old: tuple[str, ...], new: tuple[str, ...]) -> str:
    added, gone = sorted(set(new) - set(old)), sorted(set(old) - set(new))
    parts = [f"{word} {', '.join(names)}" for word, names in (("new", added), ("without", gone)) if names]
    return "; ".join(parts) or ("another order" if old != new else "")
