"""What `make run` looks at before it starts anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.parametrize("home", ["/elsewhere", "relative", ""])
def test_make_takes_the_catalogue_of_its_checkout_wherever_the_home_is(home: str) -> None:
    environ = {name: value for name, value in os.environ.items() if name not in ("BRAIN_CATALOGUE", "BRAIN_HOME")}
    environ |= {"BRAIN_HOME": home} if home else {}
    command = ["make", "--no-print-directory", "--eval=told: ; @printenv BRAIN_CATALOGUE", "told"]
    told = subprocess.run(command, cwd=CHECKOUT, env=environ, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == str(CHECKOUT / "catalogue.yaml")


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file"), ("assets: [GOLD]\ndefaults: {horizons: [0]}\n", "line 2")]
)
def test_a_catalogue_that_cannot_be_used_is_told_before_anything_starts(
    tmp_path: Path, content: str | None, said: str
) -> None:
    catalogue = tmp_path / "catalogue.yaml"
    if content:
        catalogue.write_text(content)
    home = tmp_path / "elsewhere" / ".brain"
    environ = {**os.environ, "BRAIN_HOME": str(home), "BRAIN_CATALOGUE": str(catalogue)}
    run = subprocess.run([sys.executable, "-m", "local", "run"], env=environ, capture_output=True, text=True)
    assert run.returncode == 1
    assert "CatalogueError" in run.stderr
    assert said in run.stderr
    assert "Traceback" not in run.stderr
    assert not home.parent.exists()
