"""TCP ports on the loopback address: the usual one, or a free one when it is taken."""

from __future__ import annotations

import random
import socket
import sys

LOOPBACK = "127.0.0.1"
# Below Linux's ephemeral range (32768 up), so that an outgoing connection cannot sit on a remembered port.
RANGE = range(15_000, 30_000)
_CLAIMED: dict[int, int] = {}  # open file descriptors


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of the loopback address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def claim(port: int) -> bool:
    """Whether no other start has chosen `port`; it is then this process's until it ends.

    A server listens seconds after its port was chosen: until then it looks free to everybody else.
    """
    if port in _CLAIMED or sys.platform != "linux":
        return True
    name = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        name.bind(f"\0brain-port-{port}")  # an abstract name: no file, and gone with the process
    except OSError:
        name.close()
        return False
    _CLAIMED[port] = name.detach()
    return True


def choose(usual: int) -> int:
    """`usual` if it is free, else a random free port; in either case one that no other start has chosen."""
    if is_free(usual) and claim(usual):
        return usual
    return next(port for port in random.sample(RANGE, len(RANGE)) if is_free(port) and claim(port))
