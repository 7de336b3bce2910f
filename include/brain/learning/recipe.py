"""The parameters of a model: those of one pipeline, or of a few of which the log-odds are averaged, with shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from brain.learning.family import Parameters


def mean_of(recipes: Sequence[Parameters], shares: Sequence[float]) -> Parameters:
    """Plain JSON that `recipes_of` and `shares_of` take apart again; a single recipe stands for itself.

    Args:
        shares: How much each counts.
    """
    if len(recipes) == 1:
        return recipes[0]
    named = dict.fromkeys(recipe["classifier"] for recipe in recipes)
    return {"classifier": " + ".join(named), "recipes": list(recipes), "shares": list(shares)}


def recipes_of(parameters: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The pipelines of a model, one at least."""
    recipes: list[Mapping[str, Any]] = parameters.get("recipes", [parameters])
    return recipes


def shares_of(parameters: Mapping[str, Any]) -> tuple[float, ...]:
    """How much each of the pipelines counts; all the same where the model was stored before they could differ."""
    shares: Sequence[float] = parameters.get("shares", [1.0] * len(recipes_of(parameters)))
    return tuple(shares)


def classifiers_of(parameters: Mapping[str, Any]) -> set[Any]:
    """The families its pipelines are of; None for one that names none."""
    return {recipe.get("classifier") for recipe in recipes_of(parameters)}
