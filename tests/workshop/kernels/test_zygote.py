"""The zygote: one for what fits it, replaced when it no longer does, gone with its owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workshop.kernels.conftest import Start
from tests.workshop.kernels.kernels import CellFailedError, eventually, gone, running, zygote_of, zygotes
from workshop.kernels import pool
from workshop.kernels.preload import NOTEBOOK_MODULES, preload, read_by_imports
from workshop.kernels.request import WarmStartError, request_of
from workshop.paths import ROOT


@pytest.fixture
def module(tmp_path: Path, own_pool: pool.Pool, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module ``mine`` to preload, not part of any installed package."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delitem(sys.modules, "mine", raising=False)  # of another test, which has preloaded it in this process
    path = tmp_path / "mine.py"
    path.write_text("value = 1\n")
    return path


def test_kernels_of_one_recipe_come_from_one_zygote(kernel: Start) -> None:
    first, second = kernel(), kernel()
    assert zygote_of(first.process) == zygote_of(second.process)
    assert zygote_of(first.process) in zygotes()


def test_what_the_notebooks_import_is_there_already(kernel: Start) -> None:
    installed = [name for name in NOTEBOOK_MODULES if not name.startswith("helpers")]
    assert kernel().run(f"import sys; [name for name in {installed} if name not in sys.modules]") == "[]"


def test_warmed_up_it_is_the_one_that_kernels_come_from(kernel: Start, own_pool: pool.Pool) -> None:
    recipe = ((sys.executable,), ("json",))
    before = set(zygotes())
    own_pool.warm_up(recipe, os.environ)
    own_pool.warm_up(recipe, os.environ)
    (zygote,) = set(zygotes()) - before
    assert zygote_of(kernel(["json"]).process) == zygote


def test_its_death_is_its_kernels_death_and_the_next_launch_starts_another(kernel: Start, own_pool: pool.Pool) -> None:
    first = kernel(["json"])
    process, zygote = first.process, zygote_of(first.process)
    os.kill(zygote, signal.SIGKILL)
    assert process.wait(300) == -signal.SIGKILL
    assert not first.manager.is_alive()
    assert eventually(gone(process.pid))
    second = kernel(["json"])
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
    look = pool.Zygote.runs
    monkeypatch.setattr(pool.Zygote, "runs", lambda self: next(looks, None) or look(self))
    second = kernel(["json"])
    assert second.warm
    assert zygote_of(second.process) != zygote


def test_one_that_does_not_answer_is_given_up_for_a_normal_kernel(
    kernel: Start, own_pool: pool.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    zygote = zygote_of(kernel(["json"]).process)
    monkeypatch.setattr(pool, "FORK_TIMEOUT", 0.2)
    os.kill(zygote, signal.SIGSTOP)
    try:
        instead = kernel(["json"])
        assert not instead.warm
        assert instead.run("1 + 1") == "2"
    finally:
        os.kill(zygote, signal.SIGCONT)
    assert zygote_of(kernel(["json"]).process) != zygote


LISTENING = """
import os
read = set()
class Listening(os.environ.__class__):
    def __getitem__(self, name):
        read.add(name)
        return super().__getitem__(name)
