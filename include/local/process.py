"""Background processes: start detached, recognise by command line, stop without leaving a child behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import psutil

from brain.core.errors import EmbeddedServerError
from local import ports
from local.account import Account

KILL_SECONDS = 5.0

# Popen objects of servers that outlive the call that started them; polled, so that no zombie looks alive.
_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}


def spawn(
    command: Sequence[str | Path],
    log: Path,
    *,
    account: Account | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> int:
    """Start `command` in a session of its own, so that Ctrl-C here does not reach it; output is appended to `log`.

    Returns:
        The process id, which is also the id of its process group.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(  # noqa: S603 - every argument is ours
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environ,
            cwd=folder,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    _CHILDREN[child.pid] = child
    return child.pid


def recorded_pid(path: Path) -> int | None:
    """The process id on the first line of a server's pid file; None where there is none, whatever the file holds."""
    try:
        with path.open("rb") as file:
            first = file.readline(32).strip()
    except FileNotFoundError:
        return None
    return int(first) if re.fullmatch(rb"[0-9]{1,7}", first) else None


def running_pid(path: Path, folder: Path) -> int | None:
    """The id in a server's pid file if that server runs in `folder`; None otherwise, whatever a stale file says."""
    recorded = recorded_pid(path)
    return recorded if is_running(recorded, folder) else None


def is_running(pid: int | None, folder: Path) -> bool:
    """Whether `pid` is alive and works in `folder`: process ids are reused, so the number alone says nothing."""
    if not pid:
        return False
    if pid in _CHILDREN:  # ours for certain; its command line may not be readable yet, just after the start
        return _CHILDREN[pid].poll() is None
    try:
        return _works_in(psutil.Process(pid), folder)
    except psutil.NoSuchProcess:
        return False


def listens(pid: int, port: int) -> bool:
    """Whether `pid`, a process of this user, is the one that listens on a TCP port."""
    try:
        found = psutil.Process(pid).net_connections("tcp")
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in found)


def _works_in(process: psutil.Process, folder: Path) -> bool:
    """Its command line names the folder, or it is its working folder (a process may rewrite its command line)."""
    if process.status() == psutil.STATUS_ZOMBIE:
        return False
    try:
        return any(str(folder) in part for part in process.cmdline()) or process.cwd() == str(folder)
    except psutil.AccessDenied:  # another user's process
        return False


def _stands_in(process: psutil.Process, program: str, folder: Path) -> bool:
    try:
        return process.name() == program and process.cwd() == str(folder)
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return False


def listen(launch: Callable[[int], None], usual: int, *, attempts: int = 3) -> int:
    """Launch a server on the usual port, or on a free one if that is taken.

    Returns:
        The port it listens on.

    Raises:
        EmbeddedServerError: It does not start.
    """
    while True:
        port = ports.choose(usual)
        attempts -= 1
        try:
            launch(port)
        except EmbeddedServerError:
            # Another program may have taken the port between our look and the server's; a retry cures nothing else.
            if attempts == 0 or ports.is_free(port):
                raise
        else:
            return port


def wait_for(ready: Callable[[], bool], alive: Callable[[], bool], *, name: str, log: Path, seconds: float) -> None:
    """Poll until `ready`.

    Raises:
        EmbeddedServerError: The process ended first, or `seconds` passed; the message holds the log's last lines.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if not alive():
            raise _failed(name, "a process that ended while starting", log)
        if time.monotonic() > deadline:
            raise _failed(name, f"no answer within {seconds:.0f} s", log)
        time.sleep(0.05)


def stop(pid: int, *, request: signal.Signals, seconds: float) -> None:
    """Ask a process to end, wait, and kill it if it does not."""
    try:
        process = psutil.Process(pid)
        process.send_signal(request)
        process.wait(seconds)
    except psutil.NoSuchProcess:
        pass  # it ended by itself, which is what was asked for
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(seconds)
    _reap(pid)


def kill_left_behind(program: str, folder: Path) -> None:
    """Kill every process of `program` whose working folder is `folder`: what a server that died there left behind."""
    left = [process for process in psutil.process_iter() if _stands_in(process, program, folder)]
    for process in left:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(left, KILL_SECONDS)


def stop_sessions(leaders: Collection[int], folder: Path, *, seconds: float) -> None:
    """End every process of the sessions `leaders` started that works in `folder`, and their descendants.

    Politely first; what is left after `seconds` is killed. A session outlives its leader, so this also finds what a
    killed server left behind.
    """
    found: set[psutil.Process] = set()
    for request, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, KILL_SECONDS)):
        found |= _members(leaders, folder)
        for process in found:
            _signal(process, request)
        deadline = time.monotonic() + patience
        while found and time.monotonic() < deadline:
            time.sleep(0.05)
            found = {process for process in found | _members(leaders, folder) if _alive(process)}
    for pid in leaders:
        _reap(pid)


def _members(leaders: Collection[int], folder: Path) -> set[psutil.Process]:
    members: set[psutil.Process] = set()
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) in leaders and _works_in(process, folder):
                members |= {process, *process.children(recursive=True)}
        except (ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            continue  # it has just ended, or is another user's
    return members


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _reap(pid: int) -> None:
    if pid in _CHILDREN and _CHILDREN[pid].poll() is not None:
        del _CHILDREN[pid]


def _failed(name: str, found: str, log: Path) -> EmbeddedServerError:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    tail = "\n".join(lines[-8:])
    return EmbeddedServerError(
        name, found=found, expected="a running server", remedy=f"Read {log}; it ends with:\n{tail}"
    )
