"""What the hub is installed from: locked versions, known by their hashes."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from workshop import jupyterhub
from workshop.errors import WorkshopError
from workshop.jupyterhub import installation as installing
from workshop.jupyterhub.installation import why_not
from workshop.paths import ROOT

HERE = Path(jupyterhub.__file__).parent


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "sudo apt install npm" in why_not()
    with pytest.raises(WorkshopError, match="needs node and npm"):
        installing.ensure_installed(tmp_path / "hub")
    monkeypatch.setattr(installing, "_WINDOWS", True)
    assert "WSL" in why_not()


def test_what_is_installed_is_told_apart_by_what_it_was_made_of(installation: installing.Installation) -> None:
    before = installation.stamp.stat().st_mtime_ns
    done = subprocess.run(
        [sys.executable, "-m", "workshop", "hub", "--install"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "JupyterHub is installed" in done.stdout and "once" not in done.stdout
    assert installation.stamp.stat().st_mtime_ns == before


def test_the_hubs_requirements_name_what_the_courses_do_not() -> None:
    def names(path: Path) -> set[str]:
        lines = path.read_text("utf-8").splitlines()
        return {line.partition("==")[0].lower() for line in lines if "==" in line and not line.startswith(("#", " "))}

    own, locked = names(HERE / "requirements.txt"), names(ROOT / "requirements.txt")
    assert "jupyterhub" in own
    assert not own & locked


def test_the_environment_has_the_locked_versions(installation: installing.Installation) -> None:
    code = "import jupyterhub, jupyterlab, azure.identity; print(jupyterhub.__version__, jupyterlab.__version__)"
    told = subprocess.run(
        [installation.python, "-c", code], capture_output=True, text=True, check=True, cwd=os.sep
    ).stdout.split()
    assert f"jupyterhub=={told[0]}" in (HERE / "requirements.txt").read_text()
    assert f"jupyterlab=={told[1]}" in (ROOT / "requirements.txt").read_text()


def test_every_requirement_has_its_hashes() -> None:
    for path in installing.REQUIREMENTS:
        text = re.sub(r"^#.*\n", "", path.read_text("utf-8"), flags=re.MULTILINE).replace("\\\n", "")
        lines = [line for line in text.splitlines() if line.strip()]
        assert lines
        assert all("==" in line and "--hash=sha256:" in line for line in lines)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of one module, which is all that is to be had."""
    wheel = tmp_path / "wheels" / "tiny-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    files = {
        "tiny.py": b"",
        "tiny-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={_record_hash(content)},{len(content)}\n" for name, content in files.items())
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr("tiny-1.0.dist-info/RECORD", record + "tiny-1.0.dist-info/RECORD,,\n")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(wheel.parent))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return wheel


def _record_hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def test_a_package_is_installed_by_its_hash_and_not_otherwise(tiny: Path, tmp_path: Path) -> None:
    python = tmp_path / "environment" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(python.parent.parent)], check=True)
    known = hashlib.sha256(tiny.read_bytes()).hexdigest()
    requirements = tmp_path / "requirements.txt"
    for line in ("tiny==1.0", f"tiny==1.0 --hash=sha256:{known[::-1]}"):
        requirements.write_text(f"{line}\n", "utf-8")
        with pytest.raises(WorkshopError, match=r"(?i)hash"):
            installing.install_packages(python, [requirements])
    requirements.write_text(f"tiny==1.0 --hash=sha256:{known}\n", "utf-8")
    installing.install_packages(python, [requirements])
    subprocess.run([python, "-c", "import tiny"], check=True)


@pytest.mark.skipif(sys.platform == "win32", reason="modes are Unix's")
def test_all_users_can_read_what_is_installed_whatever_its_mode_was(tmp_path: Path) -> None:
    package = tmp_path / "environment" / "package"
    package.mkdir(parents=True)
    (package / "module.py").touch(0o600)
    (package / "program").touch(0o700)
    package.chmod(0o700)
    private = tmp_path / "private"
    private.touch(0o600)
    (package / "link").symlink_to(private)
    installing.open_to_learners(package.parent)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (package, *package.iterdir())}
    assert modes == {"package": 0o755, "module.py": 0o644, "program": 0o755, "link": 0o600}
