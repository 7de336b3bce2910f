"""A real broker on a loopback port that speaks Kafka's protocol: topics and offsets outlive a restart.

It keeps its messages in memory and writes them down as they come: for one machine, and a few million of them at most.
"""

from __future__ import annotations

import importlib.util
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from brain.core.errors import EmbeddedServerError
from local import ports, process

USUAL_PORT = 9092
NAME = "Broker"
START_SECONDS = 30.0
STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Broker:
    """The broker of one project.

    Args:
        home: The project's `.brain`.
    """

    home: Path

    @property
    def data(self) -> Path:
        return self.home / "broker"

    @property
    def log(self) -> Path:
        return self.home / "logs" / "broker.log"

    def pid(self) -> int | None:
        """The running server's process id; None when there is none."""
        return process.running_pid(self._pid_file, self.data)

    def start(self, port: int) -> int:
        """Start the server, unless it runs on `port`, there or, if that is taken, on another port.

        Returns:
            The port it listens on.

        Raises:
            EmbeddedServerError: It does not start.
        """
        if self.pid() is not None:
            return port
        self.data.mkdir(parents=True, exist_ok=True)
        return process.listen(self._launch, port)

    def stop(self) -> bool:
        """Stop the server; what it has is written down.

        Returns:
            Whether it was running.
        """
        pid = self.pid()
        if pid is not None:
            process.stop(pid, request=signal.SIGTERM, seconds=STOP_SECONDS)
        return pid is not None

    def remove(self) -> None:
        """Delete the data; the server must be stopped."""
        shutil.rmtree(self.data, ignore_errors=True)

    @staticmethod
    def url(port: int) -> str:
        """What BRAIN_KAFKA_URL says of it."""
        return f"kafka://{ports.LOOPBACK}:{port}"

    @property
    def _pid_file(self) -> Path:
        return self.data / "pid"

    def _launch(self, port: int) -> None:
        command: list[str | Path] = [_program(), "start", "--only", "kafka", "--host", ports.LOOPBACK]
        command += ["--kafka-port", str(port), "--data-dir", self.data]
        pid = process.spawn(command, self.log)
        self._pid_file.write_text(f"{pid}\n")
        process.wait_for(
            lambda: process.listens(pid, port) and _answers(port),
            lambda: process.is_running(pid, self.data),
            name=NAME,
            log=self.log,
            seconds=START_SECONDS,
        )


def _answers(port: int) -> bool:
    client = AdminClient({"bootstrap.servers": f"{ports.LOOPBACK}:{port}", "log_level": 0})
    try:
        client.list_topics(timeout=1)
    except KafkaException:
        time.sleep(0.05)
        return False
    return True


def _program() -> Path:
    """The program from the wheel.

    Raises:
        EmbeddedServerError: The wheel is not installed.
    """
    spec = importlib.util.find_spec("noida_db")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        program = Path(folder) / "noida-db"
        if program.exists():
            program.chmod(program.stat().st_mode | 0o111)  # some installers leave the right to run it out
            return program
    raise EmbeddedServerError(
        NAME,
        found="no noida-db in this environment",
        expected="the wheel noida-db",
        remedy="Run `make setup`, or set BRAIN_KAFKA_URL to a broker of yours.",
    )
