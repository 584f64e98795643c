"""Where a fork cannot be had, or cannot do what is asked, the kernel is a normal one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workshop.kernels.conftest import Start
from tests.workshop.kernels.kernels import start
from workshop.kernels import pool
from workshop.kernels.request import WarmStartError, interpreter_of, request_of


def test_without_fork_kernels_are_normal(kernel: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fork", raising=False)
    with pytest.raises(WarmStartError):
        pool.pool.warm_up(((sys.executable,), ()), os.environ)
    normal = kernel()
    assert not normal.warm
    assert normal.run("1 + 1") == "2"


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_forks_are_for_linux(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(sys, "platform", platform)
        with pytest.raises(WarmStartError, match="Linux"):
            pool.Pool().warm_up(((sys.executable,), ()), os.environ)


@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-m", "ipykernel", "-f", "connection.json"],
        [sys.executable, "kernel.py"],
        ["bash", "-c", "true"],
        ["-m", "ipykernel_launcher"],
        [],
    ],
)
def test_only_ipykernels_launcher_can_be_forked(command: list[str]) -> None:
    with pytest.raises(WarmStartError):
        interpreter_of(command)


def test_the_interpreters_options_are_kept() -> None:
    command = ["python", "-X", "frozen_modules=off", "-m", "ipykernel_launcher", "-f", "connection.json", "--debug"]
    assert interpreter_of(command) == ("python", "-X", "frozen_modules=off")
    assert request_of(command, {})["arguments"] == ["-f", "connection.json", "--debug"]


@pytest.mark.parametrize("options", [{"independent": True}, {"preexec_fn": print}, {"cwd": "no/such/folder"}])
def test_what_a_fork_cannot_honour_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(WarmStartError):
        request_of(["python", "-m", "ipykernel_launcher"], options)


def test_a_missing_working_directory_is_the_error_it_always_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        start(stock=True, cwd=str(tmp_path / "missing"))
    with pytest.raises(FileNotFoundError):
        start(cwd=str(tmp_path / "missing"))


def test_standard_streams_go_where_they_are_sent(kernel: Start, tmp_path: Path) -> None:
    write = (  # past what ipykernel captures
        "import os, sys\n"
        "os.write(sys.stdout._original_stdstream_copy, b'to stdout ')\n"
        "os.write(sys.stderr._original_stdstream_copy, b'to stderr')\n"
        "os.read(0, 5)"
    )
    log = tmp_path / "log"
    with log.open("wb") as sink, (tmp_path / "input").open("w+b") as source:
        source.write(b"given and more")
        source.flush()
        source.seek(0)
        sent = kernel(stdin=source, stdout=sink, stderr=subprocess.STDOUT)
        assert sent.run(write) == "b'given'"
    assert log.read_text().endswith("to stdout to stderr")
    assert kernel(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).run("import os; os.read(0, 1)") == "b''"


def test_a_pipe_to_the_kernel_makes_it_a_normal_one(kernel: Start) -> None:
    piped = kernel(stdout=subprocess.PIPE)
    assert not piped.warm
    assert isinstance(piped.process, subprocess.Popen)
    assert piped.process.stdout is not None
    piped.process.stdout.close()
