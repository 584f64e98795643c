"""A warm kernel is a process of its own: nothing of it shows in another, nothing of the zygote shows in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.workshop.kernels.conftest import Start
from tests.workshop.kernels.kernels import CellFailedError, Kernel, descriptors, start, zygotes

# What code in a kernel can tell of the process it runs in, where a fork could have left something different.
PORTRAIT = """
import azure.identity, azure.mgmt.compute, azure.mgmt.msi, requests
import asyncio, gc, getpass, json, locale, logging, multiprocessing, os, signal, sys, threading, time, warnings
import IPython
def kind(path):
    return path if path.startswith("/dev/") else path.split(":")[0]
portrait = {
    "path": sys.path,
    "argv": [part if ".json" not in part else "-" for part in sys.argv],
    "orig_argv": [part if ".json" not in part else "-" for part in sys.orig_argv],
    "executable": [sys.executable, sys.prefix],
    "flags": str(sys.flags),
    "name": [__name__, sys.modules["__main__"].__dict__ is globals()],
    "ipython": [str(type(get_ipython())), str(type(get_ipython().kernel)), get_ipython().execution_count],
    "namespace": sorted(set(globals()) - {"portrait", "kind"}),
    "streams": [str(type(stream)) for stream in (sys.stdin, sys.stdout, sys.stderr)],
    "line buffering": [sys.__stdout__.line_buffering, sys.__stderr__.line_buffering],
    "standard input": os.read(0, 1).decode(),
    "signals": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD,
                                                             signal.SIGPIPE, signal.SIGHUP)],
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "threads": sorted(thread.name.rstrip("0123456789") for thread in threading.enumerate() if "(" not in thread.name),
    "main thread": threading.main_thread() is threading.current_thread(),
    "leader": [os.getsid(0) == os.getpid(), os.getpgrp() == os.getpid()],
    "umask": [os.umask(0o22), os.umask(0o22)],
    "loop": str(type(asyncio.get_running_loop() if False else asyncio.get_event_loop_policy())),
    "collector": [gc.isenabled(), gc.get_threshold()],
    "locale": locale.setlocale(locale.LC_ALL), "zone": time.tzname,
    "warnings": sorted(str(each) for each in warnings.filters),
    "logging": [str(type(handler)) for handler in logging.getLogger().handlers],
    "children": len(multiprocessing.active_children()),
    "cwd": os.getcwd(),
    "environ": sorted(f"{name}={value}" for name, value in os.environ.items() if name != "JPY_PARENT_PID"),
    "parent named": os.environ["JPY_PARENT_PID"] == str(os.getppid()),
    "descriptors": sorted(kind(os.readlink(f"/proc/self/fd/{fd}")) for fd in (0,)),
}
print(json.dumps(portrait))
"""


def portrait(kernel: Kernel) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(kernel.run(PORTRAIT))
    return found


def test_a_warm_kernel_looks_like_a_normal_one(kernel: Start) -> None:
    warm, normal = kernel(), kernel(stock=True)
    assert warm.warm
    assert portrait(warm) == portrait(normal)


def test_names_and_changes_to_modules_stay_in_their_kernel(kernel: Start) -> None:
    first, second = kernel(), kernel()
    first.run("import requests, os; requests.mark = name = 1; os.environ['MARK'] = 'x'; os.chdir('/')")
    later = kernel()
    for other in (second, later):
        assert other.run("import requests; hasattr(requests, 'mark')") == "False"
        assert other.run("'name' in globals(), 'MARK' in os.environ if 'os' in globals() else None") == "(False, None)"
        assert other.run("import os; 'MARK' in os.environ, os.getcwd() == '/'") == "(False, False)"


@pytest.mark.parametrize(
    "drawn",
    [
        "import random; random.random()",
        "import random; random.Random().random()",
        "import os; os.urandom(8)",
        "import ssl; ssl.RAND_bytes(8)",
        "import uuid; uuid.uuid4()",
        "import secrets; secrets.token_hex()",
        "import tempfile; tempfile.mktemp()",
        "import multiprocessing; bytes(multiprocessing.current_process().authkey)",
        "get_ipython().kernel.ident",
    ],
)
def test_what_is_drawn_at_random_differs(siblings: list[Kernel], drawn: str) -> None:
    results = [sibling.run(drawn) for sibling in siblings]
    assert all(results)
    assert len(set(results)) == len(siblings)


def test_numpys_global_generator_is_reseeded(kernel: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "numpy"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "random.py").write_text("seeded = 0\ndef seed():\n    global seeded\n    seeded += 1\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # NumPy is none of this project's needs: one in its shape
    drawn = kernel(["numpy.random"])
    assert drawn.warm
    assert drawn.run("import numpy.random; print(numpy.random.seeded)") == "1"


def test_each_kernel_has_the_environment_it_is_given(kernel: Start) -> None:
    first = kernel(env={**os.environ, "MINE": "one", "UMLAUT": "grün", "BYTES": "\udcff"})
    second = kernel(env={**os.environ, "OTHER": "two", "TZ": "Asia/Kathmandu"})
    assert first.warm and second.warm
    look = "import os, time; [os.environ.get(name) for name in ('MINE', 'OTHER', 'UMLAUT', 'BYTES')], time.tzname[0]"
    assert first.run(look).startswith("(['one', None, 'grün', '\\udcff'], ")
    assert second.run(look) == "([None, 'two', None, None], '+0545')"
    assert first.run("import subprocess; subprocess.check_output(['printenv', 'MINE'])") == "b'one\\n'"


@pytest.mark.usefixtures("own_pool")  # so that what kernels are forked from is started for the one with the secret
def test_no_secret_of_a_kernel_stays_behind_for_the_next(kernel: Start) -> None:
    search = """
