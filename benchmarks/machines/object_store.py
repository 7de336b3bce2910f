"""SeaweedFS from its wheel: a server that speaks S3's protocol and keeps the conditions of conditional writes."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec

from local import ports, process

_PARTS = ("master.port", "volume.port", "filer.port", "s3.port")
_GRPC = 10_000  # each part listens a second time, so far above its port
_SECONDS = 60.0
KEY, SECRET = "lake-key", "lake-secret-of-a-test"


@contextmanager
def object_store(folder: Path, bucket: str = "lake") -> Iterator[dict[str, str]]:
    """A server with an empty bucket, for as long as the block lasts.

    Args:
        folder: Where it keeps everything; is deleted.

    Yields:
        The variables by which a client finds it and logs in: for `os.environ`.
    """
    data, log = folder / "data", folder / "object-store.log"
    data.mkdir(parents=True)
    logins = [{"accessKey": KEY, "secretKey": SECRET}]
    identity = {"name": "brain", "credentials": logins, "actions": ["Admin", "Read", "Write", "List"]}
    (folder / "logins.json").write_text(json.dumps({"identities": [identity]}))
    chosen = _ports()
    pid = process.spawn(_command(data, folder / "logins.json", chosen), log, folder=data)
    variables = {
        "AWS_ENDPOINT_URL_S3": f"http://{ports.LOOPBACK}:{chosen['s3.port']}",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
    }
    try:
        process.wait_for(
            lambda: _ready(bucket, variables),
            lambda: process.is_running(pid, data),
            name="SeaweedFS",
            log=log,
            seconds=_SECONDS,
        )
        yield variables
    finally:
        process.stop(pid, request=signal.SIGKILL, seconds=10)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def found_by(variables: dict[str, str]) -> Iterator[None]:
    """Let this process, and those it starts, find the server."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _ports() -> dict[str, int]:
    """A free port for each part, whose second one is free, too."""
    free = (p for p in random.sample(ports.RANGE, len(ports.RANGE)) if ports.is_free(p) and ports.is_free(p + _GRPC))
    return dict(zip(_PARTS, (port for port in free if ports.claim(port)), strict=False))


def _command(data: Path, logins: Path, chosen: dict[str, int]) -> list[str | Path]:
    at = [f"-{part}={port}" for part, port in chosen.items()]
    off = ["-master.telemetry=false", "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    small = ["-master.volumeSizeLimitMB=64", "-volume.max=20"]
    here = [f"-dir={data}", f"-ip={ports.LOOPBACK}", f"-ip.bind={ports.LOOPBACK}"]
    program = Path(sys.executable).parent / "weed"
    return [program, "server", *here, "-filer", "-s3", f"-s3.config={logins}", *at, *off, *small]


def _ready(bucket: str, variables: dict[str, str]) -> bool:
    """Whether it listens, makes a bucket and takes an object by now."""
    endpoint = variables["AWS_ENDPOINT_URL_S3"]
    if ports.is_free(int(endpoint.rpartition(":")[2])):
        return False
    login = {"key": variables["AWS_ACCESS_KEY_ID"], "secret": variables["AWS_SECRET_ACCESS_KEY"]}
    once = {"retries": {"max_attempts": 0}, "connect_timeout": 1, "read_timeout": 2}
    client = fsspec.filesystem("s3", **login, endpoint_url=endpoint, config_kwargs=once, skip_instance_cache=True)
    client.retries = 1
    try:
        if not client.exists(bucket):
            client.mkdir(bucket)
        client.pipe_file(f"{bucket}/ready", b"1")
        client.rm_file(f"{bucket}/ready")
    except Exception:  # of many kinds, until all its parts have found each other
        return False
    return True
