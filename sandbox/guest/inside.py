"""The first moments of a process that becomes the inside of a machine."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from sandbox.guest import network, syscalls
from sandbox.guest.folder import MachineFolder

READY = b"ready"
_NOT_FOUND = 127  # exit statuses as a shell gives them
_NOT_EXECUTABLE = 126
_NAMESPACES = syscalls.NEW_USER | syscalls.NEW_NETWORK | syscalls.NEW_MOUNTS | syscalls.NEW_HOST_NAME


@dataclass(frozen=True, slots=True)
class Inside:
    """What the process becomes: ``command`` with ``environment``, in a system that calls itself ``name``."""

    name: str
    folder: MachineFolder
    command: Sequence[str]
    environment: Mapping[str, str]


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
        _replace_files(inside.folder)
        step = "make its network"
        return network.listen()
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


def _replace_files(folder: MachineFolder) -> None:
    replacements = list(folder.replacements())
    syscalls.keep_mounts_private()
    syscalls.bind(folder.path, folder.place)
    for name, file in replacements:
        syscalls.bind(folder.place / name, file)


def _execute(inside: Inside) -> NoReturn:
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these, which a new program would inherit
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        os.execvpe(inside.command[0], list(inside.command), dict(inside.environment))
    except OSError as error:
        print(f"sandbox: {inside.command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(_NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE)
