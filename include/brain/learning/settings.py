"""How models are searched, refreshed and judged."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from brain.core.section import Section
from brain.learning.families import families
from brain.learning.family import Scale


def _known(name: str) -> str:
    if name not in families():
        raise ValueError(f"no such family of classifiers; expected one of {', '.join(sorted(families()))}")
    return name


class TrainingSettings(Section):
    """How models are searched, refreshed and judged."""

    min_rows: int = Field(500, ge=100, description="Labelled rows below which no model is trained.")
    trials: int = Field(7, ge=1, description="Search budget for each model, in trials.")
    seconds: float | None = Field(
        None, gt=0, description="Search budget for each model, in seconds; results then depend on the machine's speed."
    )
    classifiers: tuple[Annotated[str, AfterValidator(_known)], ...] = Field(
        ("logistic", "boosting", "quadratic"),
        min_length=1,
        description="Families of classifiers the search may choose from.",
    )
    scales: tuple[Scale, ...] = Field(
        ("standard", "robust", "min_max", "none"),
        min_length=1,
        description="Feature scalings the search may choose from.",
    )
    folds: int = Field(5, ge=2, le=20, description="Purged walk-forward folds on which skill is measured.")
    embargo: int = Field(
        5, ge=0, description="Rows left out between training and test, beyond those that a label spans."
    )
    seed: int = Field(7, ge=0, description="Seed of every random choice: the same rows and seed give the same model.")
    max_age_days: int = Field(90, ge=1, description="A champion searched longer ago than this is searched anew.")
    refresh_after_rows: int = Field(
        1, ge=1, description="A champion is refitted every so many rows, and served as it is in between."
    )
    search_on_drift: bool = Field(
        True, description="A champion whose features have drifted since it was searched is searched anew."
    )
    false_discovery_rate: float = Field(
        0.1, gt=0, lt=1, description="Share of models said to have skill that may have none, over all models together."
    )
    plausible_skill: float = Field(
        0.2, gt=0, le=1, description="Skill above this is taken for a leak, and none is claimed; 1 believes any."
    )
    approve_skill_fall: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="A new version waits for a person's approval where its champion has proven skill and it has none,"
        " or less by more than this; empty asks nobody.",
    )
