"""The hub's own environment: JupyterHub beside the course's packages, and the proxy in front of it.

It is made once, in a folder of its own, so that the course's environment stays as it is locked.
"""

import hashlib
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from workshop.command import run_by_root
from workshop.errors import WorkshopError, translate_os_errors
from workshop.paths import ROOT

ENVIRONMENT = ROOT / ".venv-hub"
_HERE = Path(__file__).parent
REQUIREMENTS = (ROOT / "requirements.txt", _HERE / "requirements.txt")  # the course's and, besides, the hub's
_PROXY_FILES = ("package.json", "package-lock.json")
_MINORS = (11, 12, 13, 14)  # of Python 3, for which requirements.txt is resolved
_WINDOWS = sys.platform == "win32"


class Installation:
    """Where the hub's programs are."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.python = path / "bin" / "python"  # which has JupyterHub
        self.proxy = path / "proxy" / "node_modules" / ".bin" / "configurable-http-proxy"
        self.stamp = path / "installed"  # tells what was installed; written last

    def is_for(self, wanted: str) -> bool:
        """Return whether all is there, made of what ``wanted`` stands for."""
        made_of = self.stamp.read_text() if self.stamp.exists() else ""
        return made_of == wanted and self.python.exists() and self.proxy.exists()


def why_not() -> str:
    """Return why a hub cannot run here; empty if it can."""
    if _WINDOWS:
        return "JupyterHub does not run on Windows. It runs in WSL, the Windows Subsystem for Linux."
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    if missing:
        return f"JupyterHub needs {' and '.join(missing)} for its proxy. On Debian or Ubuntu: sudo apt install npm"
    return ""


def ensure_installed(path: Path = ENVIRONMENT) -> Installation:
    """Return the installation in this folder; made if it is not there or no longer what it should be."""
    if reason := why_not():
        raise WorkshopError(reason)
    with FileLock(path.with_name(f"{path.name}.lock")):
        found = Installation(path)
        if not found.is_for(_wanted()):
            print(f"Installing JupyterHub in {path} (once, a minute or so)", flush=True)
            _install(found)
    return found


def _install(found: Installation) -> None:
    path = found.path
    shutil.rmtree(path, ignore_errors=True)
    _run([*_uv("venv"), "--python", _interpreter(), str(path)])
    install_packages(found.python, REQUIREMENTS)
    link = ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)]  # what builds it is among the packages
    _run([*_uv("pip", "install"), "--python", str(found.python), *link])
    proxy = path / "proxy"
    proxy.mkdir()
    for name in _PROXY_FILES:
        shutil.copy2(_HERE / name, proxy)
    _run(["npm", "ci", "--prefix", str(proxy), "--no-audit", "--no-fund", "--loglevel=error"])
    if run_by_root():
        open_to_learners(path)
    found.stamp.write_text(_wanted())


def install_packages(python: Path, requirements: Sequence[Path]) -> None:
    """Install just what the files name, each package by its version and a hash of its content."""
    _run([*_uv("pip", "sync"), "--python", str(python), "--require-hashes", *map(str, requirements)])


def open_to_learners(path: Path) -> None:
    """Let all users read what is installed, whatever root's umask is or was when a package came into uv's cache."""
    for folder, _, files in os.walk(path):
        for each in (Path(folder), *(Path(folder, name) for name in files)):
            mode = stat.S_IMODE(each.lstat().st_mode)
            wanted = mode | 0o444 | (0o111 if mode & stat.S_IXUSR else 0)
            if not each.is_symlink() and mode != wanted:
                each.chmod(wanted)


def _wanted() -> str:
    """Return a text that changes with whatever is to be installed."""
    files = (*REQUIREMENTS, ROOT / "pyproject.toml", *(_HERE / name for name in _PROXY_FILES))
    content = b"\0".join(file.read_bytes() for file in files)
    return hashlib.sha256(content + f"{_interpreter()} {sys.version} {ROOT}".encode()).hexdigest()


def _interpreter() -> str:
    """Return a Python for the hub: this one, or the system's where learners, as other users, cannot use this one."""
    if run_by_root() and not _open_to_all(Path(sys.executable).resolve()):
        minors = (sys.version_info.minor, *_MINORS)
        systems = (Path(f"/usr/bin/python3.{minor}") for minor in minors)
        return next((str(each) for each in systems if each.exists() and _open_to_all(each.resolve())), sys.executable)
    return sys.executable


def _open_to_all(path: Path) -> bool:
    """Return whether any user may execute a file, by its mode and those of the folders it is in."""
    return all(each.stat().st_mode & stat.S_IXOTH for each in (path, *path.parents))


def _uv(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "uv", "--quiet", *arguments]


def _run(command: Sequence[str]) -> None:
    with translate_os_errors(f"{command[0]} cannot be run"):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise WorkshopError(f"JupyterHub cannot be installed: {' '.join(command[:5])} … failed.\n{said}")
