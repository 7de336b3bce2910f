"""What the trigger forms suggest."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="brain-airflow-"))

import pytest

from orchestration import params


def test_a_catalogue_that_cannot_be_read_costs_the_suggestions_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in (None, "assets: [", "source: {discover: true}"):
        file = tmp_path / "catalogue.yaml"
        if text is not None:
            file.write_text(text)
        monkeypatch.setenv("BRAIN_CATALOGUE", str(file))
        assert params.known_names() == ([], [])
    assert "examples" not in params.units_param().schema
