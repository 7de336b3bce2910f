"""Which instructions a processor has decides nothing: NumPy without AVX-512 gives the same recipes and numbers.

Run as a script, this file trains a small grid and prints what came out, as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.slow

WITHOUT = "X86_V4 AVX512_ICL AVX512_SPR"  # NumPy ignores the older names without a word
HORIZONS = (1, 20)
SAME = 1e-9


def trained() -> dict[str, Any]:
    from datetime import UTC, date, datetime

    from benchmarks.grid.series import planted_by, random_walk
    from brain.core.keys import Sha256
    from brain.core.moment import Moment
    from brain.learning.candidate import Candidate, DataReference
    from brain.usecases.direction.catalogue import AssetSpec
    from brain.usecases.direction.trainer import History, train_asset

    found: dict[str, Any] = {"features": sorted(name for name, on in _processor().items() if on)}
    series = {"WALK": random_walk(900, 5, HORIZONS), "PLANTED": planted_by("xor", 900, 5, 1.0, HORIZONS)[0]}
    for name, frame in series.items():
        spec = AssetSpec.model_validate({"name": name, "table": name, "horizons": HORIZONS})
        data = DataReference(Sha256("a" * 64), date(2024, 1, 1), ("walk",))
        moment = Moment(datetime(2024, 1, 2, tzinfo=UTC))
        for result in train_asset(History(frame, data), spec, {}, moment=moment):
            assert isinstance(result, Candidate)
            said = result.head.apply(result.pipeline.predict_proba(result.check_rows), None)
            found[str(result.key)] = {
                "recipe": dict(result.parameters),
                "numbers": [*map(float, said[-50:]), result.metrics["p_value"], result.metrics["skill"]],
            }
    return found


def _processor() -> dict[str, bool]:
    features: dict[str, bool] = np._core._multiarray_umath.__cpu_features__  # type: ignore[attr-defined]
    return features


def _started(disabled: str) -> subprocess.Popen[str]:
    path = os.pathsep.join(entry or "." for entry in sys.path)
    environment = {**os.environ, "NPY_DISABLE_CPU_FEATURES": disabled, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, __file__], env=environment, stdout=subprocess.PIPE, text=True)


def _told(process: subprocess.Popen[str]) -> dict[str, Any]:
    told, _ = process.communicate()
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(told)
    return found


@pytest.mark.skipif(not _processor().get("X86_V4"), reason="this processor has no AVX-512 that could be switched off")
def test_recipes_and_numbers_are_the_same_without_avx_512() -> None:
    with_it, without = map(_told, [_started(""), _started(WITHOUT)])
    gone = set(with_it.pop("features")) - set(without.pop("features"))
    assert "X86_V4" in gone, "nothing was switched off"
    assert with_it.keys() == without.keys()
    for key, told in with_it.items():
        assert without[key]["recipe"] == told["recipe"], key
        assert without[key]["numbers"] == pytest.approx(told["numbers"], abs=SAME, rel=SAME), key


if __name__ == "__main__":
    json.dump(trained(), sys.stdout)
