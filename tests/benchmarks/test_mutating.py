"""What the tool changes in a module, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.mutating import trial, verdicts
from benchmarks.mutating.campaign import added_up, in_order, mutations_of, unsettled
from benchmarks.mutating.equivalent import Equivalent, apart, listed, stale
from benchmarks.mutating.mutations import mutated, mutations
from benchmarks.mutating.scope import ROOT, SUBJECTS, Subject, file_of
from benchmarks.mutating.trial import Baseline, BrokenBaseline, noticed, require_passing
from benchmarks.mutating.verdicts import keep, kept, name_of


def changes(tmp_path: Path, source: str) -> list[str]:
    path = tmp_path / "module.py"
    path.write_text(source)
    return [mutation.change for mutation in mutations("module", path)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", ["a < b -> a <= b"]),
        ("a is not b", ["a is not b -> a is b"]),
        ("a + b", ["a + b -> a - b"]),
        ("'a' + b", []),
        ("a and b", ["a and b -> a or b", "a and b -> b", "a and b -> a"]),
        ("not a", ["not a -> a"]),
        ("b if a else c", ["b if a else c -> b", "b if a else c -> c"]),
        ("min(a, b)", ["min(a, b) -> max(a, b)"]),
        ("np.clip(a, b, c)", ["np.clip(a, b, c) -> np.maximum(a, b)", "np.clip(a, b, c) -> np.minimum(a, c)"]),
        ("[a for a in b if a]", ["for a in b if a -> for a in b"]),
        ("[0.0, 0.5, 2, True]", ["0.0 -> 1.0", "0.5 -> 1.0", "2 -> 3", "True -> False"]),
    ],
)
def test_an_expression_has_its_small_slips(tmp_path: Path, source: str, expected: list[str]) -> None:
    assert changes(tmp_path, f"x = {source}") == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("check(a)", ["check(a) -> pass"]),
        ("a += b", ["a += b -> pass"]),
        ("if a:\n    b = c", ["if a -> if False"]),
        ("for a in b:\n    break", ["break -> continue"]),
        ("try:\n    a = b\nexcept Failed:\n    c = d", ["except: c = d -> except: raise"]),
        ("raise Failed(1)", []),
        ("def a(b: x[1] = 2) -> y[3]:\n    '''Say 4.'''\n    return f'{b + 5}'", ["2 -> 3"]),
        ("def refusal() -> LakeError:\n    return LakeError(1 + 2)", []),
        ("if TYPE_CHECKING:\n    a(1)", []),
        ("@dataclass(frozen=True)\nclass A:\n    b: int = 7", ["7 -> 8"]),
    ],
)
def test_a_statement_has_its_small_slips_and_what_is_told_to_people_has_none(
    tmp_path: Path, source: str, expected: list[str]
) -> None:
    assert changes(tmp_path, source) == expected


def test_the_code_has_this_one_change(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("def late(a):\n    return a > 1 and a < 9\n\nlate_now = late(1)\n")
    (mutation,) = [one for one in mutations("module", path) if one.change == "a > 1 -> a >= 1"]
    assert (mutation.function, mutation.line, mutation.place) == ("late", "return a > 1 and a < 9", (2, 2))
    found: dict[str, Any] = {}
    exec(mutated(mutation, path), found)
    assert found["late_now"] is True
    assert found["late"](9) is False


def test_what_is_said_twice_in_a_line_is_told_apart(tmp_path: Path) -> None:
    assert changes(tmp_path, "x = (1, 1)") == ["1 -> 2", "1 -> 2 #2"]


def test_every_module_and_its_tests_are_there_and_a_module_is_tried_once() -> None:
    modules = [module for subject in SUBJECTS.values() for module in subject.modules]
    assert len(modules) == len(set(modules))
    assert all(file_of(module).exists() for module in modules)
    assert all((ROOT / path).exists() for subject in SUBJECTS.values() for path in subject.tests)


def test_an_equivalent_mutation_says_why_and_its_line_is_still_there() -> None:
    equivalents = listed()
    _, left_out = apart((one for subject in SUBJECTS for one in mutations_of(subject)), equivalents)
    assert stale(equivalents, left_out) == []
    assert all(len(one.reason) > 20 for one in equivalents)
    assert len({one.key for one in equivalents}) == len(equivalents)


def test_an_entry_whose_line_has_changed_is_stale_and_leaves_nothing_out() -> None:
    gone = Equivalent("learning.splits", "thinned", "stride = 4", "4 -> 5", "once it was so")
    tried, left_out = apart(mutations_of("splits"), [gone])
    assert (len(tried), left_out) == (len(mutations_of("splits")), [])
    assert stale([gone], left_out) == [gone]


def test_a_line_is_tried_on_the_tests_that_run_it_and_one_that_none_is_seen_to_run_on_all() -> None:
    before = Baseline({"a": 1.0, "b": 2.0, "c": 4.0}, {"module": {3: {"a"}, 4: {"a", "b"}, 9: set()}})
    assert before.noticing("module", (3, 3)) == {"a"}
    assert before.noticing("module", (2, 4)) == {"a", "b"}
    assert before.noticing("module", (9, 9)) == before.noticing("other", (3, 3)) == {"a", "b", "c"}
    assert before.seconds_of({"a", "c"}) == 5
    assert [before.runs_any("module", place) for place in ((1, 2), (2, 3), (9, 9))] == [False, True, True]
    assert not before.runs_any("other", (3, 3))


def test_tests_that_noticed_lately_come_first_then_the_fastest_file() -> None:
    before = Baseline({"slow::a": 3.0, "slow::b": 1.0, "fast::a": 0.5, "fast::b": 0.1}, {})
    assert in_order(before.seconds, before, []) == ["fast::b", "fast::a", "slow::b", "slow::a"]
    assert in_order(before.seconds, before, ["fast::a", "slow::a"])[:3] == ["slow::a", "fast::a", "fast::b"]
    assert in_order({"fast::a"}, before, ["slow::a"]) == ["fast::a"]


def test_verdicts_stay_until_the_module_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept_in, source = tmp_path / "kept.json", tmp_path / "module.py"
    source.write_text("a = 1 + 2")
    monkeypatch.setattr(verdicts, "file_of", lambda _: source)
    noticed, unnoticed, *_ = mutations("module", source)
    found = kept("module", kept_in)
    found.note(noticed, True, 2.0, "abc")
    found.note(unnoticed, False, 3.0, "abc")
    keep("module", found, kept_in)
    again = kept("module", kept_in)
    assert (again.killed, again.survived) == ([name_of(noticed)], [name_of(unnoticed)])
    assert (again.seconds, again.commits) == (5.0, ["abc"])
    again.note(unnoticed, True, 1.0, "def")
    assert (again.killed, again.survived) == ([name_of(noticed), name_of(unnoticed)], [])
    assert again.commits == ["abc", "def"]
    source.write_text("a = 1 + 3")
    assert kept("module", kept_in).killed == []


def test_what_was_noticed_is_added_up_and_not_tried_again_and_a_survivor_is(tmp_path: Path) -> None:
    kept_in, (first, second, *others) = tmp_path / "kept.json", mutations_of("fencing")
    found = kept("warehouse.fence", kept_in)
    found.note(first, True, 2.0, "abc")
    found.note(second, False, 3.0, "abc")
    keep("warehouse.fence", found, kept_in)
    outcome = added_up("fencing", kept_in)
    assert (outcome.tried, outcome.survivors, outcome.commits) == (2, [second], ("abc",))
    assert unsettled(mutations_of("fencing"), kept_in) == [second, *others]


COUNTED = """
from pathlib import Path
import time

