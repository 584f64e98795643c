"""What a launching process, the zygote and a kernel tell each other: one JSON object a line over a Unix socket."""

from __future__ import annotations

import json
import socket
import time
from typing import Any, TypedDict

Message = dict[str, Any]


class ForkRequest(TypedDict):
    """What the owner of a zygote asks of a new kernel.

    Attributes:
        argv: the kernel's command line as it would have been started with, the interpreter first.
        launcher: the module of that command line, such as ``ipykernel_launcher``.
        arguments: what follows that module on the command line.
        env: the whole environment.
        cwd: the working directory.
    """

    argv: list[str]
    launcher: str
    arguments: list[str]
    env: dict[str, str]
    cwd: str


class Channel:
    """One end of a stream socket that carries JSON lines. Owns the socket.

    Args:
        sock: a connected stream socket.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._received = b""

    def fileno(self) -> int:
        """The socket's file descriptor, -1 once closed."""
        return self._sock.fileno()

    def send(self, message: Message, timeout: float | None = None) -> None:
        """Send one message.

        Args:
            message: anything JSON can hold; lone surrogates (undecodable environment bytes) survive.
            timeout: seconds for the whole message; ``None`` waits for ever.

        Raises:
            TimeoutError: the other side does not read.
            OSError: the other side is gone.
        """
        self._sock.settimeout(timeout)
        self._sock.sendall(json.dumps(message).encode("ascii") + b"\n")

    def receive(self, timeout: float | None = None) -> Message | None:
        """The next message, or ``None`` when the other side has closed.

        Args:
            timeout: seconds; 0 looks without waiting, ``None`` waits for ever.

        Raises:
            TimeoutError: nothing complete has come in time.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while b"\n" not in self._received:
            self._sock.settimeout(None if deadline is None else max(0.0, deadline - time.monotonic()))
            try:
                chunk = self._sock.recv(65536)
            except BlockingIOError as nothing_yet:
                raise TimeoutError("no message yet") from nothing_yet
            except ConnectionResetError:
                chunk = b""  # closed with something of ours unread: closed all the same
            if not chunk:
                return None
            self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        message: Message = json.loads(line)
        return message

    def send_descriptors(self, descriptors: list[int], timeout: float | None = None) -> None:
        """Pass open file descriptors, as one byte that carries them.

        Raises:
            TimeoutError: the other side does not read.
            OSError: the other side is gone.
        """
        self._sock.settimeout(timeout)
        socket.send_fds(self._sock, [b"+"], descriptors)

    def receive_descriptors(self, most: int) -> list[int]:
        """What one ``send_descriptors`` passed; empty when the other side has closed."""
        byte, descriptors, _flags, _address = socket.recv_fds(self._sock, 1, most)
        return list(descriptors) if byte else []

    def close(self) -> None:
        """Close this end."""
        self._sock.close()
