"""Sandboxes that are forked from a process that has done their imports, which are most of what a start takes."""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE
from types import SimpleNamespace
from typing import IO, Any
from unittest.mock import patch

from sandbox.cli import main
from sandbox.process import background

_SANDBOX = ["-P", "-m", "sandbox"]


class ForkedSandbox:
    """A process that does what ``python -P -m sandbox`` does; has what is asked of a ``Popen`` for one."""

    def __init__(self, command: Sequence[str], *, stderr: IO[bytes], env: Mapping[str, str], **_options: Any) -> None:
        assert list(command[1:4]) == _SANDBOX, command
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["sandbox.cli", "sandbox.server"])
        ours, theirs = socket.socketpair()
        with ours, theirs:
            arguments = command[4:], dict(env), theirs, stderr.name
            self._process = context.Process(target=_become_sandbox, args=arguments, daemon=True)
            self._process.start()
            self.stdout = ours.makefile(encoding="utf-8")

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def wait(self) -> int | None:
        """Return its exit status once it has ended."""
        self._process.join()
        return self._process.exitcode


def _become_sandbox(words: Sequence[str], environment: Mapping[str, str], stdout: socket.socket, log: str) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    with Path(os.devnull).open("rb") as nothing, Path(log).open("ab") as stderr:
        for number, source in enumerate((nothing.fileno(), stdout.fileno(), stderr.fileno())):
            os.dup2(source, number)
    stdout.close()
    if "SANDBOX_TRAFFIC" in environment:  # as sitecustomize does in one that is started
        from tests.specifications.traffic import FOLDER, record

        record(Path(environment[FOLDER]))
    sys.exit(main(words))


@contextmanager
def forking() -> Iterator[None]:
    """Have sandboxes that this process starts meanwhile be forked, where that is to be had."""
    if sys.platform != "linux":
        yield
        return
    with patch.object(background, "subprocess", SimpleNamespace(Popen=ForkedSandbox, PIPE=PIPE, DEVNULL=DEVNULL)):
        yield
