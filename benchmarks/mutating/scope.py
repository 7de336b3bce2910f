"""Which modules are mutated, and whose tests must notice: those of the folder that names the module."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DIRECTION = "tests/usecases/direction"


@dataclass(frozen=True)
class Subject:
    """Something that must not break unseen.

    Args:
        modules: Below ``brain``.
        tests: Folders or files; those that take many seconds a test are left out by their mark `slow`.
        slow: The slow ones belong to it all the same.
    """

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    slow: bool = False


SUBJECTS = {
    "gate": Subject(
        ("quality.rules", "quality.engine", "quality.gate", "quality.result"),
        ("tests/quality", f"{DIRECTION}/test_asset_check.py", f"{DIRECTION}/test_published_check.py"),
    ),
    "rules": Subject(
        tuple(
            f"usecases.direction.{name}" for name in ("asset_check", "published_check", "asset_rules", "asset_facts")
        ),
        tuple(f"{DIRECTION}/test_{name}.py" for name in ("asset_facts", "asset_check", "published_check")),
    ),
    "splits": Subject(("learning.splits",), ("tests/learning/test_splits.py",)),
    "calibration": Subject(
        ("learning.blend", "portable.heads"), ("tests/learning/test_blend.py", "tests/portable/test_heads.py")
    ),
    "evidence": Subject(
        ("learning.skill", "learning.recent", "learning.probability"),
        ("tests/learning/test_skill.py", "tests/learning/test_recent.py"),
    ),
    "base rates": Subject(
        ("usecases.direction.base_rate", "usecases.direction.peer_shares"),
        (f"{DIRECTION}/test_base_rate.py", f"{DIRECTION}/test_peer_shares.py"),
    ),
    "leakage": Subject(
        tuple(f"usecases.direction.{name}" for name in ("leakage", "feature_leaks", "column_leaks")),
        (f"{DIRECTION}/test_leakage.py", f"{DIRECTION}/test_feature_leaks.py"),
        slow=True,
    ),
    "signing": Subject(
        ("core.signing", "core.signing_keys", "store.signing"), ("tests/core/test_signing.py", "tests/store")
    ),
    "champions": Subject(("store.champions", "store.pointers"), ("tests/store",)),
    "document": Subject(("store.document",), ("tests/store",)),
    "writing": Subject(("store.writing",), ("tests/store",)),
    "publish": Subject(("warehouse.publish",), ("tests/warehouse",)),
    "replay": Subject(("scoring.replay", "replaying"), ("tests/scoring", "tests/test_steps.py")),
    "incremental": Subject(("extract.incremental", "extract.changes", "extract.plan"), ("tests/extract",)),
    "fencing": Subject(("warehouse.fence",), ("tests/warehouse",)),
}
QUICK = ("gate", "rules", "splits", "calibration", "evidence", "base rates")  # no server, seconds


def file_of(module: str) -> Path:
    """The source of a module below ``brain``."""
    return ROOT / "include" / "brain" / f"{module.replace('.', '/')}.py"
