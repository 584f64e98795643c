"""What conda and Binder do with their environment files, as far as it can be done without them."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tests.packaging.checkout import ROOT, must_reach_index
from workshop.paths import COPY, NOTEBOOKS

# run by the new environment's Python, from a folder of no meaning, with the pins as arguments
LOOK = """
import importlib.metadata as metadata, sys
import helpers, rbac, sandbox, workshop
[found] = metadata.entry_points(group="jupyter_client.kernel_provisioners", name="warm-provisioner")
print(found.load().__name__)
pins = [pin.split("==") for pin in sys.argv[1:]]
print([pin for pin in pins if metadata.version(pin[0]) != pin[1]])
"""


def read(name: str) -> dict[str, Any]:
    """An environment file."""
    return yaml.safe_load((ROOT / name).read_text())


def pip_lines(name: str) -> list[str]:
    """What conda hands to pip from an environment file, a line each."""
    [lines] = [entry["pip"] for entry in read(name)["dependencies"] if isinstance(entry, dict)]
    return lines


def paths(name: str) -> list[Path]:
    """The files and folders that an environment file names; they are taken from the file's own folder."""
    return [(ROOT / name).parent.joinpath(line.split()[1]).resolve() for line in pip_lines(name)]


def test_binder_differs_in_paths_only() -> None:
    root, binder = read("environment.yml"), read("binder/environment.yml")
    pip, binder_pip = root["dependencies"].pop(), binder["dependencies"].pop()
    assert root == binder
    assert [line.split()[0] for line in pip["pip"]] == [line.split()[0] for line in binder_pip["pip"]]
    assert paths("environment.yml") == paths("binder/environment.yml")


def test_lock_and_project_are_named() -> None:
    assert [line.split()[0] for line in pip_lines("environment.yml")] == ["-r", "-e"]
    assert paths("environment.yml") == [ROOT / "requirements-conda.txt", ROOT]


def test_python_is_one_the_project_takes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [python] = [line for line in read("environment.yml")["dependencies"] if str(line).startswith("python=")]
    assert SpecifierSet(project["requires-python"]).contains(python.removeprefix("python="))
    assert read("environment.yml")["name"] == project["name"]


def pins_for_this_machine() -> list[str]:
    """Each `name==version` of the lock that is meant for this system and Python."""
    lines = (ROOT / "requirements-conda.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    return [f"{pin.name}{pin.specifier}" for pin in pins if pin.marker is None or pin.marker.evaluate()]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of what the environment files need of the repository, since conda writes beside them."""
    clone = tmp_path / "a clone"
    (clone / "binder").mkdir(parents=True)
    for name in ("environment.yml", "binder/environment.yml", "requirements-conda.txt", "pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, clone / name)
    for package in ("helpers", "rbac", "sandbox", "workshop"):
        shutil.copytree(ROOT / package, clone / package, ignore=shutil.ignore_patterns("__pycache__"))
    return clone


def install_as_conda_does(python: Path, environment: Path, lines: list[str], *more: str) -> None:
    """Hand an environment file's lines to pip as conda does: in one file beside it, from its folder."""
    handed = environment.parent / "condaenv.test.requirements.txt"
    handed.write_text("\n".join(lines))
    command: list[str | Path] = [python, "-m", "pip", "install", "-U", "-r", handed, "--exists-action=b", *more]
    hurry = os.environ | {"PIP_NO_COMPILE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    pip = subprocess.run(command, cwd=environment.parent, env=hurry, capture_output=True, text=True, check=False)
    must_reach_index(pip.stdout + pip.stderr)
    assert pip.returncode == 0, pip.stderr


@pytest.mark.long
def test_pip_installs_what_conda_hands_it(clone: Path, tmp_path: Path) -> None:
    """All of it, for real, for the root's file; then Binder's, which must find all of that installed already."""
    folder = tmp_path / "conda"
    venv.EnvBuilder(symlinks=sys.platform != "win32").create(folder)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    # the newest pip, as conda has it
    newest_pip: list[str | Path] = [sys.executable, "-m", "uv", "pip", "install", "--python", python, "pip"]
    given = subprocess.run(newest_pip, capture_output=True, text=True, check=False)
    must_reach_index(given.stderr)
    assert given.returncode == 0, given.stderr
    offline = ["--no-index", "--no-build-isolation"]
    for name, more in (("environment.yml", []), ("binder/environment.yml", offline)):
        install_as_conda_does(python, clone / name, pip_lines(name), *more)
        look: list[str | Path] = [python, "-c", LOOK, *pins_for_this_machine()]
        seen = subprocess.run(look, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert seen.stdout.split("\n") == ["WarmProvisioner", "[]", ""], seen.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Binder runs Linux")
@pytest.mark.parametrize("command", ["jupyter-lab", "sh"])
def test_binder_makes_a_copy_and_starts_the_sandbox_before_the_command(tmp_path: Path, command: str) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "jupyter-lab").write_text('#!/bin/sh\nprintf "asked for %s" "$*"\n')
    (programs / "jupyter-lab").chmod(0o755)
    environment = os.environ | {
        "AZURE_SANDBOX_DIR": str(tmp_path / "sandbox"),
        "COURSE_COPY": str(tmp_path / "copy"),
        "PATH": os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    try:
        seen = subprocess.run(
            [ROOT / "binder" / "start", command, "-c", 'test -z "$AZURE_CLIENT_SECRET" && python -m sandbox status'],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert seen.returncode == 0, seen.stderr
        assert (tmp_path / "copy" / "index.ipynb").is_file()
        opens = f"--LabApp.default_url=/lab/tree/{tmp_path / 'copy'}/index.ipynb"
        assert (opens in seen.stdout) == (command == "jupyter-lab")
    finally:
        subprocess.run([sys.executable, "-m", "sandbox", "stop"], env=environment, capture_output=True, check=True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no executable bit")
@pytest.mark.parametrize("script", ["binder/start", ".ci/run"])
def test_scripts_can_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    subprocess.run(["bash", "-n", ROOT / script], check=True)


def test_a_devcontainer_opens_a_notebook_of_the_copy() -> None:
    described = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
    assert ".venv/bin/python -m workshop copy" in described["postStartCommand"]
    for name in described["customizations"]["codespaces"]["openFiles"]:
        assert (NOTEBOOKS / (ROOT / name).relative_to(COPY)).is_file()
