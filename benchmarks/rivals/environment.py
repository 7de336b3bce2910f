"""The rivals' own virtual environment and MLAutomator's unpacked source, made on first use."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).parent
HOME = HERE.parents[1] / ".brain"
MLAUTOMATOR = "mlautomator-1.1.3"


UV = (sys.executable, "-m", "uv")  # it is installed in the virtual environment, and need not be on the PATH


def environment(name: str, requirements: Path) -> Path:
    """Python of an environment with some requirements installed; it is made when they are not those it has."""
    folder = HOME / name
    python, ready = folder / "bin" / "python", folder / "ready"
    wanted = requirements.read_text()
    if not ready.exists() or ready.read_text() != wanted:
        subprocess.run([*UV, "venv", "-q", "--clear", "--python", sys.executable, str(folder)], check=True)
        install = ["pip", "install", "-q", "--python", str(python), "-r", str(requirements)]
        subprocess.run([*UV, *install], check=True)
        ready.write_text(wanted)
    return python


def interpreter() -> Path:
    """Python of an environment with `requirements.txt` installed."""
    return environment("rivals-venv", HERE / "requirements.txt")


def mlautomator_source() -> Path:
    """MLAutomator 1.1.3 as published: it asks for a retired package and cannot be installed, but runs unpacked."""
    source = HOME / MLAUTOMATOR
    if not source.exists():
        HOME.mkdir(exist_ok=True)
        asked = ["download", "-q", "--no-deps", "mlautomator==1.1.3"]
        subprocess.run([str(interpreter()), "-m", "pip", *asked, "-d", str(HOME)], check=True)
        with tarfile.open(HOME / f"{MLAUTOMATOR}.tar.gz") as archive:
            archive.extractall(HOME, filter="data")
    return source


def run_script(name: str, *arguments: object, threads: int = 1) -> None:
    """Run a script of this folder with the rivals' Python.

    Raises:
        RuntimeError: It failed; the end of its error output is given.
    """
    command = [str(interpreter()), "-W", "ignore", str(HERE / name), *map(str, arguments)]
    variables = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, capture_output=True, text=True, env=variables, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr[-2000:]}")
