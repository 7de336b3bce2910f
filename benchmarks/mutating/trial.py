"""Running tests in a fork that has every library loaded and none of our own modules: a second or less each."""

from __future__ import annotations

import contextlib
import gc
import importlib.abc
import importlib.util
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

import coverage
import hypothesis
import pytest

from benchmarks.mutating.scope import ROOT, Subject, file_of
from local import servers

OURS = ("brain", "local", "tests", "benchmarks")
LOADED_LATE = (
    *("great_expectations", "great_expectations.expectations", "sklearn.pipeline", "sklearn.linear_model"),
    *("sklearn.ensemble", "sklearn.impute", "sklearn.preprocessing", "sklearn.model_selection", "lightgbm"),
    *("onnx", "onnxruntime", "skl2onnx", "onnxmltools", "adbc_driver_postgresql"),
)
TRIES = 3  # of a mutation, where its tests hang without it, too
NOTHING_FOUND, NO_TESTS = 0, 5  # pytest's codes where all tests pass, and where there are none


@dataclass(frozen=True)
class Baseline:
    """The tests of a subject without a mutation.

    Args:
        seconds: By test.
        runs: By module and line, the tests that run it; none where only the import does.
    """

    seconds: dict[str, float]
    runs: dict[str, dict[int, set[str]]]

    def noticing(self, module: str, place: tuple[int, int]) -> set[str]:
        """The tests that run some lines of a module; all where none is seen to, as in another process."""
        lines = self.runs.get(module, {})
        found = set().union(*(lines.get(line, set()) for line in range(place[0], place[1] + 1)))
        return found or set(self.seconds)

    def runs_any(self, module: str, place: tuple[int, int]) -> bool:
        """Whether some lines of a module are run, if only by the import."""
        return any(line in self.runs.get(module, {}) for line in range(place[0], place[1] + 1))

    def seconds_of(self, tests: Iterable[str]) -> float:
        return sum(self.seconds[test] for test in tests)


class BrokenBaseline(Exception):
    """The tests fail without any mutation; nothing can be said."""


def preload() -> None:
    """Import what the tests would import; `_forget_ours` forgets what they must import themselves."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # a third of a second each time
    importlib.import_module("brain.cli")
    for name in LOADED_LATE:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # pytest collects garbage several times


@contextlib.contextmanager
def running_servers() -> Iterator[None]:
    """PostgreSQL and MongoDB for all the forks; tests/conftest.py takes them from the variable."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # whoever stops this stops the servers, too
    folder = Path(tempfile.mkdtemp(prefix=f"brain-mutants-{os.getpid()}-"))
    folder.chmod(0o711)  # PostgreSQL runs under another account when started as root
    try:
        servers.up(folder / ".brain", durable=False)
        os.environ["BRAIN_TEST_HOME"] = str(folder / ".brain")
        yield
    finally:
        os.environ.pop("BRAIN_TEST_HOME", None)
        servers.remove(folder / ".brain")
        folder.rmdir()


def baseline(subject: Subject) -> Baseline:
    """Run all tests of a subject once, and see which test runs which line.

    Raises:
        BrokenBaseline: One fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        told, out = Path(folder) / "told.json", Path(folder) / "out"
        code = _forked(lambda: _traced(subject, told), out, timeout=1800)
        if code not in (NOTHING_FOUND, NO_TESTS):
            raise BrokenBaseline(f"{' '.join(subject.tests)} ended with {code}:\n{out.read_text()[-3000:]}")
        content = json.loads(told.read_text())
    runs = {
        module: {int(line): {*tests} - {""} for line, tests in lines.items()}  # "" is the import
        for module, lines in content["runs"].items()
    }
    return Baseline(content["seconds"], runs)


def noticed(
    subject: Subject, module: str, code: CodeType, tests: Sequence[str], timeout: float
) -> tuple[bool, str | None]:
    """Whether not every one of `tests` passes with the changed code of a module, and the first that fails.

    What hangs has noticed, and so has what cannot be imported any more, if the same tests pass without the change: a
    busy machine notices nothing. No test is named then.

    Raises:
        BrokenBaseline: The tests do not pass without the change either.
    """
    for _ in range(TRIES):
        ended, told = _tried(subject, tests, timeout, (module, code))
        if ended == NOTHING_FOUND or told is not None:
            return ended != NOTHING_FOUND, told
        ended, told = _tried(subject, tests, timeout)
        if ended == NOTHING_FOUND:
            return True, None
        if ended is not None:
            raise BrokenBaseline(f"{told or ' '.join(tests)} ends with {ended} without any change, too")
        timeout *= 2
    raise BrokenBaseline(f"{' '.join(subject.tests)} hang without any change, {TRIES} times")


def require_passing(subject: Subject, tests: Sequence[str]) -> None:
    """Run tests that have noticed something, on the code as it is: a server that has gone notices everything.

    Raises:
        BrokenBaseline: One fails.
    """
    ended, told = _tried(subject, tests, timeout=1800)
    if ended != NOTHING_FOUND:
        raise BrokenBaseline(f"{told or ' '.join(tests)} fails without any change, too")


def _tried(
    subject: Subject, tests: Sequence[str], timeout: float, changed: tuple[str, CodeType] | None = None
) -> tuple[int | None, str | None]:
    """Pytest's code, None after a hang, and the first test that failed; with the changed code of a module."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told"

        def work() -> int:
            if changed is not None:
                module, code = changed
                sys.meta_path.insert(0, _Changed(f"brain.{module}", file_of(module), code))
            files = dict.fromkeys(test.split("::")[0] for test in tests)
            return _pytest(replace(subject, tests=tuple(files)), _Chosen(tests, told))

        ended = _forked(work, Path(folder) / "out", timeout)
        return ended, told.read_text() if told.exists() else None


