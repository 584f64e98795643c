"""install.py: real environments, a real package index, real kills."""

import ast
import os
import re
import shutil
import subprocess
import sys
import threading
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.checkout import ROOT, Checkout, locked, must_reach_index

NOBODY_LISTENS = "http://127.0.0.1:9/simple"
OFFLINE = {
    "PIP_INDEX_URL": NOBODY_LISTENS,
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_FIND_LINKS": "",
    "UV_DEFAULT_INDEX": NOBODY_LISTENS,
}


def make_environment(checkout: Checkout, state: str) -> Any:
    """Make an empty environment where install.py does, as if it or the user had left it; return the installer."""
    venv.EnvBuilder(symlinks=sys.platform != "win32").create(checkout.folder / ".venv")
    installer = checkout.installer()
    if state != "the user's":
        installer.STAMP.write_text("\n".join(installer.inputs()) if state == "complete" else "")
    return installer


class TestJudgement:
    """What is done about the `.venv` that is there."""

    def test_nothing_there(self, checkout: Checkout) -> None:
        installer = checkout.installer()
        assert not installer.is_complete()
        assert not installer.is_to_be_remade()

    def test_complete(self, checkout: Checkout) -> None:
        installer = make_environment(checkout, "complete")
        assert installer.is_complete()
        assert not installer.is_to_be_remade()

    @pytest.mark.parametrize(("state", "remade"), [("never finished", True), ("the user's", False)])
    def test_incomplete(self, checkout: Checkout, state: str, remade: bool) -> None:
        installer = make_environment(checkout, state)
        assert not installer.is_complete()
        assert installer.is_to_be_remade() is remade

    @pytest.mark.parametrize("changed", ["pyproject.toml", "requirements.txt"])
    def test_inputs_changed(self, checkout: Checkout, changed: str) -> None:
        installer = make_environment(checkout, "complete")
        with (checkout.folder / changed).open("a") as file:
            file.write("# another line\n")
        assert not installer.is_complete()
        assert not installer.is_to_be_remade()

    def test_moved(self, checkout: Checkout) -> None:
        make_environment(checkout, "complete")
        checkout.folder = checkout.folder.rename(checkout.folder.with_name("elsewhere"))
        assert not checkout.installer().is_complete()
        assert checkout.installer().is_to_be_remade()

    def test_python_gone(self, checkout: Checkout) -> None:
        installer = make_environment(checkout, "complete")
        installer.PYTHON.unlink()
        assert not installer.is_complete()
        assert installer.is_to_be_remade()

    def test_a_file_in_its_place(self, checkout: Checkout) -> None:
        (checkout.folder / ".venv").write_text("")
        assert not checkout.installer().is_complete()
        assert checkout.installer().is_to_be_remade()

    def test_stamp_cut_short(self, checkout: Checkout) -> None:
        installer = make_environment(checkout, "complete")
        installer.STAMP.write_text(installer.STAMP.read_text()[:-10])
        assert not installer.is_complete()

    def test_another_run_removes_it_while_this_one_looks(self, checkout: Checkout) -> None:
        installer = checkout.installer()
        ended = threading.Event()

        def make_and_remove() -> None:
            while not ended.is_set():
                installer.VENV.mkdir()
                installer.STAMP.write_text("")
                shutil.rmtree(installer.VENV)

        other = threading.Thread(target=make_and_remove)
        other.start()
        try:
            assert not any(installer.is_complete() for _ in range(3000))
        finally:
            ended.set()
            other.join()


class TestSentences:
    """What people with an unfit Python read."""

    def test_older_pythons_can_read_the_file(self) -> None:
        ast.parse((ROOT / "install.py").read_text(), feature_version=(3, 7))

    def test_too_old(self, checkout: Checkout) -> None:
        installer = checkout.installer()
        sentence = installer.TOO_OLD.format(3, 9, 6, *installer.OLDEST)
        assert "Python 3.9.6" in sentence
        assert "Python 3.11 or newer" in sentence
        assert "PYTHON=" in sentence

    @pytest.mark.skipif(sys.platform == "win32", reason="older Pythons are looked for by their Unix names")
    def test_run_by_an_older_python(self, checkout: Checkout) -> None:
        older = older_python()
        if older is None:
            pytest.skip("no Python 3.7 to 3.10 here")
        alone = checkout.environment(PATH=str(checkout.folder))
        run = subprocess.run(
            [older, "install.py"], cwd=checkout.folder, env=alone, capture_output=True, text=True, check=False
        )
        assert run.returncode == 1
        assert "Python 3.11 or newer is needed" in run.stderr
        assert not (checkout.folder / ".venv").exists()

    def test_nothing_to_install_pip_from(self, checkout: Checkout, tmp_path: Path) -> None:
        hidden = str(hide(tmp_path, "ensurepip", "pip"))
        status, printed = checkout.install(PYTHONPATH=hidden, PATH=str(checkout.folder))
        assert status == 1
        assert f"sudo apt install python3.{sys.version_info[1]}-venv" in printed
        assert "Traceback" not in printed

    def test_no_package_index(self, checkout: Checkout) -> None:
        status, printed = checkout.install(**OFFLINE)
        assert status == 1
        assert "could not reach the package index" in printed
        assert "Traceback" not in printed
        assert not checkout.installer().is_complete()

    @pytest.mark.parametrize("state", [pytest.param("the user's", marks=pytest.mark.long), "complete"])
    def test_no_package_index_for_an_environment_that_works(self, checkout: Checkout, state: str) -> None:
        """It lacks packages then, but it stays."""
        make_environment(checkout, state)
        with (checkout.folder / "requirements.txt").open("a") as file:
            file.write("# another line\n")
        status, _ = checkout.install(**OFFLINE)
        assert status == 1
        assert not checkout.installer().is_complete()
        assert not checkout.installer().is_to_be_remade()


