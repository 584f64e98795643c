"""A running sandbox with two machines: the seeded ``myVM`` with ID1, a Reader of its group, and ``web`` with ID2."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.sandbox.guest.lab import Lab
from tests.support.needs import do_without

# What the inside of a machine needs: namespaces of every kind it uses, with the user kept, and a mount.
_PROBE = """
import os
from pathlib import Path
from sandbox.guest import syscalls
from sandbox.guest.inside import _NAMESPACES, _keep_user
user, group = os.geteuid(), os.getegid()
syscalls.unshare(_NAMESPACES)
_keep_user(user, group)
syscalls.keep_mounts_private()
syscalls.bind(Path("/etc/hosts"), Path("/etc/hosts"))
"""


@pytest.fixture(scope="session")
def namespaces() -> None:
    """Skip the tests that need namespaces where the system does not permit them."""
    if sys.platform != "linux":
        pytest.skip("the inside of a machine needs Linux")
    probe = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True)
    if probe.returncode != 0:
        do_without(f"this system does not permit namespaces: {probe.stderr.strip().splitlines()[-1]}")


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("guest") / "state")
    try:
        lab.add_linux_machine("web")
        for machine, name in (("myVM", "ID1"), ("web", "ID2")):
            lab.attach(machine, lab.identity(name))
        lab.let_read(lab.identity("ID1"))
        yield lab
    finally:
        lab.run("stop")
