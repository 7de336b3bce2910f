"""A loopback proxy in front of a server, whose connections can be cut where it hurts."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field

_CHUNK = 65_536
_RESET = struct.pack("ii", 1, 0)  # closing sends a reset instead of what is left


@dataclass
class Proxy:
    """Everything that comes in goes to `target`, a port of this machine, and back.

    Args:
        target: Where the server listens; may be changed when it has moved.
        port: Where the proxy listens.
        cuts: Connections cut so far.
        moved: Bytes passed on so far, both ways.
    """

    target: int
    port: int = 0
    cuts: int = 0
    moved: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _swallow: bool = False
    _closed: bool = False

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()

    def cut(self) -> int:
        """Cut every connection now; how many there were."""
        return asyncio.run_coroutine_threadsafe(self._cut_all(), self._loop).result()

    def swallow(self) -> None:
        """Take the next answer of the server and cut its connection instead: what was asked for was done, or begun."""
        self._swallow = True

    def refuse(self, closed: bool) -> None:
        """Cut whatever comes, until told otherwise."""
        self._closed = closed

    def heal(self) -> None:
        self._swallow = self._closed = False

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _cut_all(self) -> int:
        count = len(self._open) // 2
        for writer in list(self._open):
            _reset(writer)
        self.cuts += count
        return count

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._closed:
                raise OSError("refused on purpose")
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            _reset(writer)
            return
        self._open |= {writer, back}
        try:
            await asyncio.gather(self._pump(reader, back, False), self._pump(there, writer, True))
        finally:
            self._open -= {writer, back}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: bool) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while content := await reader.read(_CHUNK):
                if answers and self._swallow:
                    self._swallow = False
                    self.cuts += 1
                    _reset(writer)
                    break
                self.moved += len(content)
                writer.write(content)
                await writer.drain()
        writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
