"""TCP ports on the loopback address: the usual one, or a free one when it is taken."""

from __future__ import annotations

import random
import socket

LOOPBACK = "127.0.0.1"
# Below Linux's ephemeral range (32768 up), so that an outgoing connection cannot sit on a remembered port.
RANGE = range(15_000, 30_000)


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of the loopback address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def choose(usual: int) -> int:
    """`usual` if it is free, else a random free port; random so that two checkouts starting at once seldom collide."""
    if is_free(usual):
        return usual
    return next(port for port in random.sample(RANGE, len(RANGE)) if is_free(port))