os.environ.__class__ = Listening
from workshop.kernels.preload import NOTEBOOK_MODULES, preload
assert preload(NOTEBOOK_MODULES).skipped == {}
print(*(name for name in read if isinstance(name, str)))
"""

LAUNCHER = ["-m", "ipykernel_launcher", "-f", "connection.json"]

OWNER = """
import os, sys, time
from tests.workshop.kernels.kernels import start, zygotes
from workshop.kernels import pool as limits
from workshop.kernels.pool import pool
limits.START_TIMEOUT = limits.FORK_TIMEOUT = 300
kernel = start(["json"])
child = kernel.run("import subprocess; print(subprocess.Popen(['sleep', '600']).pid)")
print(*zygotes(), kernel.process.pid, child, flush=True)
"""

FORKED_OWNER = """
if os.fork() == 0:  # has no use of an event loop that it shares
    from workshop.kernels.provisioner import request_of
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", os.path.join(os.environ["FOLDER"], "file.json")]
    mine = pool.fork(((sys.executable,), ("json",)), request_of(command, {}), [0, 1, 2])
    print(*zygotes(), mine.pid, mine.poll(), flush=True)
    mine.kill()
    print(mine.wait(300), flush=True)
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
        assert process.wait(300) == 0
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
    module.write_text("import os\nvalue = os.environ.get('PYTHONCOLOUR')\nos.environ['SEEN'] = str(value)\n")
    env = dict(os.environ)
    seen = "import mine, os; mine.value, os.environ['SEEN']"
    red = kernel(["mine"], env={**env, "PYTHONCOLOUR": "red", "UNREAD": "1"})
    same = kernel(["mine"], env={**env, "PYTHONCOLOUR": "red", "UNREAD": "2"})
    blue = kernel(["mine"], env={**env, "PYTHONCOLOUR": "blue"})
    none = kernel(["mine"], env=env)
    assert [each.run(seen) for each in (red, same, blue, none)] == [
        "('red', 'red')",
        "('red', 'red')",
        "('blue', 'blue')",
        "(None, 'None')",
    ]
    assert zygote_of(red.process) == zygote_of(same.process) != zygote_of(blue.process)
    beyond = kernel(["mine"], env={**env, "PYTHONCOLOUR": "green"})
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
    normal = kernel(["mine"])
    assert not normal.warm
    assert normal.run("1 + 1") == "2"
    again = request_of([sys.executable, *LAUNCHER], {"env": dict(os.environ)})
    with pytest.raises(WarmStartError, match=reason):
        own_pool.fork(((sys.executable,), ("mine",)), again, [0, 1, 2])
    assert (module.parent / "tries").read_text() == "x"


def test_a_refusal_is_heard_that_comes_before_the_request_is_read(own_pool: pool.Pool, module: Path) -> None:
    tries = module.parent / "tries"
    module.write_text(
        f"import threading, time\nwith open({str(tries)!r}, 'a') as file: file.write('x')\n"
        "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
    )
    recipe = ((sys.executable,), ("mine",))
    own_pool.warm_up(recipe, os.environ)
    large = request_of([sys.executable, *LAUNCHER], {"env": {**os.environ, "LARGE": "x" * 5_000_000}})
    for _ in range(2):
        with pytest.raises(WarmStartError, match="2 threads"):
            own_pool.fork(recipe, large, [0, 1, 2])
    assert tries.read_text() == "x"


def test_it_is_told_what_was_skipped_and_changed(monkeypatch: pytest.MonkeyPatch, module: Path) -> None:
    module.write_text("import os\nos.environ['SEEN'] = 'yes'; os.environ.pop('GOING')\n")
    monkeypatch.syspath_prepend(module.parent)
    monkeypatch.setenv("SEEN", "no")
    monkeypatch.setenv("GOING", "still there")
    preloaded = preload(["mine", "no_such_module"])
    assert preloaded.modules == ["mine"]
    assert list(preloaded.skipped) == ["no_such_module"]
    assert str(module) in preloaded.stamps
    assert (preloaded.environ["SEEN"], preloaded.environ["GOING"]) == ("yes", None)


def test_data_beside_a_module_that_changed_makes_it_out_of_date(monkeypatch: pytest.MonkeyPatch, module: Path) -> None:
    data = module.with_name("mine.yaml")
    data.write_text("value: 1\n")
    monkeypatch.syspath_prepend(module.parent)
    preloaded = preload(["mine"])
    assert preloaded.is_up_to_date()
    data.write_text("value: two\n")
    assert not preloaded.is_up_to_date()


def test_the_variables_that_kernels_can_differ_in_are_read_by_no_import() -> None:
    """Which are read stands in the code: here is whether a new version of a package reads others."""
    few = {name: os.environ[name] for name in ("HOME", "PATH")}  # preload itself looks at all there are
    listening = [sys.executable, "-c", LISTENING]
    done = subprocess.run(listening, env=few, cwd=ROOT, capture_output=True, text=True, check=True)
    read = set(done.stdout.split()) - {"JPY_INTERRUPT_EVENT", "JPY_PARENT_PID"}  # set anew for each kernel
    assert "PYDEVD_USE_FRAME_EVAL" in read
    assert sorted(read - set(read_by_imports(dict.fromkeys(read, "")))) == []
