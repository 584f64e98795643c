"""A network of two addresses and nothing else, set up from inside a new network namespace."""

from __future__ import annotations

import fcntl
import socket
import struct

from sandbox.guest import addresses

_LOOPBACK = "lo"
_WAITING = 128  # connections that may wait to be accepted

# From the kernel's linux/sockios.h and linux/if.h
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_SIOCSIFADDR = 0x8916
_SIOCSIFNETMASK = 0x891C
_IFF_UP = 1


def listen() -> tuple[socket.socket, socket.socket]:
    """Make the addresses and return the sockets that listen for the metadata service and for Azure.

    A socket belongs to the namespace it was made in, wherever it is passed to. With no route and no interface but the
    loopback one, every other address is unreachable.

    Raises:
        OSError: The caller has no rights over its network namespace.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        _bring_up(control)
        _add_address(control, f"{_LOOPBACK}:1", addresses.METADATA)
        _add_address(control, f"{_LOOPBACK}:2", addresses.AZURE)
    return _listening(addresses.METADATA, 80), _listening(addresses.AZURE, 443)


def _bring_up(control: socket.socket) -> None:
    name = _LOOPBACK.encode()
    request = fcntl.ioctl(control, _SIOCGIFFLAGS, struct.pack("16sh22x", name, 0))
    flags = struct.unpack_from("16sh", request)[1]
    fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh22x", name, flags | _IFF_UP))


def _add_address(control: socket.socket, label: str, address: str) -> None:
    for request, value in ((_SIOCSIFADDR, address), (_SIOCSIFNETMASK, "255.255.255.255")):
        where = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(value))
        fcntl.ioctl(control, request, struct.pack("16s16s8x", label.encode(), where))


def _listening(address: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind((address, port))
    listener.listen(_WAITING)
    return listener
