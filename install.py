"""Make `.venv` and install the locked packages into it, with nothing but Python's standard library.

`make install` is the same. Pythons from 3.7 on must be able to read this file, to say that they are too old.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

OLDEST, NEWEST_TRIED = (3, 11), (3, 14)
LOCK = "requirements.txt"
TOO_OLD = """this is Python {}.{}.{}, and Python {}.{} or newer is needed. Install one (Debian and Ubuntu: apt install \
python3 python3-venv; macOS: brew install python; Windows: winget install Python.Python.3.13) and run this again with \
it, for instance: make install PYTHON=python3.13"""
NO_PIP = """this Python {0}.{1} has neither ensurepip nor pip, which Debian and Ubuntu keep in a package of their own. \
Install it and run this again: sudo apt install python{0}.{1}-venv"""
FAILED = """the step above failed. If it could not reach the package index: is there a network, is a proxy needed \
(HTTPS_PROXY), or an index of your own (PIP_INDEX_URL)? Then run this again."""


class InstallError(Exception):
    """What went wrong and what to do about it, in a sentence for the person at the keyboard."""


class Project:
    """A checkout of this repository: its lock, its `.venv` and the stamp that says what is in it.

    The stamp says "installing" before anything else is done, then "complete" or "failed": so an environment whose
    making was cut short is told from a sound one. One without a stamp was made by the user and is taken as it is.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.venv, self.stamp = root, root / ".venv", root / ".venv" / "installed.json"
        programs, ending = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")
        self.python, self._uv = (self.venv / programs / (name + ending) for name in ("python", "uv"))
        self._environment = dict(os.environ)
        self.turn = -1  # the descriptor that holds it

    def _inputs(self) -> dict[str, str]:
        digests = {name: hashlib.sha256((self.root / name).read_bytes()) for name in (LOCK, "pyproject.toml")}
        return dict({name: digest.hexdigest() for name, digest in digests.items()}, venv=str(self.venv))

    def stamped(self) -> dict[str, str]:
        """What the stamp says; nothing where there is none."""
        try:
            return dict(json.loads(self.stamp.read_text(encoding="utf-8")))
        except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
            return {}

    def write_stamp(self, state: str) -> None:
        """Say that `.venv` is being made ("installing"), made ("complete") or lacks something ("failed")."""
        written = self.stamp.with_suffix(".new")
        written.write_text(json.dumps(dict(self._inputs(), state=state)), encoding="utf-8")
        written.replace(self.stamp)

    def is_complete(self) -> bool:
        """Whether `.venv` holds exactly what the lock says, at the place it was made for, and runs."""
        return self.stamped() == dict(self._inputs(), state="complete") and is_usable(self.python)

    def has_locked_packages(self) -> bool:
        """Whether at most the link to the project is out of date, which needs no package index to mend."""
        stamped = self.stamped()
        return stamped.get("state") == "complete" and stamped.get(LOCK) == self._inputs()[LOCK]

    def is_to_be_remade(self) -> bool:
        """Whether `.venv` is there but beyond repair: half made, moved from elsewhere, or its Python gone."""
        stamped = self.stamped()
        unfit = stamped.get("state") == "installing" or stamped.get("venv", str(self.venv)) != str(self.venv)
        return os.path.lexists(str(self.venv)) and (unfit or not is_usable(self.python))

    def install(self) -> None:
        """Make or repair `.venv`, and stamp it complete."""
        if self.is_to_be_remade():
            say("Removing a .venv that was moved, broken or never finished")
            (shutil.rmtree if self.venv.is_dir() and not self.venv.is_symlink() else os.unlink)(self.venv)
        if not self.has_locked_packages():
            if not self.venv.exists():
                say("Making .venv with Python {}.{}.{}".format(*sys.version_info))
            self.venv.mkdir(exist_ok=True)
            self.write_stamp("installing")
            if not self.python.exists():
                self._run(sys.executable, "-m", "venv", "--without-pip", self.venv, error=NO_PIP)
            try:
                self._fill(self._pip())
            except InstallError:
                self.write_stamp("failed")
                raise
        say("Linking the project into it")
        self._run_uv("install", "--no-deps", "--no-build-isolation", "--editable", self.root)
        self.write_stamp("complete")

    def _pip(self) -> list[str]:
        own, outer = [str(self.python), "-m", "pip"], [sys.executable, "-m", "pip", "--python", str(self.python)]
        if self._run(*own, "--version") or self._run(self.python, "-m", "ensurepip", "--default-pip"):
            return own
        if self._run(*outer, "--version"):
            return outer
        if self.debian_gives_pip():
            return own
        raise InstallError(NO_PIP.format(*sys.version_info))

    def debian_gives_pip(self) -> bool:
        """Put the pip of Debian's package, unpacked and not installed, into `.venv`."""
        fetch = 'cd "$0" && apt-get download python3-pip-whl && dpkg-deb --extract *.deb . && echo done'
        with tempfile.TemporaryDirectory() as folder:
            if not shutil.which("apt-get") or not self._run("sh", "-c", fetch, folder):
                return False
            wheels = Path(folder, "usr/share/python-wheels").glob("pip-*.whl")
            return any(self._run(self.python, each / "pip", "install", "--no-index", each) for each in wheels)

    def _fill(self, pip: list[str]) -> None:
        say("Fetching the installer, uv")
        with tempfile.TemporaryDirectory() as folder:
            wanted = Path(folder, "uv.txt")
            wanted.write_text(locked((self.root / LOCK).read_text(encoding="utf-8"), "uv"), encoding="utf-8")
            exactly = ("--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement", wanted)
            self._run(*pip, "install", "-qq", "--disable-pip-version-check", "--retries", "2", *exactly, error=FAILED)
        index = os.environ.get("PIP_INDEX_URL") or self._run(*pip, "config", "get", "global.index-url").strip()
        if index:  # uv reads no settings of pip's
            self._environment.setdefault("UV_DEFAULT_INDEX", index)
        say("Installing the locked packages")
        self._run_uv("sync", "--require-hashes", self.root / LOCK)

    def _run_uv(self, command: str, *words: Path | str) -> None:
        volume = [] if sys.stderr.isatty() else ["--quiet"]  # its progress is for a terminal, not for a log
        self._run(self._uv, "pip", command, *volume, "--python", self.python, *words, error=FAILED)

    def _run(self, *command: Path | str, error: str = "") -> str:
        """Run a program; its output if it succeeded, else nothing, or with a sentence for it InstallError."""
        done = subprocess.run(
            [str(word) for word in command],
            env=self._environment,
            pass_fds=[self.turn] if self.turn >= 0 and os.name != "nt" else [],  # killed, its child still has the turn
            stdout=None if error else subprocess.PIPE,
            stderr=None if error else subprocess.DEVNULL,
            text=True,
            check=False,
        )
        if done.returncode and error:
            raise InstallError(error.format(*sys.version_info))
        return "" if done.returncode or error else done.stdout


