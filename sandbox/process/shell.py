"""``python -m sandbox shell``: a shell, or one command, inside a machine."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sandbox.process import background
from sandbox.process.environment import running_machine
from sandbox.process.operator_client import OperatorClient, RefusedError
from sandbox.state.state_directory import Settings, StateDirectory

if TYPE_CHECKING:
    from sandbox.guest.relay import Locate, Ports

_LONGEST_SCRIPT = Settings().run_command_limit
_DESCRIPTION = """\
Open a shell inside a virtual machine, or run one command there, with its output, its input, its signals and its exit
status passed on.

Inside, http://169.254.169.254 is the machine's metadata service; https://management.azure.com,
https://login.microsoftonline.com and Azure's other names are the sandbox, and trusted. Programs need no variable or
option for it. Everything else on the network is out of reach. Files and programs are those of this computer, except for
the sandbox's own state; AZURE_* variables are left out, and the Azure CLI has a folder of the machine's own. The
program runs as you, without any more rights, and all it has started ends with it.

It is made of Linux namespaces, and needs no root.
"""


def add_parser(commands: Any) -> None:
    """Add the command to the sandbox's own: ``commands`` is what ``ArgumentParser.add_subparsers`` returned."""
    shell = commands.add_parser(
        "shell",
        help="open a shell inside a machine, or run a command there (Linux)",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [-h] [--end-with-parent] VM [-- COMMAND ...]",
    )
    shell.add_argument(
        "--end-with-parent",
        action="store_true",
        help="end, with all that runs inside, when the process ends that started this one, or at SIGTERM",
    )
    shell.add_argument("vm", metavar="VM", help="the machine's name or id; it must be running")
    shell.add_argument("command", metavar="COMMAND", nargs=argparse.REMAINDER, help="default: $SHELL")
    shell.set_defaults(run=_shell)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the settings of Run Command to a command that starts the sandbox."""
    parser.add_argument(
        "--allow-run-command",
        action="store_true",
        help="let those who may use Run Command run programs on this computer, as you, inside machines (Linux)",
    )
    parser.add_argument(
        "--run-command-limit",
        type=_limit,
        default=_LONGEST_SCRIPT,
        metavar="SECONDS",
        help="how long a script of Run Command may take (default and most: 5400, as in Azure)",
    )


def _limit(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST_SCRIPT:
        raise argparse.ArgumentTypeError(f"takes seconds, more than 0 and at most {_LONGEST_SCRIPT:.0f}")
    return seconds


def _shell(state: StateDirectory, options: argparse.Namespace) -> int:
    if sys.platform != "linux":
        raise OSError(
            "The inside of a machine is made of Linux namespaces, which this system does not have. Point a program "
            f"at the machine's metadata service instead: python -m sandbox env --vm {options.vm}"
        )
    from sandbox.guest import syscalls
    from sandbox.guest.folder import machine_folder
    from sandbox.guest.inside import Inside, inside_environment
    from sandbox.guest.machine import run_inside

    if options.end_with_parent:
        syscalls.send_when_parent_ends(signal.SIGTERM)
    machine_id, _ = running_machine(OperatorClient(state, background.require_running(state)), options.vm)
    name = machine_id.rpartition("/")[2]
    folder = machine_folder(state, machine_id)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        command = [os.environ.get("SHELL") or "/bin/sh"]
        if sys.stdin.isatty():
            print(f"You are inside {name}. 'exit' leaves it.", file=sys.stderr)
    inside = Inside(name, folder, state.path, command, inside_environment(os.environ, state.path, name))
    return run_inside(inside, _locator(state, machine_id), insist=options.end_with_parent)


def _locator(state: StateDirectory, machine_id: str) -> Locate:
    """Return what finds out where the sandbox and the machine's metadata service listen at the moment."""
    from sandbox.guest.relay import Ports

    def locate() -> Ports:
        runtime = background.running(state)
        if runtime is None:
            return Ports(None, None)
        path = f"{machine_id}/providers/Sandbox.Local/metadataService"
        try:
            service = OperatorClient(state, runtime).arm("GET", path)
        except RefusedError:  # stopped or deleted
            return Ports(None, runtime.port)
        except OSError:  # the sandbox has stopped just now
            return Ports(None, None)
        return Ports(urlsplit(service["properties"]["endpoint"]).port, runtime.port)

    return locate