import re
found = 0
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
    for line in maps:
        span, rights, *_ = line.split()
        start, end = (int(part, 16) for part in span.split("-"))
        if rights.startswith("rw"):
            memory.seek(start)
            found += len(re.findall(rb"hollyhoc[k]-marigol[d]", memory.read(end - start)))
print(found)
"""
    entrusted = kernel(["json"], env={**os.environ, "SECRET": "hollyhock-marigold"})
    later = kernel(["json"])
    assert int(entrusted.run(search)) > 0
    assert int(later.run(search)) == 0


def test_the_working_directory_is_where_imports_look_first(kernel: Start, tmp_path: Path) -> None:
    (tmp_path / "requests.py").write_text("where = 'here'\n")
    (tmp_path / "beside.py").write_text("where = 'beside'\n")
    inside, outside = kernel(cwd=str(tmp_path)), kernel()
    assert not inside.warm
    assert inside.run("import os; os.getcwd()") == repr(str(tmp_path))
    assert inside.run("import requests, beside; requests.where, beside.where") == "('here', 'beside')"
    assert outside.run("import requests; hasattr(requests, 'get')") == "True"
    with pytest.raises(CellFailedError, match="ModuleNotFoundError"):
        outside.run("import beside")


def test_no_socket_or_pipe_of_the_zygote_or_a_sibling_is_inherited(kernel: Start) -> None:
    first, second = kernel(), kernel()
    held = [
        {what for what in descriptors(pid).values() if what.startswith(("socket:", "pipe:", "anon_inode:["))}
        for pid in (*zygotes(), first.process.pid, second.process.pid)
    ]
    streams = {what for fd, what in descriptors(os.getpid()).items() if fd < 3}
    for one in range(len(held)):
        for other in range(one):
            shared = {what for what in held[one] & held[other] if "[event" not in what} - streams
            assert not shared


@pytest.fixture(scope="module")
def siblings() -> Iterator[list[Kernel]]:
    kernels = [start(), start()]
    yield kernels
    for each in kernels:
        each.close()
