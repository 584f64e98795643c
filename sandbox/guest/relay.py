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
                self._azure.lead_to(ports.azure)
                if ports.metadata is None or not await self._stay_with(ports.metadata):
                    self._metadata.lead_to(None)
                    await asyncio.sleep(_PAUSE)
        finally:
            self._azure.lead_to(None)
            self._metadata.lead_to(None)

    async def _stay_with(self, port: int) -> bool:
        """Lead to the metadata service at ``port`` until it hangs up; return False if nobody answers there.

        What it hung up for is found out before connections are refused: it may be there again, or still.
        """
        try:
            reader, writer = await asyncio.open_connection(_HOST, port)
        except OSError:
            return False
        try:
            self._metadata.lead_to(port)
            with contextlib.suppress(ConnectionError):
                await reader.read(1)
        finally:
            writer.close()
        return True


class _Door:
    """One listening socket, and the port on the host that it leads to."""

    def __init__(self, listener: socket.socket) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._port: int | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._open = True  # the kernel takes connections; they wait until they are led somewhere
        self._carrying: set[asyncio.Task[None]] = set()

    def lead_to(self, port: int | None) -> None:
        """Carry connections to ``port`` from now on; refuse them if it is None."""
        self._port = port
        if port is None:
            self._refuse()
        elif self._accepting is None:
            if not self._open:
                self._listener.listen()
                self._open = True
            self._accepting = asyncio.create_task(self._accept())

    def _refuse(self) -> None:
        if self._accepting is not None:
            self._accepting.cancel()
            self._accepting = None
        if self._open:
            self._listener.shutdown(socket.SHUT_RD)
            self._open = False

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(self._listener)
            task = asyncio.create_task(self._carry(client))
            self._carrying.add(task)
            task.add_done_callback(self._carrying.discard)

    async def _carry(self, client: socket.socket) -> None:
        try:
            there_reader, there = await asyncio.open_connection(_HOST, self._port)
        except OSError:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            client.close()
            return
        here_reader, here = await asyncio.open_connection(sock=client)
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
