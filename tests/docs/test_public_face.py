"""What notebooks import from `brain`, and what that costs."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

import brain
from local.command import app
from tests.docs.reading import ROOT

HEAVY = ("pandas", "numpy", "sklearn", "pymongo", "onnxruntime", "pydantic")


def test_the_public_names_are_these_and_each_is_there() -> None:
    assert brain.__all__ == ["__version__", "load_model_from_brain", "save_model_to_brain"]
    from brain import notebook

    assert brain.save_model_to_brain is notebook.save_model_to_brain
    assert brain.load_model_from_brain is notebook.load_model_from_brain


def test_importing_brain_loads_nothing_heavy() -> None:
    code = f"import brain, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="load_model"):
        brain.load_model  # noqa: B018


def test_the_version_is_that_of_the_package() -> None:
    assert f'\nversion = "{brain.__version__}"\n' in (ROOT / "pyproject.toml").read_text()
    assert CliRunner().invoke(app, ["--version"]).stdout == f"{brain.__version__}\n"


def test_the_readme_shows_the_public_names() -> None:
    assert "from brain import load_model_from_brain, save_model_to_brain" in (ROOT / "README.md").read_text()
