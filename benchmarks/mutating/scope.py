"""Which modules are mutated, and whose tests must notice: files of its folder, the nearest ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DIRECTION = "tests/usecases/direction"


def _store(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/store/test_{name}.py" for name in names)


@dataclass(frozen=True)
class Subject:
    """Something that must not break unseen.

    Args:
        modules: Below ``brain``.
        tests: Folders or files; those that take many seconds a test are left out by their mark `slow`.
        quick: Only those that need no server.
    """

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    quick: bool = False

    @property
    def marks(self) -> tuple[str, str]:
        """Pytest's option that chooses among its tests."""
        return "-m", "quick" if self.quick else "not slow"


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
    "base-rates": Subject(("usecases.direction.base_rate",), (f"{DIRECTION}/test_base_rate.py",)),
    "peers": Subject(
        ("usecases.direction.peer_shares",),
        tuple(f"{DIRECTION}/test_{name}.py" for name in ("peer_shares", "full_disk")),
    ),
    "leakage": Subject(
        tuple(f"usecases.direction.{name}" for name in ("leakage", "feature_leaks", "column_leaks")),
        (f"{DIRECTION}/test_leakage.py", f"{DIRECTION}/test_feature_leak_parts.py"),
    ),
    "signing": Subject(("core.signing", "core.signing_keys"), ("tests/core/test_signing.py",)),
    "document": Subject(("store.document", "store.signing"), _store("document", "tampering", "format_1")),
    "champions": Subject(
        ("store.champions", "store.pointers"),
        _store("moves", "pointers", "models", "retention", "past_champions", "taking_back", "standalone"),
    ),
    "writing": Subject(
        ("store.writing",),
        _store("moves", "writing", "approval", "models", "pointers", "standalone", "foreign_hands", "tampering"),
    ),
    "publish": Subject(
        ("warehouse.publish",),
        tuple(
            f"tests/warehouse/test_{name}.py"
            for name in ("noting", "news", "following", "tables", "fence", "publish", "explaining_tables")
        ),
    ),
    "fencing": Subject(
        ("warehouse.fence",), tuple(f"tests/warehouse/test_{name}.py" for name in ("fence", "taking_back"))
    ),
    "replay": Subject(("scoring.replay",), ("tests/scoring/test_replay.py",)),
    "incremental": Subject(
        ("extract.incremental", "extract.changes", "extract.plan"),
        tuple(
            f"tests/extract/test_{name}.py"
            for name in ("changes", "incremental", "silent_losses", "future", "lost_files")
        ),
    ),
}
QUICK = ("splits", "calibration", "evidence", "base-rates", "signing")  # no server, seconds


def file_of(module: str) -> Path:
    """The source of a module below ``brain``."""
    return ROOT / "include" / "brain" / f"{module.replace('.', '/')}.py"
