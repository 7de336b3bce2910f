"""Every module of ours is in a contract of import-linter."""

from __future__ import annotations

import tomllib

from tests.docs.reading import ROOT

LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
LAYERED = [contract for contract in LINTER["contracts"] if contract["type"] == "layers"]


def test_every_package_is_in_a_layer() -> None:
    packages = {path.name for path in (ROOT / "include").iterdir() if (path / "__init__.py").exists()}
    layers = {name for contract in LAYERED if "containers" not in contract for name in _names(contract)}
    assert packages == layers == set(LINTER["root_packages"])


def test_every_room_of_brain_is_in_a_layer() -> None:
    rooms = {
        path.stem
        for path in (ROOT / "include/brain").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    contract = next(contract for contract in LAYERED if contract.get("containers") == ["brain"])
    assert rooms - {"__init__", "__pycache__"} == _names(contract)
    assert contract["exhaustive"]


def _names(contract: dict[str, list[str]]) -> set[str]:
    return {name.strip() for layer in contract["layers"] for name in layer.split("|")}