def older_python() -> str | None:
    """A Python too old for install.py, if this machine has one."""
    for minor in range(10, 6, -1):
        found = shutil.which(f"python3.{minor}")
        show = [found or "", "-c", "import sys; print(sys.executable)"]
        if found and (run := subprocess.run(show, capture_output=True, text=True, check=False)).returncode == 0:
            return run.stdout.strip()
    return None


def hide(folder: Path, *modules: str) -> Path:
    """A folder for PYTHONPATH that makes modules look as if they were not installed."""
    hiding = folder / "hiding"
    hiding.mkdir()
    for name in modules:
        (hiding / f"{name}.py").write_text(f"raise ModuleNotFoundError('No module named {name}')\n")
    return hiding


@dataclass(frozen=True)
class Installed:
    """A checkout, and what the runs printed that installed it at once, after others had been killed."""

    checkout: Checkout
    printed: list[str]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """A checkout that was installed from nothing, by a Python that has no pip: the one of the tests.

    Where there is SIGKILL, two runs were killed at it before.
    """
    found = Checkout(tmp_path_factory.mktemp("installed") / "a checkout")
    if sys.platform != "win32":
        for moment in ("Making .venv", "Installing the locked"):
            kill_at(moment, found)
            assert not found.installer().is_complete()
    processes = [found.start(sys.executable), found.start(sys.executable)]
    printed = [process.communicate(timeout=300)[0] for process in processes]
    must_reach_index(printed[0])
    assert [process.returncode for process in processes] == [0, 0], printed
    return Installed(found, printed)


def kill_at(moment: str, checkout: Checkout) -> None:
    """Run install.py until it prints a line that begins so."""
    process = checkout.start()
    assert process.stdout is not None
    until_then = ""
    for line in process.stdout:
        until_then += line
        if line.startswith(moment):
            process.kill()
            break
    process.stdout.close()
    assert process.wait(timeout=300)
    must_reach_index(until_then)


class TestInstallation:
    """Real installations."""

    def test_from_nothing_and_again(self, installed: Installed) -> None:
        """The second and third run need no package index: nothing to do, and the project's own file changed."""
        checkout = installed.checkout
        assert checkout.is_installed()
        stamped = checkout.installer().STAMP.stat().st_mtime_ns
        assert "Installed already" in checkout.must_install(**OFFLINE)
        assert checkout.installer().STAMP.stat().st_mtime_ns == stamped
        pyproject = checkout.folder / "pyproject.toml"
        pyproject.write_text(pyproject.read_text().replace("warm-provisioner =", "warmer-provisioner ="))
        assert "Installing the locked packages" not in checkout.must_install(**OFFLINE)
        assert not checkout.is_installed()
        assert "warmer-provisioner" in checkout.provisioners()

    def test_lock_changes(self, checkout: Checkout, installed: Installed) -> None:
        """What left the lock leaves the environment; what has another hash than the lock's does not enter it."""
        checkout.take_environment_of(installed.checkout)
        assert checkout.has_module("six")
        lock = checkout.folder / "requirements.txt"
        six = locked("six")
        small = lock.read_text().replace(six, "")
        lock.write_text(small)
        checkout.must_install()
        assert not checkout.has_module("six")
        lock.write_text(small + re.sub(r"[0-9a-f]{64}", "0" * 64, six))
        status, printed = checkout.install()
        assert status == 1
        assert "six" in printed
        assert not checkout.installer().is_complete()
        assert not checkout.has_module("six")

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither SIGKILL nor flock")
    def test_killed_at_two_moments_and_then_run_twice_at_once(self, installed: Installed) -> None:
        """One of the two makes it, and the other waits."""
        assert sum("Making .venv" in text for text in installed.printed) == 1

    def test_environment_of_the_user(self, checkout: Checkout, tmp_path: Path) -> None:
        """It is taken as it is. Without pip and ensurepip in it, the pip outside of it does; a cache can be missing."""
        make_environment(checkout, "the user's")
        kept = checkout.folder / ".venv" / "kept"
        kept.touch()
        checkout.must_install(PYTHONPATH=str(hide(tmp_path, "ensurepip")), UV_CACHE_DIR=f"{os.devnull}/uv")
        assert kept.exists()
        assert checkout.is_installed()


@pytest.mark.long
def test_pip_comes_from_debian(checkout: Checkout, tmp_path: Path) -> None:
    """The way for a Debian whose python3 has neither ensurepip nor pip, for real."""
    make_environment(checkout, "never finished")
    assert not checkout.has_module("pip")
    if not checkout.installer().debian_gives_pip():
        fetch = ["apt-get", "download", "python3-pip-whl"]
        can_be_had = shutil.which("apt-get") and subprocess.run(fetch, cwd=tmp_path, check=False).returncode == 0
        assert not can_be_had
        pytest.skip("no apt-get that knows python3-pip-whl here")
    assert checkout.python("import pip; print(pip.__name__)") == "pip"
