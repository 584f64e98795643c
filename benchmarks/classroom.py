"""A class of hundreds on one sandbox: to provide for everybody, and to see how far everybody is."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from benchmarks.report import Table
from benchmarks.servers import sandbox
from benchmarks.spent import spend
from workshop.classroom.clients import sign_in
from workshop.classroom.folder import ClassFolder
from workshop.classroom.progress import Status, take_snapshot

LEARNERS = 300
TIMES = 5


def measure() -> list[Table]:
    """Time the commands as a trainer gives them, in their order, and one look at the class as `--watch` takes it."""
    table = Table(f"A class of {LEARNERS}", ("what", "seconds", "processor seconds"))
    with tempfile.TemporaryDirectory() as folder, sandbox(Path(folder) / "sandbox") as running:
        roster, home = Path(folder) / "roster.csv", Path(folder) / "class"
        roster.write_text("name\n" + "".join(f"Learner {number}\n" for number in range(1, LEARNERS + 1)), "utf-8")
        os.environ |= running.environment | {"AZURE_SANDBOX_DIR": str(running.data)}
        commands = {
            "plan": ("plan", str(roster)),
            "provision": ("provision", "--yes"),
            "provision again": ("provision", "--yes"),
            "progress": ("progress",),
            "help": ("help", "learner-17"),
            "reset": ("reset", "learner-17", "--yes"),
            "clean-up": ("clean-up", "--yes"),
        }
        for name, words in commands.items():
            if name == "clean-up":
                table.add("one refresh of progress --watch", f"{_refresh(home):.2f}", "")
            spent = spend("-m", "workshop", *words, "--folder", str(home))
            table.add(name, f"{spent.seconds:.1f}", f"{spent.processor:.1f}")
    return [table]


def _refresh(home: Path) -> float:
    classroom = ClassFolder(home).load()
    clients = sign_in(classroom)
    seconds = []
    for _ in range(TIMES):
        began = time.perf_counter()
        learners = take_snapshot(clients, classroom)
        seconds.append(time.perf_counter() - began)
    for each in learners:
        if each.readings[0].status is not Status.DONE:
            raise RuntimeError(f"{each.learner.name} was not provided for")
    return min(seconds)


if __name__ == "__main__":
    print(*measure(), sep="\n")
