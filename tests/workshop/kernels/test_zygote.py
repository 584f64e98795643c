"""The zygote: one for what fits it, replaced when it no longer does, gone with its owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workshop.kernels.conftest import Start
from tests.workshop.kernels.kernels import CellFailedError, eventually, gone, running
from workshop.kernels import handles, pool, provisioner
from workshop.kernels.handles import WarmProcess
from workshop.kernels.preload import NOTEBOOK_MODULES, preload
from workshop.kernels.provisioner import request_of


@pytest.fixture
def own_pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[pool.Pool]:
    """No zygote but those of the test itself."""
    own = pool.Pool()
    monkeypatch.setattr(provisioner, "pool", own)
    yield own
    own.close()


@pytest.fixture
def module(tmp_path: Path, own_pool: pool.Pool, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module ``mine`` to preload, not part of any installed package."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    path = tmp_path / "mine.py"
    path.write_text("value = 1\n")
    return path


def zygote_of(process: WarmProcess | subprocess.Popen[bytes]) -> int:
    assert isinstance(process, WarmProcess)
    stat = Path(f"/proc/{process.pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


def test_kernels_of_one_recipe_come_from_one_zygote(kernel: Start) -> None:
    first, second = kernel(), kernel()
    assert zygote_of(first.process) == zygote_of(second.process)
    assert zygote_of(first.process) in pool.pool.pids()


def test_what_the_notebooks_import_is_there_already(kernel: Start) -> None:
    installed = [name for name in NOTEBOOK_MODULES if name != "helpers"]
    assert kernel().run(f"import sys; [name for name in {installed} if name not in sys.modules]") == "[]"


def test_warmed_up_it_is_the_one_that_kernels_come_from(kernel: Start, own_pool: pool.Pool) -> None:
    recipe = ((sys.executable,), ("json",))
    own_pool.warm_up(recipe, os.environ)
    own_pool.warm_up(recipe, os.environ)
    (zygote,) = own_pool.pids()
    assert zygote_of(kernel(["json"]).process) == zygote


def test_its_death_is_its_kernels_death_and_the_next_launch_starts_another(kernel: Start) -> None:
    first = kernel()
    process, zygote = first.process, zygote_of(first.process)
    os.kill(zygote, signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    assert not first.manager.is_alive()
    assert eventually(gone(process.pid))
    second = kernel()
    assert second.warm
    assert zygote_of(second.process) != zygote
    assert second.run("1 + 1") == "2"


def test_one_that_dies_after_the_last_look_at_it_is_replaced(
    kernel: Start, own_pool: pool.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    zygote = zygote_of(kernel(["json"]).process)
    os.kill(zygote, signal.SIGKILL)
    assert eventually(gone(zygote))
    looks = iter([True])  # the pool's first look comes before the death
    look = handles.Zygote.runs
    monkeypatch.setattr(handles.Zygote, "runs", lambda self: next(looks, None) or look(self))
    second = kernel(["json"])
    assert second.warm
    assert own_pool.pids() == [zygote_of(second.process)]


def test_one_that_does_not_answer_is_given_up_for_a_normal_kernel(
    kernel: Start, own_pool: pool.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    zygote = zygote_of(kernel(["json"]).process)
    monkeypatch.setattr(handles, "FORK_TIMEOUT", 0.2)
    os.kill(zygote, signal.SIGSTOP)
    try:
        instead = kernel(["json"])
        assert not instead.warm
        assert instead.run("1 + 1") == "2"
        assert own_pool.pids() == []
    finally:
        os.kill(zygote, signal.SIGCONT)


LAUNCHER = ["-m", "ipykernel_launcher", "-f", "connection.json"]

OWNER = """
import os, sys, time
from tests.workshop.kernels.kernels import start
from workshop.kernels.pool import pool
kernel = start(["json"])
child = kernel.run("import subprocess; print(subprocess.Popen(['sleep', '600']).pid)")
print(*pool.pids(), kernel.process.pid, child, flush=True)
"""

FORKED_OWNER = """
if os.fork() == 0:  # has no use of an event loop that it shares
    from workshop.kernels.provisioner import request_of
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", os.path.join(os.environ["FOLDER"], "file.json")]
    mine = pool.fork(((sys.executable,), ("json",)), request_of(command, {}), [0, 1, 2])
    print(*pool.pids(), mine.pid, mine.poll(), flush=True)
    mine.kill()
    print(mine.wait(30), flush=True)
    os._exit(0)
