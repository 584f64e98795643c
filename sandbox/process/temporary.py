"""A sandbox in a folder of its own, for as long as somebody holds on to the process that started it.

``python -m sandbox temporary`` prints one line of JSON: ``{"environment": {…}}``, or ``{"error": "…"}``. Once its
standard input ends, it stops the sandbox and removes the folder. The system closes that pipe however the other side
ends, so not even one that is killed leaves a sandbox behind.
"""

import contextlib
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

from sandbox.process import background
from sandbox.process.environment import environment
from sandbox.process.operator_client import OperatorClient, RefusedError
from sandbox.state.state_directory import VARIABLE, Settings, StateDirectory, StateError

_LOG_LINES = 5  # of a sandbox that did not start


def run(settings: Settings) -> int:
    """Have a sandbox until standard input ends; return the exit status."""
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(number, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="azure-sandbox-") as folder:
        state = StateDirectory(Path(folder))
        state.issued_tokens.touch(mode=0o600)  # so that they can be taken out of what its user saves
        try:
            runtime, _ = background.start(state, settings)
            variables = environment(OperatorClient(state, runtime), vm=None)
            _print({"environment": {**variables, VARIABLE: folder}})
            sys.stdin.buffer.read()
        except (StateError, background.StartError, RefusedError, OSError) as error:
            _print({"error": "\n".join([str(error), *state.log_lines(_LOG_LINES)])})  # the log goes with the folder
            return 1
        finally:
            background.stop(state)
            _reap()
    return 0


def _reap() -> None:
    """See the sandbox's process off if it was killed: it is this one's child, and nobody else would in good time."""
    with contextlib.suppress(AttributeError, ChildProcessError):  # Windows has no such thing; or there is none
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _print(message: dict[str, object]) -> None:
    with contextlib.suppress(BrokenPipeError):  # the reader has gone already
        print(json.dumps(message), flush=True)
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to be said when Python ends
