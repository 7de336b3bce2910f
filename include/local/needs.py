"""How long `make run` will take and what it needs, said before anything starts."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from rich.text import Text

from brain.usecases import USE_CASES

if TYPE_CHECKING:
    from rich.console import Console

    from brain.core.catalogue import Catalogue

# On two cores: seconds and memory as in benchmarks/results/pipeline.md; a first `make run` started Airflow in about a
# minute, and its home then had 0.6 GB.
SECONDS_TO_START = 60.0
CORE_SECONDS_A_MODEL = 1.0
MEMORY_GB = 4.0
DISK_GB = 1.0
GIGA = 1e9


def announce(console: Console, catalogue: Catalogue, home: Path) -> None:
    """Say how long the first run takes, and what of memory and disk there is for it."""
    cores, models = os.cpu_count() or 1, _models(catalogue)
    minutes = math.ceil((SECONDS_TO_START + models * CORE_SECONDS_A_MODEL / cores) / 60)
    told = f"{models} models: about {minutes} minutes on {cores} {'core' if cores == 1 else 'cores'} the first time;"
    console.print(f"{told} later only what has new data.", highlight=False, soft_wrap=True)
    for name, needed, free in (("memory", MEMORY_GB, _memory()), ("disk", DISK_GB, _disk(home))):
        line = f"  {name}: {needed:.0f} GB needed, {free:.1f} GB free"
        console.print(
            Text(line if free >= needed else f"{line}: it may not be enough", "" if free >= needed else "red")
        )


def _models(catalogue: Catalogue) -> int:
    units = [unit for name, section in catalogue.sections.items() for unit in USE_CASES[name].units(section)]
    return sum(len(unit.targets) for unit in units)


def _memory() -> float:
    return float(psutil.virtual_memory().available / GIGA)


def _disk(home: Path) -> float:
    there = next(folder for folder in (home, *home.resolve().parents) if folder.exists())
    return shutil.disk_usage(there).free / GIGA
