"""The locks: what may stand in them, and that they are what pyproject.toml asks for."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import version

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.packaging.checkout import ROOT, Checkout

LOCK = (ROOT / "requirements.txt").read_text()
CONDA_LOCK = (ROOT / "requirements-conda.txt").read_text()
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
LOCKED_EXTRAS = ("batch", "dev")

PIN = r"[a-z0-9-]+==[0-9][a-z0-9.+]*( ; [A-Za-z0-9_.'<>=!() -]+)?"
HASH = r"    --hash=sha256:[0-9a-f]{64}"
ENTRY = re.compile(rf"{PIN} \\\n({HASH} \\\n)*{HASH}\n")

MACHINES = {
    "Debian": {"sys_platform": "linux", "platform_machine": "x86_64", "os_name": "posix"},
    "Linux on Arm": {"sys_platform": "linux", "platform_machine": "aarch64", "os_name": "posix"},
    "Mac": {"sys_platform": "darwin", "platform_machine": "arm64", "os_name": "posix"},
    "Intel Mac": {"sys_platform": "darwin", "platform_machine": "x86_64", "os_name": "posix"},
    "Windows": {"sys_platform": "win32", "platform_machine": "AMD64", "os_name": "nt"},
}
SYSTEMS = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def without_comments(text: str) -> str:
    """A requirements file without the lines that are comments."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))


def pins() -> list[Requirement]:
    """The entries of the lock."""
    return [Requirement(line) for line in without_comments(CONDA_LOCK).splitlines()]


def asked_for() -> list[Requirement]:
    """What pyproject.toml names and the lock is made from."""
    extras = PROJECT["optional-dependencies"]
    return [Requirement(line) for name in LOCKED_EXTRAS for line in extras[name]] + [
        Requirement(line) for line in PROJECT["dependencies"]
    ]


def on(machine: str, python: str) -> dict[str, str]:
    """The values of the markers on a machine with a Python."""
    system = SYSTEMS[MACHINES[machine]["sys_platform"]]
    versions = {"python_version": python, "python_full_version": f"{python}.0"}
    more = {"platform_system": system, "platform_python_implementation": "CPython"}
    return MACHINES[machine] | versions | more | {"implementation_name": "cpython"}


def holds(requirement: Requirement, environment: dict[str, str]) -> bool:
    """Whether a requirement is meant for an environment."""
    return requirement.marker is None or requirement.marker.evaluate(environment)


def test_lock_holds_names_versions_and_hashes_only() -> None:
    rest = ENTRY.sub("", without_comments(LOCK))
    assert rest == ""


def test_lock_names_no_place() -> None:
    for text in (LOCK, CONDA_LOCK):
        assert not re.search(r"://|@|^-|\.\.?/|[A-Z]:\\", text, flags=re.MULTILINE)


def test_conda_lock_is_the_lock_without_its_hashes() -> None:
    assert re.sub(rf" \\\n{HASH}", "", LOCK) == CONDA_LOCK


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("machine", MACHINES)
def test_lock_has_one_fitting_version_of_all_that_is_asked_for(machine: str, python: str) -> None:
    environment = on(machine, python)
    active = [pin for pin in pins() if holds(pin, environment)]
    names = [pin.name for pin in active]
    assert len(names) == len(set(names))
    found = {pin.name: str(pin.specifier).removeprefix("==") for pin in active}
    for requirement in asked_for():
        if holds(requirement, environment):
            assert requirement.specifier.contains(found[canonicalize_name(requirement.name)]), requirement


def test_installed_is_what_the_lock_says() -> None:
    for pin in pins():
        if pin.marker is None or pin.marker.evaluate():
            assert pin.specifier.contains(version(pin.name)), pin


def test_a_slow_grammar_that_nothing_needs_is_left_out() -> None:
    """jsonschema imports it if it is there, for a format that no notebook has: 1.4 s for whoever reads notebooks."""
    assert not {"lark", "rfc3987-syntax"} & {pin.name for pin in pins()}
    look = "import jsonschema, nbformat, sys; print('lark' in sys.modules, jsonschema.validate([], {'type': 'array'}))"
    found = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "None"]


def test_installed_packages_agree_with_each_other() -> None:
    check = [sys.executable, "-m", "uv", "pip", "check", "--no-config", "--python", sys.executable]
    found = subprocess.run(check, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


def test_the_oldest_python_is_the_same_everywhere(checkout: Checkout) -> None:
    oldest = ".".join(map(str, checkout.installer().OLDEST))
    assert SpecifierSet(PROJECT["requires-python"]) == SpecifierSet(f">={oldest}")
    assert f"--python-version {oldest} " in (ROOT / "Makefile").read_text()
    assert PYPROJECT["tool"]["mypy"]["python_version"] == oldest
    assert PYPROJECT["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
    assert PYTHONS[0] == oldest


def test_what_builds_the_project_is_locked() -> None:
    assert set(PYPROJECT["build-system"]["requires"]) <= set(PROJECT["optional-dependencies"]["dev"])


def test_makefile_locks_the_extras_tested_here() -> None:
    assert re.findall(r"--extra (\w+)", (ROOT / "Makefile").read_text()) == [*LOCKED_EXTRAS, "hub"]