def is_usable(python: Path | str) -> bool:
    """Whether this Python starts and is not too old."""
    check = f"import sys; sys.exit(sys.version_info < {OLDEST})"
    try:
        return subprocess.run([str(python), "-ISc", check], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def locked(lock: str, name: str) -> str:
    """The entry of one package in the text of the lock: the line with its version and those with its hashes."""
    entry = re.search(rf"^{name}==.*?(?<!\\)\n", lock, re.MULTILINE | re.DOTALL)
    if entry is None:
        raise InstallError(f"{LOCK} names no {name}; run: make lock")
    return entry.group()


def wait_for_turn(file: IO[str]) -> None:
    """Wait until no other install.py works on this checkout; the turn ends with the process, however that ends."""
    if sys.platform == "win32":
        import msvcrt

        while True:
            with contextlib.suppress(OSError):  # it gives up after ten seconds
                return msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)


def say(text: str) -> None:
    """Print a line at once, before the programs started next print theirs."""
    print(text, flush=True)


def main() -> int:
    """Install if need be; the exit status."""
    project, started = Project(Path(__file__).resolve().parent), time.monotonic()
    if project.is_complete():
        say("Installed already: .venv holds what requirements.txt says.")
        return 0
    if sys.version_info < OLDEST:
        for minor in range(NEWEST_TRIED[1], OLDEST[1] - 1, -1):  # macOS and older Debians have one beside the old
            if is_usable(f"python3.{minor}"):
                return subprocess.call([f"python3.{minor}", str(Path(__file__))])
        raise InstallError(TOO_OLD.format(*sys.version_info[:3], *OLDEST))
    with (project.root / ".venv.lock").open("w") as turn:
        wait_for_turn(turn)
        project.turn = turn.fileno()
        if not project.is_complete():
            project.install()
    say(f"Installed into .venv in {time.monotonic() - started:.0f} s.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InstallError as error:
        sys.exit(f"install.py: {error}")
    except PermissionError as error:  # Windows does not remove the Python that is running
        sys.exit(f"install.py: cannot remove {error.filename}: leave the environment first (deactivate)")
    except KeyboardInterrupt:
        sys.exit("\ninstall.py: stopped; the next run starts afresh.")