def _traced(subject: Subject, told: Path) -> int:
    files = {module: file_of(module) for module in subject.modules}
    tracer = coverage.Coverage(data_file=None, include=[str(path) for path in files.values()], config_file=False)
    watching = _Watching(tracer)
    tracer.start()
    code = _pytest(subject, watching)
    tracer.stop()
    data = tracer.get_data()
    runs = {module: data.contexts_by_lineno(str(path)) for module, path in files.items()}
    told.write_text(json.dumps({"seconds": watching.seconds, "runs": runs}))
    return code


def _pytest(subject: Subject, plugin: object) -> int:
    hypothesis.settings.register_profile(
        "mutants", database=None, derandomize=True, phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate)
    )
    hypothesis.settings.load_profile("mutants")
    # A traceback as pytest tells it looks through all modules: half of the time of a test that notices at once.
    options = ["-x", "--assert=plain", "--tb=native", "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml")]
    options += [f"-p{plugin}" for plugin in ("no:cacheprovider", "_hypothesis_pytestplugin", "pytest_timeout")]
    paths = [str(ROOT / path) for path in subject.tests]
    return int(pytest.main([*options, *subject.marks, *paths], plugins=[plugin]))


def _forked(work: Callable[[], int], out: Path, timeout: float) -> int | None:
    """What `work` gives in a fork of this process; None if it took longer than `timeout` seconds."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        code = 70
        try:
            os.setpgid(0, 0)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            _write_to(out)
            _forget_ours()
            code = work()
        except BaseException as error:  # the fork ends here, whatever it was
            print(repr(error), flush=True)
        finally:
            sys.stdout.flush()
            os._exit(code)
    with contextlib.suppress(OSError):
        os.setpgid(child, child)
    return _waited_for(child, timeout)


def _waited_for(child: int, timeout: float) -> int | None:
    end = time.monotonic() + timeout
    try:
        while time.monotonic() < end:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
        _kill(child)
        os.waitpid(child, 0)
        return None
    finally:
        _kill(child)  # and what it may have left behind


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _write_to(out: Path) -> None:
    target = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.chdir(ROOT)


def _forget_ours() -> None:
    for name in list(sys.modules):
        if name.split(".")[0] in OURS:
            del sys.modules[name]


@dataclass
class _Changed(SourceFileLoader, importlib.abc.MetaPathFinder):  # type: ignore[misc]
    """Gives a module its changed code."""

    name: str
    file: Path
    code: CodeType

    def __post_init__(self) -> None:
        super().__init__(self.name, str(self.file))

    def find_spec(self, fullname: str, *_: Any) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(self.name, self.file, loader=self)

    def get_code(self, _: str) -> CodeType:
        return self.code


@dataclass(eq=False)  # pytest keeps its plugins in a set
class _Chosen:
    """Runs the chosen tests only, in this order, and tells the first that fails."""

    tests: Sequence[str]
    told: Path

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        place = {test: number for number, test in enumerate(self.tests)}
        items[:] = sorted((item for item in items if item.nodeid in place), key=lambda item: place[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.told.exists():
            self.told.write_text(report.nodeid)


@dataclass(eq=False)
class _Watching:
    """Notes how long each test takes, and which one is running."""

    tracer: coverage.Coverage
    seconds: dict[str, float] = field(default_factory=dict)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.tracer.switch_context(item.nodeid)
        start = time.perf_counter()
        result = yield
        self.seconds[item.nodeid] = time.perf_counter() - start
        self.tracer.switch_context("")
        return result
