"""The pipelines a search may build: which parameters they take, and building one from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.pipeline import Pipeline

from brain.learning.families import families
from brain.learning.family import Choice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brain.learning.family import Dimension, Parameters

# The model of a history that is too short for a search: in effect a constant.
CONSTANT: Parameters = {"classifier": "logistic", "scale": "standard", "select": "none", "C": 1e-6, "penalty": "l2"}


def first_trials() -> list[Parameters]:
    """Where every search starts: what the families propose, in their order."""
    return [{"classifier": name, **trial} for name, family in families().items() for trial in family.first_trials]


def in_space(parameters: Mapping[str, Any], classifiers: tuple[str, ...], scales: tuple[str, ...]) -> bool:
    """Whether a search could propose these parameters; a champion of an older space may lie outside."""
    classifier = parameters["classifier"]
    if classifier not in classifiers:
        return False
    known = dimensions(classifier, scales)
    named = {name: value for name, value in parameters.items() if name not in ("classifier", "seed")}
    return all(name in known and known[name].holds(value) for name, value in named.items())


def dimensions(classifier: str, scales: tuple[str, ...]) -> dict[str, Dimension]:
    """The parameters of a family's pipelines by name, those of the preprocessing first."""
    family = families()[classifier]
    found = {**family.preprocessing, **family.space}
    return {name: Choice(scales) if name == "scale" else dimension for name, dimension in found.items()}


def build(parameters: Mapping[str, Any], rows: int, features: int) -> Pipeline:
    """An unfitted pipeline: impute, scale, select, what the family puts before its classifier, classify.

    Args:
        parameters: As a search proposes them, with a "seed".
        rows: Number of training rows.
        features: Number of feature columns, to which the selected "share" refers.
    """
    from sklearn.impute import SimpleImputer

    family = families()[parameters["classifier"]]
    steps: list[tuple[str, Any]] = []
    if not family.takes_missing or parameters.get("select", "none") != "none":
        steps.append(("impute", SimpleImputer(strategy="mean", keep_empty_features=True)))
    steps += _scaler(parameters.get("scale", "none"), rows)
    steps += _selector(parameters, max(1, round(parameters.get("share", 1.0) * features)))
    if family.before:
        steps += family.before(parameters, rows, features)
    return Pipeline([*steps, ("classifier", family.make(parameters, rows))])


def _scaler(name: str, rows: int) -> list[tuple[str, Any]]:
    from sklearn.preprocessing import MinMaxScaler, PowerTransformer, QuantileTransformer, RobustScaler, StandardScaler

    scalers = {
        "standard": StandardScaler,
        "robust": RobustScaler,
        "min_max": MinMaxScaler,
        "power": PowerTransformer,
        "quantile": lambda: QuantileTransformer(n_quantiles=min(100, rows), random_state=0),
    }
    return [] if name == "none" else [("scale", scalers[name]())]


def _selector(parameters: Mapping[str, Any], count: int) -> list[tuple[str, Any]]:
    from sklearn.decomposition import PCA
    from sklearn.feature_selection import SelectKBest

    select = parameters.get("select", "none")
    if select == "k_best":
        return [("select", SelectKBest(k=count))]
    if select == "pca":
        return [("select", PCA(n_components=count, svd_solver="covariance_eigh"))]
    return []
