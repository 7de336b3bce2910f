"""Every pipeline the search may build, as data to read and extend, and the one function that builds it.

To add a kind of classifier: describe its parameters in `SPACE`, its preprocessing in `PREPROCESSING`, and how it is
made in `_classifier`. What is listed here has an ONNX export that agrees with scikit-learn; `tests/store` checks each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sklearn.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna import Trial

Parameters = dict[str, Any]


@dataclass(frozen=True)
class Real:
    """A number between two ends, searched on a logarithmic scale unless `log` is False."""

    low: float
    high: float
    log: bool = True

    def holds(self, value: Any) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high


@dataclass(frozen=True)
class Whole:
    """A whole number between two ends, both included."""

    low: int
    high: int
    log: bool = False

    def holds(self, value: Any) -> bool:
        return isinstance(value, int) and self.low <= value <= self.high


@dataclass(frozen=True)
class Choice:
    """One of a few values."""

    values: tuple[Any, ...]

    def holds(self, value: Any) -> bool:
        return value in self.values


Dimension = Real | Whole | Choice

SCALES = Choice(("standard", "robust", "min_max", "power", "quantile", "none"))
SELECTIONS = Choice(("none", "k_best", "pca"))

# Trees ask only for the order of values: scaling would cost time and float32 exactness for nothing.
PREPROCESSING: dict[str, dict[str, Dimension]] = {
    "linear": {"scale": SCALES, "select": SELECTIONS, "share": Real(0.2, 0.9, log=False)},
    "tree": {"select": Choice(("none", "k_best")), "share": Real(0.2, 0.9, log=False)},
}

SPACE: dict[str, tuple[str, dict[str, Dimension]]] = {
    "logistic": (
        "linear",
        {"C": Real(1e-4, 10), "penalty": Choice(("l2", "l1", "elasticnet")), "l1_ratio": Real(0.1, 0.9, log=False)},
    ),
    "sgd": ("linear", {"alpha": Real(1e-4, 1), "penalty": Choice(("l2", "l1", "elasticnet"))}),
    "forest": (
        "tree",
        {
            "trees": Whole(50, 300, log=True),
            "depth": Whole(2, 8),
            "leaf": Real(0.01, 0.2),
            "features": Choice(("sqrt", "log2", None)),
        },
    ),
    "extra_trees": ("tree", {"trees": Whole(50, 300, log=True), "depth": Whole(2, 8), "leaf": Real(0.01, 0.2)}),
    "boosting": (
        "tree",
        {
            "trees": Whole(10, 150, log=True),
            "rate": Real(0.01, 0.2),
            "leaves": Whole(2, 15),
            "leaf": Real(0.01, 0.2),
            "features": Real(0.3, 1.0, log=False),
            "ridge": Real(0.1, 100),
        },
    ),
    "svc": ("linear", {"C": Real(1e-3, 10), "kernel": Choice(("rbf", "poly")), "degree": Whole(2, 4)}),
    "bagged_svc": ("linear", {"C": Real(1e-3, 10), "models": Whole(3, 10)}),
    "naive_bayes": ("linear", {"smoothing": Real(1e-9, 1)}),
    "neighbours": ("linear", {"k": Whole(25, 400, log=True), "weights": Choice(("uniform",))}),
}

# Where every search starts: strong shrinkage, which on daily returns is hard to beat.
FIRST_TRIALS: tuple[Parameters, ...] = (
    {"classifier": "logistic", "scale": "standard", "select": "none", "C": 0.1, "penalty": "l2"},
    {"classifier": "logistic", "scale": "standard", "select": "none", "C": 0.003, "penalty": "l2"},
    {
        "classifier": "boosting",
        "select": "none",
        "trees": 40,
        "rate": 0.05,
        "leaves": 4,
        "leaf": 0.05,
        "features": 0.7,
        "ridge": 10.0,
    },
)

# What stands behind a cell whose history is too short for a search: in effect a constant.
CONSTANT: Parameters = {"classifier": "logistic", "scale": "standard", "select": "none", "C": 1e-6, "penalty": "l2"}


def suggest(trial: Trial, classifiers: tuple[str, ...], scales: tuple[str, ...]) -> Parameters:
    """Ask the sampler for the parameters of one pipeline, as plain JSON; ones without effect are not asked for."""
    classifier = str(trial.suggest_categorical("classifier", classifiers))
    parameters: Parameters = {"classifier": classifier}
    for name, dimension in _dimensions(classifier, scales).items():
        if _matters(name, parameters):
            parameters[name] = _ask(trial, f"{classifier}_{name}", dimension)
    return parameters


def _dimensions(classifier: str, scales: tuple[str, ...]) -> dict[str, Dimension]:
    family, own = SPACE[classifier]
    dimensions = {**PREPROCESSING[family], **own}
    return {name: Choice(scales) if name == "scale" else dimension for name, dimension in dimensions.items()}


def in_space(parameters: Mapping[str, Any], classifiers: tuple[str, ...], scales: tuple[str, ...]) -> bool:
    """Whether the search could have suggested these parameters; a champion of an older space may lie outside."""
    classifier = parameters["classifier"]
    if classifier not in classifiers:
        return False
    dimensions = _dimensions(classifier, scales)
    named = {name: value for name, value in parameters.items() if name not in ("classifier", "seed")}
    return all(name in dimensions and dimensions[name].holds(value) for name, value in named.items())


def trial_values(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`parameters` under the names `suggest` asks for, to enqueue a known pipeline as a trial."""
    classifier = parameters["classifier"]
    own = {f"{classifier}_{name}": value for name, value in parameters.items() if name not in ("classifier", "seed")}
    return {"classifier": classifier, **own}


