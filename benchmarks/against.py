"""This checkout against another one, in turn: is anything slower, and does the pipeline publish the same?

``BRAIN_AGAINST=/path/to/checkout python -m benchmarks against``; the other checkout has its own ``.venv``. The quick
form, where no other is named, compares this one with itself on less work.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.bounds import exactly
from benchmarks.report import Report
from brain.core.errors import SettingsError

HERE = Path(__file__).parents[1]
ROUNDS = 5
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

# What each side runs, in words that checkouts of different ages understand.
SERVERS = """
import json, os, sys, time
from benchmarks.fleet.servers import benchmark_servers, fresh
from brain.store.models import ModelStore

def opened(settings):
    try:
        return ModelStore.open(settings, "direction")
    except TypeError:  # before stores were bound to a use case
        return ModelStore.open(settings)
"""
SIDES = {
    "refresh": """
import json
import numpy as np
from benchmarks import refresh
returns = np.random.default_rng(7).normal(scale=0.01, size=(40, refresh.ROWS))
frames = [refresh._frame(series) for series in returns]
refresh._refresh(frames[:1])
print(json.dumps({"refresh, CPU s": refresh._refresh(frames)}))
""",
    "store": f"""{SERVERS}
from benchmarks import store as saving
with benchmark_servers() as variables:
    store, found = opened(fresh(variables)), {{}}
    save = lambda *given: saving._save(store, *given)
    seconds = lambda told: told[0] if isinstance(told, tuple) else told  # it once gave seconds alone
    for kind in ("logistic", "boosting", "forest"):
        save((kind,), "WARM")
        times = [seconds(save((kind,) * 40, f"A{{turn}}")) for turn in range(3)]
        found[f"save {{kind}}, ms"] = min(times) * 1e3
    print(json.dumps(found))
""",
    "scale": f"""{SERVERS}
from benchmarks import scale
from benchmarks.fleet.fill import fill
with benchmark_servers() as variables:
    settings = fresh(variables)
    fill(settings, 100, 20)
    runs = [scale._measured(settings, 2000) for _ in range(3)]
    found = {{f"{{name}} 2,000 models, s": min(run[name] for run in runs) for name in ("score", "publish")}}
    print(json.dumps(found))
""",
    "pipeline": f"""{SERVERS}
import hashlib, pathlib, resource, subprocess
from brain.warehouse.read import ask
from pydantic import SecretStr
CATALOGUE = "defaults: {{horizons: [1, 5, 20, 63]}}\\nassets: [GOLD, SP500, VIX, XOM]\\n"
QUERY = "SELECT asset, horizon, probability::text, base_rate::text, has_skill FROM probability_details ORDER BY 1, 2"
with benchmark_servers() as variables:
    path = pathlib.Path(variables["BRAIN_HOME"]) / "catalogue.yaml"
    path.write_text(CATALOGUE)
    environ = {{**os.environ, **variables, "BRAIN_CATALOGUE": str(path)}}
    brain = [str(pathlib.Path(sys.executable).parent / "brain")]
    load = [*brain, "demo", "GOLD", "SP500", "VIX", "XOM", "--as-of", "2022-12-28"]
    subprocess.run(load, env=environ, check=True, capture_output=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    run = [*brain, "run", "--until", "2022-12-28T22:00:00"]
    subprocess.run(run, env=environ, check=True, capture_output=True)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    rows = ask(SecretStr(variables["BRAIN_WAREHOUSE_URL"]), QUERY).rows
    numbers = [(asset, n, round(float(p), 8), round(float(b), 8), skill) for asset, n, p, b, skill in rows]
    digest = hashlib.sha256(repr(numbers).encode()).hexdigest()
    print(json.dumps({{"pipeline, user CPU s": spent, "published": digest}}))
""",
}


LESS = {  # what the quick form does instead
    "size=(40,": "size=(4,",
    "* 40, f": "* 2, f",
    "fill(settings, 100, 20)": "fill(settings, 10, 20)",
    "_measured(settings, 2000)": "_measured(settings, 200)",
    "for _ in range(3)": "for _ in range(1)",
    "for turn in range(3)": "for turn in range(1)",
    "horizons: [1, 5, 20, 63]": "horizons: [5], training: {trials: 1, folds: 3}",
    "assets: [GOLD, SP500, VIX, XOM]": "assets: [VIX]",
    '"GOLD", "SP500", "VIX", "XOM"': '"VIX"',
}
HOLDS = {"numbers published in": exactly(1)}
TIMED = ("refresh: *", "store: *", "scale: *", "pipeline: *")


def run(quick: bool) -> Report:
    """Both sides in turn, five rounds; the ratio of medians."""
    other = HERE if quick and not os.environ.get("BRAIN_AGAINST") else _other()
    measured: dict[str, dict[str, list[Any]]] = {}
    for name, code in SIDES.items():
        for much, little in LESS.items() if quick else ():
            code = code.replace(much, little)
        for _ in range(1 if quick else ROUNDS):
            for side in dict.fromkeys((other, HERE)):
                for figure, value in _measure(side, code).items():
                    measured.setdefault(f"{name}: {figure}", {}).setdefault(str(side), []).append(value)
    published = measured.pop("pipeline: published")
    editions = {value for values in published.values() for value in values}
    rows: list[tuple[Any, ...]] = []
    figures: dict[str, Any] = {"numbers published in": len(editions)}
    for figure, values in measured.items():
        theirs, ours = (statistics.median(values[str(side)]) for side in (other, HERE))
        rows.append((figure, theirs, ours, f"{ours / theirs:.2f}"))
        figures[figure] = ours / theirs
    return Report(
        title="This checkout against another",
        columns=("figure", _commit(other), _commit(HERE), "ratio"),
        rows=rows,
        figures=figures,
        notes=[
            f"Published numbers of both sides, to 8 digits, are of {len(editions)} kind(s): "
            f"{'equal' if len(editions) == 1 else 'they differ'}."
        ],
    )


def _other() -> Path:
    named = os.environ.get("BRAIN_AGAINST", "")
    if not named or not (Path(named) / ".venv" / "bin" / "python").exists():
        raise SettingsError(
            "BRAIN_AGAINST",
            found=f"{named!r}, which is no checkout with a .venv",
            expected="the path of another checkout, set up with `make setup`",
            remedy="git clone this one elsewhere, check out the commit to compare with, and run `make setup` there.",
        )
    return Path(named)


def _measure(side: Path, code: str) -> dict[str, Any]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("BRAIN_")}
    python = sys.executable if side == HERE else str(side / ".venv" / "bin" / "python")
    command = [python, "-c", code]
    done = subprocess.run(command, cwd=side, env={**environ, **ONE_THREAD}, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _commit(side: Path) -> str:
    command = ["git", "-C", str(side), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
