from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.special import expit

from brain.learning import families as room
from brain.learning.families import families
from brain.learning.family import Choice, Dimension
from brain.learning.probability import log_loss
from brain.learning.settings import TrainingSettings

CATALOGUE = (Path(__file__).parents[2] / "docs" / "catalogue.md").read_text(encoding="utf-8")


def test_every_file_of_the_room_is_a_family() -> None:
    files = {path.stem for path in Path(room.__path__[0]).glob("*.py")} - {"__init__"}
    assert set(families()) == files
    assert {"logistic", "boosting"} < files


@pytest.mark.parametrize("name", families())
def test_every_family_has_its_row_in_the_catalogue_page(name: str) -> None:
    family = families()[name]
    newest = f" Fitted to the newest {family.newest_rows:,} rows." if family.newest_rows else ""
    assert f"| `{name}` | {family.about}{newest} |\n" in CATALOGUE


def test_the_catalogue_page_describes_no_family_that_does_not_exist() -> None:
    table = CATALOGUE.split("| family | what it is |\n|---|---|\n")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` ", table, re.M)) == set(families())


def test_a_family_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(ValidationError, match=r"expected one of bagged_svc, boosting, .*svc") as caught:
        TrainingSettings.model_validate({"classifiers": ["logistic", "oracle"]})
    (mistake,) = caught.value.errors()
    assert (mistake["loc"], mistake["input"]) == (("classifiers", 1), "oracle")


@pytest.mark.parametrize("name", families())
def test_a_family_says_whether_it_takes_weights(name: str) -> None:
    from sklearn.utils.validation import has_fit_parameter

    family = families()[name]
    parameters = {name: _some(dimension) for name, dimension in family.space.items()}
    made = family.make({**parameters, "seed": 1}, 500)
    assert has_fit_parameter(made, "sample_weight") or not family.takes_weights


def _some(dimension: Dimension) -> object:
    return dimension.values[0] if isinstance(dimension, Choice) else dimension.low


def test_looking_at_the_families_loads_no_library() -> None:
    code = (
        "import sys; from brain.learning.settings import TrainingSettings; TrainingSettings();"
        "loaded = {'sklearn', 'lightgbm', 'scipy', 'numpy'} & set(sys.modules); assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("kind", "share"), [("product", 0.5), ("xor", 0.25)])
def test_the_quadratic_family_finds_what_two_features_say_only_together(kind: str, share: float) -> None:
    from brain.learning.fitting import quiet_single_thread
    from brain.learning.search_space import build

    known, rows = 3000, 13_000
    draw = np.random.default_rng(0)
    X = draw.normal(size=(rows, 12))
    together = X[:, 3] * X[:, 7]
    chance = expit(0.5 * (together if kind == "product" else np.sign(together)))
    y = (draw.random(rows) < chance).astype(float)
    (trial,) = families()["quadratic"].first_trials
    with quiet_single_thread():
        pipeline = build({"classifier": "quadratic", **trial, "seed": 7}, known, 12).fit(X[:known], y[:known])
        said = pipeline.predict_proba(X[known:])[:, 1]
    losses = [float(log_loss(y[known:], p).mean()) for p in (y[:known].mean(), said, chance[known:])]
    assert losses[0] - losses[1] > share * (losses[0] - losses[2])
