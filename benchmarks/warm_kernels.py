"""Warm kernels beside stock ones: until a kernel answers, for a whole notebook, and the memory each holds."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat
import papermill
import psutil
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from benchmarks.report import Table

ROUNDS = 7  # each kind once a round, so that what else the machine does meets them alike
IMPORTS = "import azure.identity, azure.mgmt.authorization, azure.mgmt.compute, azure.mgmt.msi, requests"
NAMES = {"stock": "python3", "warm": "python3-warm"}
EXTRA = ["--HistoryManager.hist_file=:memory:"]  # as nbclient starts kernels
MB = 1024


@dataclass
class Kernel:
    """Seconds until it was ready and until the imports were done; then its and its parent's private memory, in MB."""

    ready: float
    imported: float
    private: float
    parent: float


def measure() -> list[Table]:
    """Measure; the first warm kernel, which waits for the imports, is not counted but has a row of its own."""
    first = asyncio.run(_kernel(NAMES["warm"]))
    kernels: dict[str, list[Kernel]] = {kind: [] for kind in NAMES}
    for _ in range(ROUNDS):
        for kind, name in NAMES.items():
            kernels[kind].append(asyncio.run(_kernel(name)))
    return [_starts(kernels, first), _notebooks(), _memory(kernels)]


async def _kernel(name: str) -> Kernel:
    manager = AsyncKernelManager(kernel_name=name)
    began = time.perf_counter()
    await manager.start_kernel(extra_arguments=EXTRA)
    client = manager.client()
    client.start_channels()
    await client.wait_for_ready(timeout=60)
    ready = time.perf_counter() - began
    await client.execute(IMPORTS, reply=True, timeout=60)
    imported = time.perf_counter() - began
    pid = _pid(manager)
    private, parent = private_memory(pid), private_memory(psutil.Process(pid).ppid())
    client.stop_channels()
    await manager.shutdown_kernel()
    return Kernel(ready, imported, private, parent)


def _pid(manager: AsyncKernelManager) -> int:
    provisioner = manager.provisioner
    assert isinstance(provisioner, LocalProvisioner)
    assert provisioner.pid is not None
    return provisioner.pid


def private_memory(pid: int) -> float:
    """Memory that would be free if the process ended, in MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / MB


def _starts(kernels: Mapping[str, list[Kernel]], first: Kernel) -> Table:
    table = Table("A kernel", ("median of seconds", "stock", "warm", "times faster", "the first warm one"))
    rows: dict[str, Callable[[Kernel], float]] = {
        "until it answers": lambda kernel: kernel.ready,
        "until it has imported the Azure clients": lambda kernel: kernel.imported,
    }
    for what, seconds in rows.items():
        stock, warm = (statistics.median(map(seconds, kernels[kind])) for kind in NAMES)
        table.add(what, f"{stock:.2f}", f"{warm:.2f}", f"{stock / warm:.1f}", f"{seconds(first):.2f}")
    return table


def _notebooks() -> Table:
    table = Table(
        "A notebook with papermill",
        ("median of seconds", "command", "API", "warm", "times the command", "times the API"),
    )
    with tempfile.TemporaryDirectory() as folder:
        for what, cell in (("that does nothing", "None"), ("that imports the Azure clients", IMPORTS)):
            source = Path(folder) / "source.ipynb"
            nbformat.write(_notebook(cell), source)
            command, api, warm = _side_by_side(source)
            figures = [f"{seconds:.2f}" for seconds in (command, api, warm)]
            table.add(what, *figures, f"{command / warm:.1f}", f"{api / warm:.1f}")
    return table


def _notebook(cell: str) -> nbformat.NotebookNode:
    kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [nbformat.v4.new_code_cell(cell)]
    made: nbformat.NotebookNode = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernelspec})
    return made


def _side_by_side(source: Path) -> list[float]:
    target = source.with_name("executed.ipynb")
    command = [sys.executable, "-m", "papermill", str(source), str(target), "--no-progress-bar"]
    ways: list[Callable[[], object]] = [
        lambda: subprocess.run(command, check=True, capture_output=True),
        lambda: papermill.execute_notebook(source, target, progress_bar=False),
        lambda: papermill.execute_notebook(source, target, progress_bar=False, kernel_name=NAMES["warm"]),
    ]
    taken = [[_seconds(way) for way in ways] for _ in range(ROUNDS)]
    return [statistics.median(seconds) for seconds in zip(*taken, strict=True)]


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _memory(kernels: Mapping[str, list[Kernel]]) -> Table:
    table = Table("Private memory with the Azure clients imported", ("MB", "stock", "warm", "times less"))
    stock, warm = (statistics.median(kernel.private for kernel in kernels[kind]) for kind in NAMES)
    table.add("each further kernel", f"{stock:.0f}", f"{warm:.0f}", f"{stock / warm:.1f}")
    zygote = statistics.median(kernel.parent for kernel in kernels["warm"])
    table.add("once: what they are forked from", "", f"{zygote:.0f}", "")
    return table


if __name__ == "__main__":
    for each in measure():
        print(each)