def test_of_a_busy_machine():
    count = Path(__file__).with_name("count")
    count.write_text(count.read_text() + "|" if count.exists() else "|")
    if len(count.read_text()) <= {times}:
        {trouble}
"""


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, str], tuple[Subject, str]]:
    """Makes a subject with one test that has trouble some times, and counts in a file."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # as `preload` does
    monkeypatch.setattr(trial, "ROOT", tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")

    def made(times: int, trouble: str) -> tuple[Subject, str]:
        (tmp_path / "test_counted.py").write_text(COUNTED.format(times=times, trouble=trouble))
        return Subject((), ("test_counted.py",)), "test_counted.py::test_of_a_busy_machine"

    return made


def test_what_hangs_without_the_change_too_has_noticed_nothing(
    tmp_path: Path, counted: Callable[[int, str], tuple[Subject, str]]
) -> None:
    subject, test = counted(2, "time.sleep(60)")
    unchanged = compile(file_of("core.moment").read_text(), "moment.py", "exec")
    assert noticed(subject, "core.moment", unchanged, [test], timeout=4) == (False, None)
    assert (tmp_path / "count").read_text() == "|||"


def test_what_fails_without_a_change_too_has_noticed_nothing(
    counted: Callable[[int, str], tuple[Subject, str]],
) -> None:
    subject, test = counted(1, "raise OSError('no server')")
    with pytest.raises(BrokenBaseline, match="test_of_a_busy_machine fails without any change, too"):
        require_passing(subject, [test])
    require_passing(subject, [test])


def test_tests_of_several_folders_with_fixtures_of_their_own_can_be_tried(
    tmp_path: Path, counted: Callable[[int, str], tuple[Subject, str]]
) -> None:
    counted(0, "pass")
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "conftest.py").write_text("")
        (tmp_path / name / f"test_{name}.py").write_text("def test_it(): pass")
    tests = [f"{name}/test_{name}.py::test_it" for name in ("one", "other")]
    unchanged = compile(file_of("core.moment").read_text(), "moment.py", "exec")
    assert noticed(Subject((), ("one", "other")), "core.moment", unchanged, tests, timeout=60) == (False, None)
