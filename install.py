"""Make `.venv` and install the locked packages into it, as `make install` does, by the standard library alone."""

from __future__ import annotations  # Pythons from 3.7 on must be able to read this file, to say that they are too old

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed.txt"  # where, and from what; empty while it is first made; that of the user has none
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
UV = PYTHON.with_name("uv" + PYTHON.suffix)
LOCK = ROOT / "requirements.txt"
OLDEST = (3, 11)
TOO_OLD = """install.py: this is Python {}.{}.{}, and Python {}.{} or newer is needed. Install one and run this again \
with it, for instance: make install PYTHON=python3.13"""
NO_PIP = """install.py: this Python {0}.{1} has neither ensurepip nor pip, which Debian and Ubuntu keep in a package \
of its own. Install it and run this again: sudo apt install python{0}.{1}-venv"""
FAILED = """install.py: the step above failed. If it could not reach the package index: is there a network, is a \
proxy needed (HTTPS_PROXY), or an index of your own (PIP_INDEX_URL)? Then run this again."""


def inputs() -> list[str]:
    """What the stamp of a complete environment says."""
    return [str(VENV), *(hashlib.sha256(path.read_bytes()).hexdigest() for path in (LOCK, ROOT / "pyproject.toml"))]


def stamped() -> list[str]:
    """What the stamp says; where there is none, only that the environment is in its place."""
    try:
        return STAMP.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):  # also where another run removes it at this moment
        return [str(VENV)]


def is_usable() -> bool:
    """Whether the Python of `.venv` starts and is not too old."""
    return PYTHON.exists() and run(PYTHON, "-ISc", f"import sys; print(sys.version_info >= {OLDEST})") == "True\n"


def is_complete() -> bool:
    """Whether `.venv` holds exactly what the lock says, at the place it was made for, and runs."""
    return stamped() == inputs() and is_usable()


def is_to_be_remade() -> bool:
    """Whether `.venv` is there but beyond repair: half made, moved from elsewhere, or its Python gone."""
    return os.path.lexists(str(VENV)) and (stamped()[:1] != inputs()[:1] or not is_usable())


def run(*command: Path | str, error: str = "") -> str:
    """Run a program; return its output, or nothing if it failed. With a sentence for that, show all and end with it."""
    out, err = (None, None) if error else (subprocess.PIPE, subprocess.DEVNULL)
    done = subprocess.run([*map(str, command)], stdout=out, stderr=err, text=True, close_fds=False, check=False)
    if done.returncode and error:
        sys.exit(error.format(*sys.version_info))
    return "" if done.returncode else done.stdout or ""


def run_uv(command: str, *words: Path | str) -> None:
    """Run uv. Its progress is for a terminal; its cache is in the home folder, which in a container may be nobody's."""
    cache = Path(run(UV, "cache", "dir").strip())
    nearest = next(folder for folder in (cache, *cache.parents) if folder.exists())
    options = ["--quiet"] * (not sys.stderr.isatty()) + ["--no-cache"] * (not os.access(nearest, os.W_OK | os.X_OK))
    run(UV, "pip", command, *options, "--python", PYTHON, *words, error=FAILED)


def pip() -> list[str]:
    """Return a command that installs into `.venv`."""
    outer, own = [sys.executable, "-m", "pip", "--python", str(PYTHON)], [str(PYTHON), "-m", "pip"]
    if run(*outer, "--version"):
        return outer
    if run(*own, "--version") or run(PYTHON, "-m", "ensurepip", "--default-pip") or debian_gives_pip():
        return own
    sys.exit(NO_PIP.format(*sys.version_info))


def debian_gives_pip() -> bool:
    """Put the pip of Debian's package, unpacked and not installed, into `.venv`."""
    fetch = 'cd "$0" && apt-get download python3-pip-whl && dpkg-deb --extract *.deb . && echo done'
    with tempfile.TemporaryDirectory() as folder:
        found = shutil.which("apt-get") and run("sh", "-c", fetch, folder) and Path(folder).rglob("pip-*.whl")
        return any(run(PYTHON, each / "pip", "install", "--no-index", each) for each in found or ())


def fill() -> None:
    """Install the locked packages, the installer first."""
    print("Fetching the installer, uv", flush=True)
    installer = pip()
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "uv.txt")
        entry = re.search(r"^uv==.*?(?<!\\)\n", LOCK.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        wanted.write_text(entry.group() if entry else "uv", encoding="utf-8")
        exactly = ("--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement", wanted)
        run(*installer, "install", "-qq", "--disable-pip-version-check", "--retries", "2", *exactly, error=FAILED)
    index = os.environ.get("PIP_INDEX_URL") or run(*installer, "config", "get", "global.index-url").strip()
    if index:  # uv reads no settings of pip's
        os.environ.setdefault("UV_DEFAULT_INDEX", index)
    print("Installing the locked packages", flush=True)
    run_uv("sync", "--require-hashes", LOCK)


def install() -> None:
    """Make `.venv`, or bring it up to date."""
    if is_to_be_remade():
        print("Removing a .venv that was moved, broken or never finished", flush=True)
        (shutil.rmtree if VENV.is_dir() and not VENV.is_symlink() else os.unlink)(VENV)
    if stamped()[:2] != inputs()[:2]:
        VENV.mkdir(exist_ok=True)
        STAMP.write_text("" if not PYTHON.exists() else str(VENV), encoding="utf-8")
        if not PYTHON.exists():
            print("Making .venv", flush=True)
            run(sys.executable, "-m", "venv", "--without-pip", VENV, error=NO_PIP)
        fill()
    print("Linking the project into it", flush=True)  # which needs no package index
    run_uv("install", "--no-deps", "--no-build-isolation", "--editable", ROOT)
    STAMP.write_text("\n".join(inputs()), encoding="utf-8")


def main() -> None:
    """Install if need be."""
    if is_complete():
        print("Installed already: .venv holds what requirements.txt says.")
        return
    if sys.version_info < OLDEST:
        sys.exit(TOO_OLD.format(*sys.version_info[:3], *OLDEST))
    with (ROOT / ".venv.lock").open("w") as turn:
        if sys.platform != "win32":  # wait for whoever else works on this checkout, and for what they started
            import fcntl

            os.set_inheritable(turn.fileno(), True)
            fcntl.flock(turn, fcntl.LOCK_EX)
        if not is_complete():
            install()
    print("Installed into .venv.")


if __name__ == "__main__":
    try:
        main()
    except PermissionError as error:  # Windows does not remove the Python that is running
        sys.exit(f"install.py: {error.filename} cannot be changed: is it in use (deactivate), or somebody else's?")
    except KeyboardInterrupt:
        sys.exit("\ninstall.py: stopped; the next run starts afresh.")
