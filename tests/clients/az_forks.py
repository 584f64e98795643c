"""Run with the Azure CLI's own Python: fork a process for each command, in which libraries are imported already.

    python az_forks.py SOCKET

Importing takes most of what a command takes, and so modules are kept from one command to the next. The CLI remembers
the path of its folder of settings as it is imported: that is a link here, to the folder of the command that runs. The
process ends with its standard input.
"""

import importlib
import json
import os
import runpy
import select
import socket
import sys
from pathlib import Path
from typing import Any


def serve(address: str) -> None:
    """Answer one command after the other."""
    settings = Path(address).with_name("settings")
    os.environ["AZURE_CONFIG_DIR"] = str(settings)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            with connection:
                answer(connection, settings)


def answer(connection: socket.socket, settings: Path) -> None:
    """Run the command that comes over ``connection``, on the descriptors that come with it; send its exit code."""
    _, descriptors, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile("rb") as stream:
        command = json.load(stream)
    settings.unlink(missing_ok=True)
    settings.symlink_to(command["variables"]["AZURE_CONFIG_DIR"])
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        os.close(reading)
        run(command, descriptors, writing)
    os.close(writing)
    for descriptor in descriptors:
        os.close(descriptor)
    with os.fdopen(reading) as names:
        import_again(names.read().split())
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    connection.sendall(b"%d" % code)


def run(command: dict[str, Any], descriptors: list[int], writing: int) -> None:
    """Become the ``az`` that was called; in the end, tell which modules it needed."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    os.chdir(command["folder"])
    os.environ.clear()
    os.environ.update(command["variables"])
    sys.argv = ["az", *command["words"]]
    try:
        runpy.run_module("azure.cli", run_name="__main__")
    except SystemExit as end:  # as it always ends
        with os.fdopen(writing, "w") as names:
            names.write("\n".join(sys.modules))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(end.code or 0))  # to free all that was imported takes longer than most commands


def import_again(names: list[str]) -> None:
    """Import what a command imported."""
    for name in names:
        if not name.startswith("__") and name not in sys.modules:
            try:
                importlib.import_module(name)
            except ImportError:  # a name that its package made up as it ran
                continue


if __name__ == "__main__":
    serve(sys.argv[1])
