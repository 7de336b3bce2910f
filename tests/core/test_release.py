from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from brain.core import release
from brain.core.release import Release, this_release


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    command = ["git", "-C", str(folder), *who, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with the module in it, and results of a benchmark."""
    for name in ("include/brain/core/release.py", "benchmarks/results/align.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("as committed\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "include", "benchmarks")
    git(tmp_path, "commit", "-q", "-m", "First")
    monkeypatch.setattr(release, "_HERE", tmp_path / "include/brain/core/release.py")
    return tmp_path


def test_a_checkout_tells_its_commit(checkout: Path) -> None:
    found = this_release()
    assert (found.commit, found.clean) == (git(checkout, "rev-parse", "HEAD"), True)
    assert str(found) == f"{found.version}, commit {found.commit[:12]}"


def test_a_changed_file_is_told_and_a_new_one_is_not(checkout: Path) -> None:
    (checkout / "new.py").write_text("not committed")
    assert this_release().clean
    (checkout / "benchmarks/results/align.md").write_text("changed")
    assert not this_release().clean
    assert str(this_release()).endswith(" with changes")
    assert this_release(but=("benchmarks/results",)).clean
    (checkout / "include/brain/core/release.py").write_text("changed")
    assert not this_release(but=("benchmarks/results",)).clean


def test_code_beside_the_checkout_of_something_else_has_no_commit(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / "site-packages").mkdir()
    monkeypatch.setattr(release, "_HERE", checkout / "site-packages" / "release.py")
    assert this_release() == Release(this_release().version)
    assert "from no git checkout" in str(this_release())


def test_code_without_git_has_no_commit(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    assert this_release().commit == ""
