"""What each trick gains: the series with all of them beside the series with one undone, in copies of this checkout.

`docs/internals.md` says what each of them is. ``python -m benchmarks.tricks [NAME …]`` measures those that are named,
or all. Both copies run in turn, and the median of the ratios counts: so it says something on a busy computer, too.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import Table
from benchmarks.spent import Spent, spend
from workshop.paths import ROOT

TIMES = 5
_PACKAGES = ("helpers", "notebooks", "rbac", "sandbox", "workshop")


@dataclass(frozen=True)
class Edit:
    """A text in a file, and what stands there without the trick."""

    file: str
    old: str
    new: str

    def applied_to(self, text: str) -> str:
        """Return the file's text without the trick.

        Raises:
            ValueError: The trick is no longer there, or not only once.
        """
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} has no, or not one: {self.old}")
        return text.replace(self.old, self.new)


_WITH_SOUP = "return exporter.from_notebook_node(nb, resources)[0]"
TRICKS: Mapping[str, Sequence[Edit]] = {
    "no trick at all": [],  # says how much the figures differ by chance
    "kernels forked from warm processes": [
        Edit("workshop/kernels/start.py", "return KernelKind.WARM if", "return KernelKind.STOCK if")
    ],
    "collector off in what kernels are forked from": [
        Edit("workshop/kernels/zygote.py", "    gc.disable()", "    #"),
        Edit("workshop/kernels/zygote.py", "    gc.freeze()", "    #"),
    ],
    "kernels end before modules are cleared": [
        Edit("workshop/kernels/zygote.py", "        atexit.register(self._end)", "        #")
    ],
    "first uses before kernels are forked": [
        Edit("workshop/kernels/preload.py", '    "workshop.kernels.first_use",', "    #")
    ],
    "no pause after a cell": [Edit("workshop/kernels/start.py", '    "--Kernel._execute_sleep=0",', "    #")],
    "ready as soon as the kernel says so": [
        Edit("workshop/kernels/manager.py", "    client_factory = Type(klass=Client)", "    #")
    ],
    "pages written without BeautifulSoup": [
        Edit("workshop/pages/html.py", "    language, where =", f"    {_WITH_SOUP}\n    language, where ="),
    ],
    "sandbox starts with the collector off": [
        Edit("sandbox/process/serving.py", "    gc.disable()", "    #"),
        Edit("sandbox/process/serving.py", "    gc.freeze()", "    #"),
    ],
    "sandbox starts without the system's authorities": [
        Edit("sandbox/process/serving.py", "    with _no_authorities():", "    if True:")
    ],
}


def measure(names: Sequence[str] = (), times: int = TIMES) -> list[Table]:
    """Run the series with and without each trick."""
    table = Table("What tricks gain", ("without", "times as long", "times as much of the processors"))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with_all = _copy(root / "all", ())
        for number, name in enumerate(names or TRICKS):
            without = _copy(root / f"{number}", TRICKS[name])
            pairs = [(_run(with_all), _run(without)) for _ in range(times)]
            longer = statistics.median(other.seconds / all_.seconds for all_, other in pairs)
            more = statistics.median(other.processor / all_.processor for all_, other in pairs)
            table.add(name, f"{longer:.2f}", f"{more:.2f}")
    return [table]


def _copy(target: Path, edits: Sequence[Edit]) -> Path:
    for package in _PACKAGES:
        shutil.copytree(ROOT / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))
    for edit in edits:
        file = target / edit.file
        file.write_text(edit.applied_to(file.read_text("utf-8")), "utf-8")
    _run(target)  # compiles it
    return target


def _run(root: Path) -> Spent:
    environment = {**os.environ, "PYTHONPATH": str(root)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return spend("-P", "-m", "workshop", "run", "--output", str(root / "output"), environment=environment)


if __name__ == "__main__":
    print(*measure(sys.argv[1:]), sep="\n")
