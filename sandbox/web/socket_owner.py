"""Whose process opened a connection: Linux knows the user of each socket on this computer.

It is asked for the one socket; psutil would list all, and look through the files of all processes.
"""

import socket
import struct
import sys
from asyncio import BaseTransport

Address = tuple[str, int]

# From linux/netlink.h, linux/sock_diag.h and linux/inet_diag.h; explained in netlink(7) and sock_diag(7).
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_ANY_STATE = _NO_COOKIE = 0xFFFFFFFF
_HEADER = struct.Struct("=IHHII")  # nlmsghdr
_QUESTION = struct.Struct("=BBBxI")  # inet_diag_req_v2, up to the socket's id
_ENDS = struct.Struct("!HH16s16s")  # inet_diag_sockid: ports and addresses, as they go over the wire
_INTERFACE = struct.Struct("=III")  # and the rest of it
_USER = struct.Struct("=II")  # inet_diag_msg.idiag_uid, idiag_inode
_USER_AT = _HEADER.size + 4 + _ENDS.size + _INTERFACE.size + 12  # where they are in an answer


def user_behind(transport: BaseTransport | None) -> int | None:
    """Return the id of the user whose process opened the connection ``transport``; None where it cannot be known."""
    if transport is None or transport.is_closing():
        return None
    return user_at(transport.get_extra_info("peername"), transport.get_extra_info("sockname"))


def user_at(client: Address, server: Address) -> int | None:
    """Return the id of the user whose process opened a TCP connection over IPv4.

    It is None where the system does not tell: it is not Linux, does not permit to ask, or the client has gone.
    """
    if sys.platform != "linux":
        return None
    ends = _ENDS.pack(client[1], server[1], socket.inet_aton(client[0]), socket.inet_aton(server[0]))
    question = _QUESTION.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, _ANY_STATE)
    body = question + ends + _INTERFACE.pack(0, _NO_COOKIE, _NO_COOKIE)
    header = _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
            kernel.sendto(header + body, (0, 0))
            answer = kernel.recv(4096)
    except OSError:
        return None
    if _HEADER.unpack_from(answer)[1] != _SOCK_DIAG_BY_FAMILY:  # an error
        return None
    user, file = _USER.unpack_from(answer, _USER_AT)
    return user if file else None  # no process has it any more: then the user is given as 0, too
