"""Make `.venv` and install the locked packages into it; do nothing when that is done already.

Linux, macOS and Windows, nothing but Python's standard library:

    python3 install.py

`make install` is the same. Pythons from 3.7 on must be able to read this file, to say that they are too old.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OLDEST = (3, 11)
NEWEST_TRIED = (3, 14)
ROOT = Path(__file__).resolve().parent
LOCK = "requirements.txt"
INPUTS = (LOCK, "pyproject.toml")
ON_WINDOWS = os.name == "nt"


class InstallError(Exception):
    """What went wrong and what to do about it, in a sentence for the person at the keyboard."""


class Project:
    """A checkout of this repository: its lock, its `.venv` and the stamp that says what is in it.

    The stamp says "installing" before anything else is done, and "complete" or "failed" when all is done: so
    an environment whose making was cut short, in the middle of whatever file, is told from a sound one.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lock = root / LOCK
        self.venv = root / ".venv"
        self.stamp = self.venv / "installed.json"
        self.turn = root / ".venv.lock"
        programs = self.venv / ("Scripts" if ON_WINDOWS else "bin")
        self.python = programs / ("python.exe" if ON_WINDOWS else "python")
        self.uv = programs / ("uv.exe" if ON_WINDOWS else "uv")

    def inputs(self) -> dict[str, str]:
        """What `.venv` must hold, as SHA-256 of the files that say it, and where it must be."""
        digests = {name: hashlib.sha256((self.root / name).read_bytes()).hexdigest() for name in INPUTS}
        return dict(digests, venv=str(self.venv))

    def stamped(self) -> dict[str, str]:
        """What the stamp says; nothing where there is none."""
        try:
            content = json.loads(self.stamp.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def write_stamp(self, state: str) -> None:
        """Say that `.venv` is being made ("installing"), made ("complete") or lacks something ("failed")."""
        written = self.stamp.with_suffix(".new")
        written.write_text(json.dumps(dict(self.inputs(), state=state)), encoding="utf-8")
        written.replace(self.stamp)

    def is_complete(self) -> bool:
        """Whether `.venv` holds exactly what the lock says, at the place it was made for, and runs."""
        return self.stamped() == dict(self.inputs(), state="complete") and is_usable(self.python)

    def has_locked_packages(self) -> bool:
        """Whether at most the link to the project is out of date, which needs no package index to mend."""
        stamped = self.stamped()
        return stamped.get("state") == "complete" and stamped.get(LOCK) == self.inputs()[LOCK]

    def is_to_be_remade(self) -> bool:
        """Whether `.venv` is there but beyond repair: half made, moved from elsewhere, or its Python gone.

        One without a stamp that works was made by the user and is taken as it is.
        """
        if not os.path.lexists(str(self.venv)):
            return False
        stamped = self.stamped()
        moved = stamped.get("venv", str(self.venv)) != str(self.venv)
        return moved or stamped.get("state") == "installing" or not is_usable(self.python)


def is_usable(python: Path | str) -> bool:
    """Whether this Python starts and is not too old."""
    check = f"import sys; sys.exit(sys.version_info < {OLDEST})"
    try:
        return subprocess.run([str(python), "-ISc", check], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def newer_python() -> str | None:
    """The newest fitting Python on the PATH: macOS and older Debians have one beside a too old `python3`."""
    for minor in range(NEWEST_TRIED[1], OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found and is_usable(found):
            return found
    return None


def too_old(version: Sequence[int]) -> str:
    """The sentence for someone whose Python is too old."""
    has, needs = ".".join(map(str, version)), ".".join(map(str, OLDEST))
    return (
        f"this is Python {has}, and Python {needs} or newer is needed. Install one (Debian and Ubuntu: apt "
        "install python3 python3-venv; macOS: brew install python; Windows: winget install "
        "Python.Python.3.13) and run this again with it, for instance: make install PYTHON=python3.13"
    )


def no_pip() -> str:
    """The sentence for someone whose Python came without the parts that make environments."""
    version = "{}.{}".format(*sys.version_info)
    return (
        f"this Python {version} has neither ensurepip nor pip, which Debian and Ubuntu keep in a package of "
        f"their own. Install it and run this again: sudo apt install python{version}-venv"
    )


def locked(lock: str, name: str) -> str:
    """The entry of one package in the text of the lock: the line with its version and those with its hashes.

    Raises:
        InstallError: The lock has no such package.
    """
    lines = iter(lock.splitlines())
    for line in lines:
        if line.startswith(f"{name}=="):
            entry = [line]
            while entry[-1].endswith("\\"):
                entry.append(next(lines))
            return "\n".join(entry) + "\n"
    raise InstallError(f"requirements.txt names no {name}; run: make lock")


@contextlib.contextmanager
def one_at_a_time(turn: Path) -> Iterator[int]:
    """Wait until no other install.py works on this checkout; gives the descriptor that holds the turn.

    The operating system ends the turn with the process, killed or not. Child processes inherit the
    descriptor, so that what a killed run left working is waited for as well.
    """
    with turn.open("w") as file:
        if sys.platform == "win32":
            import msvcrt

            while True:
                with contextlib.suppress(OSError):  # it gives up after ten seconds
                    msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
                    break
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


class Installer:
    """The steps from nothing to a complete `.venv`."""

    def __init__(self, project: Project, turn: int) -> None:
        self.project = project
        self.inherited = () if ON_WINDOWS else (turn,)
        self.environment = dict(os.environ)

    def install(self) -> None:
        """Make or repair `.venv` and stamp it complete.

        Raises:
            InstallError: With what is missing, or which step failed.
        """
        project = self.project
        if project.is_to_be_remade():
            say("Removing a .venv that was moved, broken or never finished")
            remove(project.venv)
        if not project.has_locked_packages():
            self.make_environment()
            self.fill_environment()
        say("Linking the project into it")
        self.uv("install", "--no-deps", "--no-build-isolation", "--editable", project.root)
        project.write_stamp("complete")

    def make_environment(self) -> None:
        """Make `.venv`, without pip, or take the one there; stamped as unfinished from the first on."""
        project = self.project
        if project.venv.exists():
            project.write_stamp("installing")
            return
        say("Making .venv with Python {}.{}.{}".format(*sys.version_info))
        project.venv.mkdir()
        project.write_stamp("installing")
        try:
            import venv
        except ImportError as error:
            raise InstallError(no_pip()) from error
        venv.EnvBuilder(symlinks=not ON_WINDOWS).create(project.venv)

    def fill_environment(self) -> None:
        """Bring `.venv` to what the lock says.

        Raises:
            InstallError: As its steps; `.venv` is sound then, and the next run goes on with it.
        """
        try:
            pip = self.pip()
            say("Fetching the installer, uv")
            self.install_uv(pip)
            self.share_index(pip)
            say("Installing the locked packages")
            self.uv("sync", "--require-hashes", self.project.lock)
        except InstallError:
            self.project.write_stamp("failed")
            raise

    def pip(self) -> list[str]:
        """The command that runs pip on `.venv`: its own, or that of the Python that runs this.

        Raises:
            InstallError: There is neither, nor anything to install pip from.
        """
        python = str(self.project.python)
        own = [python, "-m", "pip"]
        if self.succeeds(*own, "--version") or self.succeeds(python, "-m", "ensurepip", "--default-pip"):
            return own
        outer = [sys.executable, "-m", "pip", "--python", python]
        if self.succeeds(*outer, "--version"):
            return outer
        if self.debian_gives_pip(python):
            return own
        raise InstallError(no_pip())

    def debian_gives_pip(self, python: str) -> bool:
        """Put the pip of Debian's package into `.venv`: Debian's and Ubuntu's python3 comes without ensurepip.

        The package is downloaded and unpacked, not installed, which needs no root.
        """
        fetch = 'cd "$0" && apt-get download python3-pip-whl && dpkg-deb --extract *.deb .'
        with tempfile.TemporaryDirectory() as folder:
            if not shutil.which("apt-get") or not self.succeeds("sh", "-c", fetch, folder):
                return False
            wheels = list(Path(folder, "usr/share/python-wheels").glob("pip-*.whl"))
            return any(self.succeeds(python, wheel / "pip", "install", "--no-index", wheel) for wheel in wheels)

    def install_uv(self, pip: list[str]) -> None:
        """Install the locked uv with pip, its hash checked."""
        entry = locked(self.project.lock.read_text(encoding="utf-8"), "uv")
        quietly = ["-qq", "--disable-pip-version-check", "--retries", "2"]
        exactly = ["--require-hashes", "--no-deps", "--only-binary", ":all:"]
        with tempfile.TemporaryDirectory() as folder:
            requirement = Path(folder, "uv.txt")
            requirement.write_text(entry, encoding="utf-8")
            self.must(*pip, "install", *quietly, *exactly, "--requirement", requirement)

    def share_index(self, pip: list[str]) -> None:
        """Have uv, which reads no settings of pip's, use the package index that pip is set to use, if any."""
        asked = self.run(*pip, "config", "get", "global.index-url", captured=True)
        index = os.environ.get("PIP_INDEX_URL") or asked.stdout.decode().strip()
        if index:
            self.environment.setdefault("UV_DEFAULT_INDEX", index)

    def uv(self, command: str, *words: Path | str) -> None:
        """Run one of uv's pip commands on `.venv`; its progress is for a terminal, not for a log."""
        volume = [] if sys.stderr.isatty() else ["--quiet"]
        self.must(self.project.uv, "pip", command, *volume, "--python", self.project.python, *words)

    def must(self, *command: Path | str) -> None:
        """Run a program; its failure ends the installation.

        Raises:
            InstallError: It failed. Its own words are on the terminal already.
        """
        if self.run(*command).returncode:
            raise InstallError(
                "the step above failed. If it could not reach the package index: is there a network, is a "
                "proxy needed (HTTPS_PROXY), or an index of your own (PIP_INDEX_URL)? Then run this again."
            )

    def succeeds(self, *command: Path | str) -> bool:
        """Run a program without showing what it prints; whether it succeeded."""
        return self.run(*command, captured=True).returncode == 0

    def run(self, *command: Path | str, captured: bool = False) -> subprocess.CompletedProcess[bytes]:
        """Run a program to its end, holding the turn."""
        words = list(map(str, command))
        return subprocess.run(
            words, env=self.environment, pass_fds=self.inherited, capture_output=captured, check=False
        )


def remove(venv: Path) -> None:
    """Remove an environment, a dangling link in its place, or a file.

    Raises:
        InstallError: Windows does not remove the Python that is running.
    """
    try:
        if venv.is_symlink() or venv.is_file():
            venv.unlink()
        else:
            shutil.rmtree(venv)
    except PermissionError as error:
        raise InstallError(f"cannot remove {error.filename}: leave the environment first (deactivate)") from error


def say(text: str) -> None:
    """Print a line at once, before the programs started next print theirs."""
    print(text, flush=True)


def main() -> int:
    """Install if need be; the exit status."""
    project = Project(ROOT)
    if project.is_complete():
        say("Installed already: .venv holds what requirements.txt says.")
        return 0
    if sys.version_info < OLDEST:
        newer = newer_python()
        if newer is None:
            raise InstallError(too_old(sys.version_info[:3]))
        return subprocess.call([newer, str(Path(__file__))])
    started = time.monotonic()
    with one_at_a_time(project.turn) as turn:
        if not project.is_complete():
            Installer(project, turn).install()
    say(f"Installed into .venv in {time.monotonic() - started:.0f} s.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InstallError as error:
        sys.exit(f"install.py: {error}")
    except KeyboardInterrupt:
        sys.exit("\ninstall.py: stopped; the next run starts afresh.")
