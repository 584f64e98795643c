"""Carries connections from inside a machine to the sandbox, as long as there is something to carry them to."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

_HOST = "127.0.0.1"
_CHUNK = 64 * 1024  # bytes
_PAUSE = 1.0  # seconds between looks for a machine or a sandbox that has stopped
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Ports:
    """Where on the host's loopback the services listen now; None for one that is not there."""

    metadata: int | None
    azure: int | None


Locate = Callable[[], Ports]


class Relay:
    """Leads the sockets that listen inside a machine to the services outside.

    A connection to the metadata service stays open while all is well. When the machine or the sandbox stops, it ends;
    from then on connections from inside are refused, until ``locate`` finds the services again.
    """

    def __init__(self, metadata: socket.socket, azure: socket.socket, locate: Locate) -> None:
        self._metadata = _Door(metadata)
        self._azure = _Door(azure)
        self._locate = locate

    async def run(self) -> None:
        """Carry connections until cancelled."""
        try:
            while True:
                ports = await asyncio.to_thread(self._locate)
                await self._azure.lead_to(ports.azure)
                if ports.metadata is None or not await self._stay_with(ports.metadata):
                    await self._metadata.lead_to(None)
                    await asyncio.sleep(_PAUSE)
        finally:
            self._azure.refuse()
            self._metadata.refuse()

    async def _stay_with(self, port: int) -> bool:
        """Lead to the metadata service at ``port`` until it hangs up; return False if nobody answers there.

        What it hung up for is found out before connections are refused: it may be there again, or still.
        """
        try:
            reader, writer = await asyncio.open_connection(_HOST, port)
        except OSError:
            return False
        try:
            await self._metadata.lead_to(port)
            with contextlib.suppress(ConnectionError):
                await reader.read(1)
        finally:
            writer.close()
        return True


class _Door:
    """One listening socket, and the port on the host that it leads to."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener  # the kernel takes connections; they wait until they are led somewhere
        self._port: int | None = None
        self._server: asyncio.Server | None = None
        self._carrying: set[asyncio.Task[None]] = set()

    async def lead_to(self, port: int | None) -> None:
        """Carry connections to ``port`` from now on; refuse them if it is None."""
        self._port = port
        if port is None:
            self.refuse()
        elif self._server is None:
            # Known before it begins, so that it is closed though this is cancelled as it does.
            self._server = await asyncio.start_server(self._take, sock=self._listener.dup(), start_serving=False)
            await self._server.start_serving()

    def refuse(self) -> None:
        """Refuse connections, until they are led somewhere again: a socket that was shut down can listen anew."""
        if self._server is not None:
            self._server.close()
            self._server = None
        with contextlib.suppress(OSError):  # it does not listen
            self._listener.shutdown(socket.SHUT_RD)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry a connection in a task of its own: Python 3.11 prints a traceback if it cancels one of the server's."""
        task = asyncio.create_task(self._carry(reader, writer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    async def _carry(self, here_reader: asyncio.StreamReader, here: asyncio.StreamWriter) -> None:
        try:
            there_reader, there = await asyncio.open_connection(_HOST, self._port)
        except OSError:
            here.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            here.transport.abort()
            return
        try:
            await asyncio.gather(_copy(here_reader, there), _copy(there_reader, here))
        except OSError:  # one side is gone, so the other has nobody to talk to
            here.transport.abort()
            there.transport.abort()
        finally:
            here.close()
            there.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()
    writer.write_eof()
