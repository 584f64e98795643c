"""The relay between a machine's network and the host's."""

import asyncio
import socket
import sys

import pytest

from sandbox.guest.relay import Ports, Relay, _Door


def listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


async def end_while_connections_are_open(number: int) -> None:
    with listening() as metadata, listening() as azure, listening() as host:
        port = host.getsockname()[1]
        running = asyncio.create_task(Relay(metadata, azure, lambda: Ports(port, port)).run())
        opened = [await asyncio.open_connection(*azure.getsockname()) for _ in range(number)]
        opened[0][1].write(b"first")
        await asyncio.to_thread(lambda: [host.accept() for _ in range(2)])  # of them, or the relay's own
        running.cancel()
        await asyncio.wait([running])


@pytest.mark.skipif(sys.platform != "linux", reason="machines have an inside on Linux only")
def test_it_ends_without_a_word_while_connections_are_open(caplog: pytest.LogCaptureFixture) -> None:
    asyncio.run(end_while_connections_are_open(20))
    assert caplog.messages == []


async def end_as_it_begins() -> None:
    with listening() as inside:
        door = _Door(inside)
        beginning = asyncio.create_task(door.lead_to(9))
        await asyncio.sleep(0)
        beginning.cancel()
        await asyncio.wait([beginning])
        door.refuse()
        for _ in range(3):
            await asyncio.sleep(0)  # in which the loop would see that the socket was shut down


@pytest.mark.skipif(sys.platform != "linux", reason="machines have an inside on Linux only")
def test_it_ends_without_a_word_as_it_begins_to_listen(caplog: pytest.LogCaptureFixture) -> None:
    asyncio.run(end_as_it_begins())
    assert caplog.messages == []
