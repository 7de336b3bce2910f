"""The parameters of a model: those of one pipeline, or of a few whose log-odds are averaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from brain.learning.family import Parameters


def mean_of(recipes: Sequence[Parameters]) -> Parameters:
    """Plain JSON that `recipes_of` takes apart again; a single recipe stands for itself."""
    if len(recipes) == 1:
        return recipes[0]
    named = dict.fromkeys(recipe["classifier"] for recipe in recipes)
    return {"classifier": " + ".join(named), "recipes": list(recipes)}


def recipes_of(parameters: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The pipelines of a model, one at least."""
    recipes: list[Mapping[str, Any]] = parameters.get("recipes", [parameters])
    return recipes


def classifiers_of(parameters: Mapping[str, Any]) -> set[Any]:
    """The families its pipelines are of; None for one that names none."""
    return {recipe.get("classifier") for recipe in recipes_of(parameters)}
