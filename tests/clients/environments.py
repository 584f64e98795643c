"""Environments for programs that are not the project's own: made once, kept beside the tests, shared by all workers."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from filelock import FileLock

from tests.support.needs import do_without

CACHE = Path(__file__).parent / ".cache"
_LIMIT = 900  # seconds that one installation may take


def python_environment(name: str, *requirements: str, and_then: str = "") -> Path:
    """Return the folder of a Python environment with ``requirements``, and skip the test if it cannot be made.

    ``and_then`` is a file of further requirements that comes with those packages, among which it lies.
    """
    return _made(name, [sys.version, *requirements, and_then], lambda at: _install_python(at, requirements, and_then))


def node_environment(name: str, lock: Path) -> Path:
    """Return the folder of the packages that ``lock``, a package-lock.json, names; skip if they cannot be had."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        do_without(f"{name}: node and npm are not installed")
    return _made(name, [lock.read_text()], lambda folder: _install_node(folder, str(npm), lock.parent))


def _made(name: str, contents: Sequence[str], install: Callable[[Path], None]) -> Path:
    digest = hashlib.sha256(json.dumps(contents).encode()).hexdigest()[:12]
    folder = CACHE / f"{name}-{digest}"
    complete = folder / "complete"
    CACHE.mkdir(exist_ok=True)
    with FileLock(CACHE / f"{name}.lock"):
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            install(folder)
            complete.touch()
    return folder


def _install_python(folder: Path, requirements: Sequence[str], and_then: str) -> None:
    uv = [sys.executable, "-m", "uv", "--no-config", "--quiet"]
    _run(folder, *uv, "venv", "--python", sys.executable, "--allow-existing", str(folder))
    install = [*uv, "pip", "install", "--python", str(program(folder, "python"))]
    _run(folder, *install, *requirements)
    for file in folder.glob(f"**/site-packages/{and_then}") if and_then else ():
        _run(folder, *install, "--requirement", str(file))


def _install_node(folder: Path, npm: str, source: Path) -> None:
    for file in ("package.json", "package-lock.json"):
        shutil.copy(source / file, folder)
    _run(folder, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)


def _run(folder: Path, *command: str, cwd: Path | None = None) -> None:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=_LIMIT)
    except subprocess.TimeoutExpired:
        do_without(f"{folder.name} was not installed within {_LIMIT} seconds")
    if done.returncode:
        do_without(f"{folder.name} cannot be installed: {done.stderr.strip()[-300:]}")


def program(folder: Path, name: str) -> Path:
    """Return the path of a program in a Python environment."""
    return folder / ("Scripts" if sys.platform == "win32" else "bin") / name
