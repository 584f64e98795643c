import os
import threading
import time
from pathlib import Path

import psutil
import pytest

from tests.workshop.notebooks import notebook
from workshop.execution import execute
from workshop.kernels import KernelKind, default_kind
from workshop.leash import Leash
from workshop.series import Notebook

HANGS = """
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path("child").write_text(str(child.pid))
while True:
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        pass
"""


@pytest.fixture(params=[KernelKind.STOCK, KernelKind.WARM])
def kind(request: pytest.FixtureRequest) -> KernelKind:
    if request.param is KernelKind.WARM and default_kind() is not KernelKind.WARM:
        pytest.skip("warm kernels need Linux")
    return KernelKind(request.param)


def runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_notebook_that_hangs_is_ended_with_all_it_started(tmp_path: Path, kind: KernelKind) -> None:
    node = notebook("print('before')", HANGS)
    began = time.monotonic()
    execution = execute(Notebook(tmp_path / "00_a.ipynb"), node, {}, dict(os.environ), kind, leash=Leash(6))
    assert time.monotonic() - began < 30
    assert execution.failure is not None
    assert execution.failure.error == "It took longer than 6 seconds."
    assert not execution.failure.kernel_died
    assert execution.failure.cell_id == "c2"
    assert "before" in str(execution.node.cells[1].outputs)
    assert not runs(int((tmp_path / "child").read_text()))


def test_each_notebook_has_all_of_the_time(tmp_path: Path) -> None:
    leash = Leash(6)
    for _ in range(2):
        node = notebook("import time\ntime.sleep(3.5)")
        execution = execute(Notebook(tmp_path / "00_a.ipynb"), node, {}, dict(os.environ), default_kind(), leash=leash)
        assert execution.failure is None


def test_a_leash_that_is_cut_ends_what_runs_and_what_comes(tmp_path: Path) -> None:
    leash = Leash()
    threading.Timer(3, leash.cut, ["Called off."]).start()
    for name in ("00_a", "01_b"):
        execution = execute(
            Notebook(tmp_path / f"{name}.ipynb"), notebook(HANGS), {}, dict(os.environ), default_kind(), leash=leash
        )
        assert execution.failure is not None
        assert execution.failure.error == "Called off."
    assert leash.cut_off


def test_a_kernel_that_ends_by_itself_is_told_from_one_that_was_ended(tmp_path: Path, kind: KernelKind) -> None:
    node = notebook("import os\nos._exit(7)")
    execution = execute(Notebook(tmp_path / "00_a.ipynb"), node, {}, dict(os.environ), kind, leash=Leash(60))
    assert execution.failure is not None
    assert execution.failure.kernel_died


def test_a_kernel_that_never_comes_up_counts_as_dead(tmp_path: Path) -> None:
    (tmp_path / "ipykernel_launcher.py").write_text("raise SystemExit(3)")
    execution = execute(Notebook(tmp_path / "00_a.ipynb"), notebook("1"), {}, dict(os.environ), KernelKind.STOCK)
    assert execution.failure is not None
    assert execution.failure.kernel_died
    assert execution.failure.cell_id == ""
