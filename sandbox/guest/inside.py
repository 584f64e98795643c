"""What a machine is from within: its environment, its files, its network, and the process that moves in."""

import fcntl
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from sandbox.guest import syscalls
from sandbox.guest.folder import AZURE_ADDRESS, METADATA_ADDRESS, replacements

READY = b"ready"
_NOT_FOUND = 127  # exit statuses as a shell gives them
_NOT_EXECUTABLE = 126
_NAMESPACES = syscalls.NEW_USER | syscalls.NEW_NETWORK | syscalls.NEW_MOUNTS | syscalls.NEW_HOST_NAME

_OF_THE_HOST = (
    "AZURE_",
    "ARM_",  # Terraform's
    "MSI_",
    "IDENTITY_",
    "IMDS_",
)
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")

_LOOPBACK = "lo"
_WAITING = 128  # connections that may wait to be accepted

# From the kernel's linux/sockios.h and linux/if.h
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_SIOCSIFADDR = 0x8916
_SIOCSIFNETMASK = 0x891C
_IFF_UP = 1


@dataclass(frozen=True, slots=True)
class Inside:
    """What the process becomes: ``command`` with ``environment``, in a system that calls itself ``name``.

    The machine's ``folder`` is shown in the ``place`` of the state directory, so that the operator's secret and the
    sandbox's database cannot be opened by path from in there.
    """

    name: str
    folder: Path
    place: Path
    command: Sequence[str]
    environment: Mapping[str, str]


def inside_environment(host: Mapping[str, str], folder: Path, name: str) -> dict[str, str]:
    """Return what a program inside the machine ``name`` gets of the ``host`` environment; ``folder`` is its own.

    What points Azure's clients or a proxy elsewhere is left out. The rest is as it was, with the sandbox's authority
    for the programs that bring a list of authorities of their own, and a folder of the machine's for the Azure CLI, so
    that the user's own sign-in is neither seen nor touched.
    """
    kept = {key: value for key, value in host.items() if not _belongs_to_host(key)}
    bundle = str(folder / "ca-bundle.pem")
    return {
        **kept,
        "HOSTNAME": name,
        "AZURE_CONFIG_DIR": str(folder / "azure"),
        "SSL_CERT_FILE": bundle,
        "REQUESTS_CA_BUNDLE": bundle,
        "CURL_CA_BUNDLE": bundle,
        "NODE_EXTRA_CA_CERTS": str(folder / "ca.pem"),
    }


def _belongs_to_host(name: str) -> bool:
    return name.startswith(_OF_THE_HOST) or name.upper() in _PROXIES


def become(inside: Inside, outside: socket.socket, parent: int) -> NoReturn:
    """Turn this newly forked process into the inside of a machine; the process ``parent`` serves its network.

    Sends ``READY`` over ``outside`` with the two listening sockets (metadata service, Azure), or a JSON object
    ``{"errno", "step"}`` and ends; then runs the command as soon as ``outside`` has answered with any byte.
    """
    listeners = _enter(inside, outside)
    socket.send_fds(outside, [READY], [listener.fileno() for listener in listeners])
    syscalls.send_when_parent_ends(signal.SIGKILL)
    if os.getppid() != parent or not outside.recv(1):
        os._exit(1)
    _execute(inside)


def _enter(inside: Inside, outside: socket.socket) -> tuple[socket.socket, socket.socket]:
    user, group = os.geteuid(), os.getegid()
    step = "make them"
    try:
        syscalls.unshare(_NAMESPACES)
        step = "keep one's own user in them"
        _keep_user(user, group)
        step = "name the machine"
        socket.sethostname(inside.name)
        step = "show the machine's own files"
        _replace_files(inside)
        step = "make its network"
        return _listen()
    except OSError as error:
        outside.send(json.dumps({"errno": error.errno, "step": step}).encode())
        os._exit(1)


def _keep_user(user: int, group: int) -> None:
    """Be the same user and group inside as outside.

    The process has every right over its namespaces until it runs another program; that one, unless the user is root,
    has none.
    """
    own = Path("/proc/self")
    (own / "uid_map").write_text(f"{user} {user} 1")
    (own / "setgroups").write_text("deny")  # without it the kernel accepts no map of groups from an ordinary user
    (own / "gid_map").write_text(f"{group} {group} 1")


def _replace_files(inside: Inside) -> None:
    files = list(replacements())
    syscalls.keep_mounts_private()
    syscalls.bind(inside.folder, inside.place)
    for name, file in files:
        syscalls.bind(inside.place / name, file)


def _execute(inside: Inside) -> NoReturn:
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these, which a new program would inherit
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        os.execvpe(inside.command[0], list(inside.command), dict(inside.environment))
    except OSError as error:
        print(f"sandbox: {inside.command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(_NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE)


# --- its network: two addresses and nothing else ----------------------------------------------------------------------


def _listen() -> tuple[socket.socket, socket.socket]:
    """Make the addresses and return the sockets that listen for the metadata service and for Azure.

    A socket belongs to the namespace it was made in, wherever it is passed to. With no route and no interface but the
    loopback one, every other address is unreachable.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        _bring_up(control)
        _add_address(control, f"{_LOOPBACK}:1", METADATA_ADDRESS)
        _add_address(control, f"{_LOOPBACK}:2", AZURE_ADDRESS)
    return _listening(METADATA_ADDRESS, 80), _listening(AZURE_ADDRESS, 443)


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
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # to listen again beside connections that go on
    listener.bind((address, port))
    listener.listen(_WAITING)
    return listener