def _matters(name: str, chosen: Parameters) -> bool:
    if name == "share":
        return bool(chosen["select"] != "none")
    if name == "l1_ratio":
        return bool(chosen["penalty"] == "elasticnet")
    if name == "degree":
        return bool(chosen["kernel"] == "poly")
    return True


def _ask(trial: Trial, name: str, dimension: Dimension) -> Any:
    if isinstance(dimension, Choice):
        return trial.suggest_categorical(name, dimension.values)
    if isinstance(dimension, Whole):
        return trial.suggest_int(name, dimension.low, dimension.high, log=dimension.log)
    return trial.suggest_float(name, dimension.low, dimension.high, log=dimension.log)


def build(parameters: Mapping[str, Any], rows: int, features: int) -> Pipeline:
    """An unfitted pipeline: impute, scale, select, classify.

    Args:
        parameters: As `suggest` returns them, with a "seed".
        rows: Number of training rows, to which a boosting "leaf" refers and which bounds the neighbours.
        features: Number of feature columns, to which the selected "share" refers.
    """
    from sklearn.impute import SimpleImputer

    classifier = parameters["classifier"]
    steps: list[tuple[str, Any]] = []
    if classifier != "boosting" or parameters["select"] != "none":  # LightGBM alone has its own way with missing values
        steps.append(("impute", SimpleImputer(strategy="mean", keep_empty_features=True)))
    steps += _scaler(parameters.get("scale", "none"), rows)
    steps += _selector(parameters, max(1, round(parameters.get("share", 1.0) * features)))
    return Pipeline([*steps, ("classifier", _classifier({**parameters, "rows": rows}))])


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

    if parameters["select"] == "k_best":
        return [("select", SelectKBest(k=count))]
    if parameters["select"] == "pca":
        return [("select", PCA(n_components=count, svd_solver="covariance_eigh"))]
    return []


def _classifier(parameters: Mapping[str, Any]) -> Any:
    """The classifier alone; each import is paid only by those who use it."""
    makers = {
        "logistic": _logistic,
        "sgd": _sgd,
        "forest": _forest,
        "extra_trees": _extra_trees,
        "boosting": _boosting,
        "svc": _svc,
        "bagged_svc": _bagged_svc,
        "naive_bayes": _naive_bayes,
        "neighbours": _neighbours,
    }
    return makers[parameters["classifier"]](parameters)


def _logistic(p: Mapping[str, Any]) -> Any:
    from sklearn.linear_model import LogisticRegression

    if p["penalty"] == "l2":
        return LogisticRegression(C=p["C"], solver="newton-cholesky", tol=1e-6)
    ratio = 1.0 if p["penalty"] == "l1" else p["l1_ratio"]
    return LogisticRegression(C=p["C"], l1_ratio=ratio, solver="saga", max_iter=200, tol=1e-3, random_state=p["seed"])


def _sgd(p: Mapping[str, Any]) -> Any:
    from sklearn.linear_model import SGDClassifier

    return SGDClassifier(loss="log_loss", alpha=p["alpha"], penalty=p["penalty"], average=True, random_state=p["seed"])


def _forest(p: Mapping[str, Any]) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(
        n_estimators=p["trees"],
        max_depth=p["depth"],
        min_samples_leaf=p["leaf"],
        max_features=p["features"],
        n_jobs=1,
        random_state=p["seed"],
    )


def _extra_trees(p: Mapping[str, Any]) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(
        n_estimators=p["trees"], max_depth=p["depth"], min_samples_leaf=p["leaf"], n_jobs=1, random_state=p["seed"]
    )


def _boosting(p: Mapping[str, Any]) -> Any:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(
        n_estimators=p["trees"],
        learning_rate=p["rate"],
        num_leaves=p["leaves"],
        min_child_samples=max(2, round(p["leaf"] * p["rows"])),
        colsample_bytree=p["features"],
        reg_lambda=p["ridge"],
        max_bin=63,
        n_jobs=1,
        random_state=p["seed"],
        deterministic=True,
        force_col_wise=True,
        verbose=-1,
    )


def _svc(p: Mapping[str, Any]) -> Any:
    return _with_probabilities(_support_vectors(p))


def _bagged_svc(p: Mapping[str, Any]) -> Any:
    from sklearn.ensemble import BaggingClassifier

    member = _with_probabilities(_support_vectors({**p, "kernel": "rbf"}))
    return BaggingClassifier(member, n_estimators=p["models"], max_samples=0.5, n_jobs=1, random_state=p["seed"])


def _support_vectors(p: Mapping[str, Any]) -> Any:
    from sklearn.svm import SVC

    return SVC(C=p["C"], kernel=p["kernel"], degree=p.get("degree", 3), random_state=p["seed"])


def _with_probabilities(machine: Any) -> Any:
    """Platt scaling on held-out decision values; the blend corrects what it gets wrong."""
    from sklearn.calibration import CalibratedClassifierCV

    return CalibratedClassifierCV(machine, method="sigmoid", cv=3, ensemble=False)


def _naive_bayes(p: Mapping[str, Any]) -> Any:
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB(var_smoothing=p["smoothing"])


def _neighbours(p: Mapping[str, Any]) -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(n_neighbors=min(p["k"], p["rows"]), weights=p["weights"], n_jobs=1)