os.wait()
print(kernel.run("6 * 7"), flush=True)
kernel.close()
"""


def run_owner(then: str) -> tuple[subprocess.Popen[str], list[int]]:
    process = subprocess.Popen([sys.executable, "-c", OWNER + then], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, [int(pid) for pid in process.stdout.readline().split()]


def test_all_end_with_their_owner_even_if_it_is_killed() -> None:
    process, pids = run_owner("time.sleep(600)")
    with process:
        assert len(pids) == 3
        assert all(running(pid) for pid in pids)
        process.kill()
    for pid in pids:
        assert eventually(gone(pid))


def test_all_end_with_an_owner_that_leaves_without_a_word() -> None:
    process, pids = run_owner("sys.exit()")
    with process:
        assert process.wait(30) == 0
    for pid in pids:
        assert eventually(gone(pid))


def test_all_end_with_their_owner_though_a_fork_of_it_stays() -> None:
    process, pids = run_owner("fork = os.fork(); fork and print(fork, flush=True); time.sleep(600)")
    assert process.stdout is not None
    fork = int(process.stdout.readline())
    try:
        process.kill()
        process.wait()
        for pid in pids:
            assert eventually(gone(pid))
        assert running(fork)
    finally:
        os.kill(fork, signal.SIGKILL)
        process.stdout.close()


def test_a_fork_of_the_owner_starts_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOLDER", str(tmp_path))
    process, pids = run_owner(FORKED_OWNER)
    with process:
        assert process.stdout is not None
        zygote, forked, status, end, answer = process.stdout.read().split()
        assert int(zygote) not in pids
        assert int(forked) not in pids
        assert (status, end, answer) == ("None", "-9", "42")


def test_a_changed_module_makes_another_and_the_old_one_leaves_with_its_last_kernel(
    kernel: Start, module: Path
) -> None:
    before = kernel(["mine"])
    old = zygote_of(before.process)
    assert before.run("import sys; 'mine' in sys.modules, __import__('mine').value") == "(True, 1)"
    module.write_text("value = 'two'\n")
    after = kernel(["mine"])
    assert after.warm
    assert after.run("import mine; mine.value") == "'two'"
    assert zygote_of(after.process) != old
    assert running(old)
    assert before.run("mine.value if 'mine' in globals() else 1") == "1"
    before.manager.shutdown_kernel()
    assert eventually(gone(old))


def test_an_import_that_depends_on_the_environment_is_done_again_for_another(kernel: Start, module: Path) -> None:
    module.write_text("import os\nvalue = os.environ.get('COLOUR')\nos.environ['SEEN'] = str(value)\n")
    env = dict(os.environ)
    seen = "import mine, os; mine.value, os.environ['SEEN']"
    red = kernel(["mine"], env={**env, "COLOUR": "red", "UNREAD": "1"})
    same = kernel(["mine"], env={**env, "COLOUR": "red", "UNREAD": "2"})
    blue = kernel(["mine"], env={**env, "COLOUR": "blue"})
    none = kernel(["mine"], env=env)
    assert [each.run(seen) for each in (red, same, blue, none)] == [
        "('red', 'red')",
        "('red', 'red')",
        "('blue', 'blue')",
        "(None, 'None')",
    ]
    assert zygote_of(red.process) == zygote_of(same.process) != zygote_of(blue.process)
    beyond = kernel(["mine"], env={**env, "COLOUR": "green"})
    assert not beyond.warm
    assert beyond.run(seen) == "('green', 'green')"


def test_a_module_that_fails_to_import_is_left_to_the_notebook(kernel: Start, module: Path) -> None:
    module.write_text("1 / 0\n")
    failing = kernel(["mine", "no.such.module", "json"])
    assert failing.warm
    with pytest.raises(CellFailedError, match="ZeroDivisionError"):
        failing.run("import mine")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()", "2 threads"),
        ("import os, sys\nprint('the disk is upside down', file=sys.stderr)\nos._exit(3)", "the disk is upside down"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "ended with -9"),
    ],
)
def test_where_no_zygote_can_serve_kernels_are_normal_and_it_is_not_tried_each_time(
    kernel: Start, own_pool: pool.Pool, module: Path, source: str, reason: str
) -> None:
    module.write_text(f"with open({str(module.parent / 'tries')!r}, 'a') as tries: tries.write('x')\n{source}\n")
    for _ in range(2):
        normal = kernel(["mine"])
        assert not normal.warm
        assert normal.run("1 + 1") == "2"
    assert (module.parent / "tries").read_text() == "x"
    with pytest.raises(handles.WarmStartError, match=reason):
        own_pool.fork(((sys.executable,), ("mine",)), request_of([sys.executable, *LAUNCHER], {}), [0, 1, 2])


def test_the_report_names_what_was_skipped_and_read(monkeypatch: pytest.MonkeyPatch, module: Path) -> None:
    module.write_text("import os\nos.environ.get('COLOUR'); 'SHAPE' in os.environ; os.getenv('SIZE')\n")
    monkeypatch.syspath_prepend(module.parent)
    report, changed = preload(["mine", "no_such_module"])
    assert report["modules"] == ["mine"]
    assert list(report["skipped"]) == ["no_such_module"]
    assert {"COLOUR", "SHAPE", "SIZE"} <= set(report["environ"])
    assert str(module) in report["files"]
    assert not {name for name in changed if name.startswith("PYTEST")}
