"""The recipe in JavaScript: node, and ONNX Runtime on WebAssembly from npm, where both can be had."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.docs.reading import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

RECIPE = ROOT / "docs" / "recipes" / "score.mjs"
RUNTIME = "onnxruntime-web@1.30.0"
SECONDS = 120


@functools.cache
def workshop() -> Path:
    """A folder with the recipe and its runtime in it; skips the test where it cannot be made."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("THE JAVASCRIPT RECIPE IS NOT TESTED: no `node` and `npm` on PATH")
    folder = Path(tempfile.mkdtemp(prefix="brain-recipe-"))
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), RUNTIME]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"THE JAVASCRIPT RECIPE IS NOT TESTED: npm cannot install {RUNTIME} ({type(error).__name__})")
    shutil.copy(RECIPE, folder)
    return folder


def scored(model: Path, row: Mapping[str, Any]) -> float:
    """What the recipe says for a row of an exported model.

    Args:
        model: Path of the files, without their suffixes.
    """
    folder = workshop()
    (folder / "row.json").write_text(json.dumps(row))
    command = ["node", "score.mjs", str(model), "row.json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)
