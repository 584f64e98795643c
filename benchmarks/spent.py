"""What a command costs: how long it takes, and how much work the processors do for it.

The second figure hardly depends on what else the computer does meanwhile. ``python -m benchmarks.spent COMMAND …`` is
the process that measures: it adopts what the command leaves behind, servers and the like, and counts them too. Linux.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)


@dataclass(frozen=True)
class Spent:
    """What a command cost: seconds by the clock, seconds of processors, and what it printed."""

    seconds: float
    processor: float
    output: str


def spend(*words: str, environment: Mapping[str, str] | None = None) -> Spent:
    """Run a Python command, such as ``-m papermill …``, and all it starts, to the end of all.

    Raises:
        RuntimeError: It failed; the message has the last of what it said.
    """
    command = [sys.executable, "-m", "benchmarks.spent", sys.executable, *words]
    variables = None if environment is None else dict(environment)
    done = subprocess.run(command, env=variables, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words[:4])} …: {done.stdout[-500:]}{done.stderr[-2000:]}")
    *lines, figures = done.stdout.splitlines()
    return Spent(**json.loads(figures), output="\n".join(lines))


def main() -> int:
    """Be the process that measures."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    began = time.perf_counter()
    status = subprocess.run(sys.argv[1:], check=False).returncode
    seconds = time.perf_counter() - began
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
    times = os.times()
    print("\n" + json.dumps({"seconds": seconds, "processor": times.children_user + times.children_system}))
    return status


if __name__ == "__main__":
    sys.exit(main())
