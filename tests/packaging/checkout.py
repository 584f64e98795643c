"""A small project in a temporary folder that install.py installs for real."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
# what builds the project; uv, which installs it; and one that nothing needs
SMALLEST_LOCK = ("hatchling", "packaging", "pathspec", "pluggy", "six", "trove-classifiers", "uv")
# The Python under that of these tests. As a rule it has pip, which the other has not, and to make one takes longest.
_BELOW = Path(sys.base_prefix, "python.exe" if os.name == "nt" else f"bin/python3.{sys.version_info[1]}")
PYTHON = str(_BELOW) if _BELOW.exists() else sys.executable


def locked(name: str) -> str:
    """Return the entry of a package in the repository's lock: the line with its version and those with its hashes."""
    entry = re.search(rf"^{name}==.*?(?<!\\)\n", (ROOT / "requirements.txt").read_text(), re.MULTILINE | re.DOTALL)
    assert entry is not None, name
    return entry.group()


def must_reach_index(printed: str) -> None:
    """Skip the test where pip or uv says that there is no network; not in CI, where there must be one."""
    no_network = "Failed to establish a new connection" in printed or "client error (Connect)" in printed
    if no_network and "CI" not in os.environ:
        pytest.skip("no package index can be reached")


class Checkout:
    """A folder with the repository's install.py and pyproject.toml, and a lock of seven packages out of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for name in ("install.py", "pyproject.toml", "LICENSE"):
            shutil.copy(ROOT / name, folder)
        (folder / "requirements.txt").write_text("".join(locked(name) for name in SMALLEST_LOCK))
        for package in ("helpers", "rbac", "sandbox", "workshop"):
            (folder / package).mkdir()
            (folder / package / "__init__.py").write_text(f"here = {str(folder)!r}\n")

    def installer(self) -> Any:
        """The module install.py of the folder, read anew."""
        spec = importlib.util.spec_from_file_location("install", self.folder / "install.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def take_environment_of(self, other: Checkout) -> None:
        """Have a copy of what was installed into another checkout, as if that had been done here."""
        shutil.copytree(other.folder / ".venv", self.folder / ".venv", symlinks=True)
        installer = self.installer()
        installer.STAMP.write_text("\n".join(installer.inputs()))

    def environment(self, **more: str) -> dict[str, str]:
        """This process's environment, without the marks of the environment that runs the tests, and some more."""
        marks = {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"}
        return {name: value for name, value in os.environ.items() if name not in marks} | more

    def start(self, python: str = PYTHON, **more: str) -> subprocess.Popen[str]:
        """Start install.py, as its own process."""
        command = [python, "install.py"]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment(**more),
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def install(self, python: str = PYTHON, **more: str) -> tuple[int, str]:
        """Run install.py to its end: its exit status and all that it printed."""
        process = self.start(python, **more)
        printed, _ = process.communicate(timeout=300)
        return process.returncode, printed

    def must_install(self, python: str = PYTHON, **more: str) -> str:
        """Run install.py, which must succeed; without a network, and not in CI, the test is skipped."""
        status, printed = self.install(python, **more)
        must_reach_index(printed)
        assert status == 0, printed
        return printed

    def python(self, code: str) -> str:
        """What a program prints that runs in the new environment, from another folder."""
        program = [self.installer().PYTHON, "-c", code]
        return subprocess.run(
            program, cwd=self.folder.parent, env=self.environment(), capture_output=True, text=True, check=True
        ).stdout.strip()

    def has_module(self, name: str) -> bool:
        """Whether the new environment can import a module of this name."""
        return self.python(f"import importlib.util as u; print(u.find_spec({name!r}) is not None)") == "True"

    def provisioners(self) -> list[str]:
        """The kernel provisioners that Jupyter finds in the new environment."""
        group = "jupyter_client.kernel_provisioners"
        return self.python(f"import importlib.metadata as m; print(*m.entry_points(group={group!r}).names)").split()

    def is_installed(self) -> bool:
        """Whether the project can be imported from any folder, and Jupyter finds its provisioner."""
        here = self.python("import sandbox; print(sandbox.here)")
        return here == str(self.folder) and "warm-provisioner" in self.provisioners()
