"""The tests that the workflow runs on Windows and macOS, and the project itself, can be imported there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.packaging.checkout import ROOT
from tests.packaging.elsewhere import AtImport, missing

PRODUCT = ("helpers", "rbac", "sandbox", "workshop")
FOR_LINUX = {ROOT / "sandbox" / "guest" / name for name in ("inside.py", "machine.py")}
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")


def collected(platform: str) -> list[Path]:
    """The files of the folders that the workflow tests on other systems, without those a conftest.py leaves out."""
    folders = re.findall(r"(tests/\w+)", next(line for line in WORKFLOW.splitlines() if "-m pytest" in line))
    files = {path for folder in [*folders, "tests/support"] for path in (ROOT / folder).rglob("*.py")}
    files.add(ROOT / "tests" / "conftest.py")
    for path in [each for each in files if each.name == "conftest.py"]:
        files -= {path.parent / name for name in AtImport(path.read_text("utf-8"), platform).ignored}
    return sorted(files)


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_the_tests_can_be_collected(platform: str) -> None:
    files = collected(platform)
    assert len(files) > 100
    assert not missing(files, platform)


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_the_project_can_be_imported(platform: str) -> None:
    files = {path for folder in PRODUCT for path in (ROOT / folder).rglob("*.py")}
    assert files > FOR_LINUX
    assert not missing(files - FOR_LINUX, platform)


@pytest.mark.parametrize(
    "source",
    [
        "import pty",
        "import fcntl as f",
        "import termios",
        "from resource import getrlimit",
        "from os import sched_getaffinity",
        "import signal\nkill = signal.SIGKILL",
        "import signal\nkill = signal.Signals.SIGKILL",
        "import signal as s\nkill = s.SIGKILL.value",
        "import os\n@mark(os.mkfifo, ids=['pipe'])\ndef test() -> None: ...",
        "import os\nasync def test(make=os.mkfifo) -> None: ...",
        "import os\nmake = lambda make=os.fork: make",
        "import os\ndef test(fork: os.sched_param) -> None: ...",
        "import os\nclass Made:\n    user = os.geteuid()",
        "import os, sys\nroot = sys.platform == 'linux' or os.geteuid() == 0",
        "import os, sys\nif sys.platform != 'linux':\n    os.setsid()",
        "import os, sys\nif os.environ.get('CI'):\n    pytest.skip(allow_module_level=True)\nos.setsid()",
        "import socket\nwith socket.socket(socket.AF_UNIX) as listener: ...",
        "import select\npolls = select.epoll()",
        "try:\n    import grp\nexcept OSError: ...",
    ],
)
def test_what_windows_lacks_is_found(source: str) -> None:
    assert len(AtImport(source, "win32").missing) == 1
    assert not AtImport(source, "linux").missing


@pytest.mark.parametrize(
    "source",
    [
        "import os, select, signal, socket, asyncio, subprocess, multiprocessing, time",
        "import signal\nends = [signal.SIGTERM, signal.SIGINT, signal.SIGSEGV]",
        "import os\ndef test() -> int:\n    import pwd\n    return os.fork()",
        "import os\nfork = lambda: os.fork()",
        "from __future__ import annotations\nimport os\ndef test(fork: os.sched_param) -> None: ...",
        "import os, sys\nroot = sys.platform == 'win32' or os.geteuid() == 0",
        "import os\nroot = hasattr(os, 'geteuid') and os.geteuid() == 0",
        "import os, sys\nroot = os.geteuid() if sys.platform != 'win32' else 0",
        "import sys\nif sys.platform.startswith('linux'):\n    import grp",
        "import sys, pytest\nif not sys.platform == 'linux':\n    pytest.skip('', allow_module_level=True)\nimport pty",
        "import pytest\npytest.importorskip('fcntl')\nimport pty",
        "try:\n    import grp\nexcept ImportError: ...",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pwd",
        "import signal\nhangup = getattr(signal, 'SIGHUP', None)",
    ],
)
def test_what_windows_has_or_does_not_look_at_is_not(source: str) -> None:
    assert not AtImport(source, "win32").missing


def test_what_a_module_imports_is_looked_at_too() -> None:
    through = ROOT / "tests" / "sandbox" / "guest" / "test_refusals.py"
    assert not missing([through], "win32")
    assert "sandbox/guest/inside.py:3: fcntl" in missing(FOR_LINUX, "win32")
